// SPDX-License-Identifier: MPL-2.0
// What the boot code hands to kernel_main: where memory is, and what the loader passed.
#pragma once

#include <lib/types.h>

#define BOOT_RANGES_MAX 128

enum boot_memory_type {
    BOOT_MEMORY_USABLE,
    BOOT_MEMORY_RESERVED, // firmware
    BOOT_MEMORY_KERNEL,   // our image, boot page tables
    BOOT_MEMORY_INITRD,
    BOOT_MEMORY_DEVICE,
};

struct boot_range {
    paddr_t start; // page-aligned
    paddr_t end;
    enum boot_memory_type type;
};

struct boot_info {
    struct boot_range ranges[BOOT_RANGES_MAX]; // sorted, not overlapping
    unsigned range_count;
    paddr_t initrd_start, initrd_end; // 0,0: none
    char command_line[4096];
    uint8_t random_seed[32]; // whatever entropy was at hand (KASLR already used it)
    const char *platform;    // "q35", "microvm", "virt", …: for the log
};

extern struct boot_info boot_info;
