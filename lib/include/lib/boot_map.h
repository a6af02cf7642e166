// SPDX-License-Identifier: MPL-2.0
// The memory map of struct boot_info, as a port's boot code builds it. Single-threaded.
#pragma once

#include <arch/boot.h>

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
