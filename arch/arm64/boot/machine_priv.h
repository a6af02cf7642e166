// SPDX-License-Identifier: MPL-2.0
// Between machine.c, which decides, and the two that read firmware's tables.
#pragma once

#include "boot/machine.h"
#include <lib/fdt.h>

#define MACHINE_ADDRESS_END (1ull << 48) // physical addresses are below

// --- machine_fdt.c ---
// The tree that the loader gave us, through the direct map or paging_peek; panics if it is of no use.
void machine_open_tree(struct fdt *tree, const void *(*reach)(paddr_t start, size_t size));
// The early console from now on: the PL011 that the tree names.
void machine_find_console(const struct fdt *tree);
void machine_from_fdt(void);

// --- machine_acpi.c ---
void machine_from_acpi(void);

// --- machine.c ---
uint64_t machine_own_mpidr(void); // affinity fields of the CPU that runs this
void machine_add_cpu(uint64_t mpidr);
// Empty, with a message, if it lies beyond what a processor can address.
struct machine_region machine_region_of(const char *what, uint64_t base, uint64_t size);
