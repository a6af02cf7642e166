// SPDX-License-Identifier: MPL-2.0
// Between entry.S, early.c and what comes after them.
#pragma once

#include <arch/cpu.h>
#include <lib/types.h>

// Page tables that exist from the start: the kernel's root (TTBR1) and, below it, the image's and the fixed places'
// (paging.c).
extern uint64_t kernel_root_table[512], image_l1[512], fixmap_l2[512], device_l3[2][512];

// Of the one-to-one map, for TTBR0: the image, and what early_main reads.
extern uint64_t identity_root[512];
// Makes it read-only.
void early_identity_seal(void);

// Whether a load from there gets an answer, before cpu/ has its vectors.
bool early_probe(paddr_t address);

// Where the secondaries of smp.c come in, at its physical address: x0 is a CPU number.
extern char secondary_entry[];
// Read by secondary_entry with the MMU off.
struct secondary_start {
    uint64_t image_offset; // virtual minus physical
    uint64_t tcr;
    void *stacks[CPU_MAX]; // ends, virtual
};
extern struct secondary_start secondary_start;
