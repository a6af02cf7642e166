// SPDX-License-Identifier: MPL-2.0
// Host port: a memory map as a boot loader would give it: the arena but its first page.
#include <arch/boot.h>
#include <arch/mmu.h>

struct boot_info boot_info = {
    .ranges = {{PAGE_SIZE, HOST_ARENA_SIZE, BOOT_MEMORY_USABLE}},
    .range_count = 1,
    .random_seed = {1, 2, 3, 4},
    .platform = "host",
};
