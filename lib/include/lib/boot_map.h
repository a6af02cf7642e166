// SPDX-License-Identifier: MPL-2.0
// What the boot code knows of the machine (struct boot_info), and its memory map, as a port's boot code builds it.
// Single-threaded.
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

struct boot_bytes {
    const uint8_t *bytes;
    size_t size; // 0: there are none
};

struct boot_info {
    struct boot_range ranges[BOOT_RANGES_MAX]; // sorted, not overlapping
    unsigned range_count;
    paddr_t initrd_start, initrd_end; // 0,0: none
    char command_line[4096];
    uint8_t random_seed[32]; // whatever entropy was at hand (KASLR already used it)
    const char *platform;    // "q35", "microvm", "virt", …: for the log
    // What firmware says of the machine (lib/smbios.h), copies for good; the table is whole structures.
    struct boot_bytes smbios_entry, smbios_table;
    unsigned smbios_version;
};

// Makes [start, end) be of `type`, whatever it was before. Usable memory shrinks to whole pages, everything else
// grows to them. False: the table is full; then nothing changed.
MUST_USE bool boot_map_set(struct boot_info *info, uint64_t start, uint64_t end, enum boot_memory_type type);
// True if all of [start, end) is usable memory.
bool boot_map_is_usable(const struct boot_info *info, uint64_t start, uint64_t end);
// Takes `size` bytes (a multiple of the page size) out of usable memory between `low` and `high`, lowest first, and
// marks them BOOT_MEMORY_KERNEL. 0: there is no such stretch.
paddr_t boot_map_take(struct boot_info *info, uint64_t size, uint64_t low, uint64_t high);
// Bytes of all ranges of that type.
uint64_t boot_map_total(const struct boot_info *info, enum boot_memory_type type);
