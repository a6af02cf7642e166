// SPDX-License-Identifier: MPL-2.0
// Bits of x86 page-table entries, for the boot code. (Generic code uses <arch/mmu.h>.)
#pragma once

#include <lib/types.h>

#define PTE_PRESENT 0x001ull
#define PTE_WRITE 0x002ull
#define PTE_UNCACHED 0x018ull // PCD and PWT
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY 0x040ull
#define PTE_LARGE 0x080ull
#define PTE_GLOBAL 0x100ull
#define PTE_NO_EXECUTE (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

// In .bss.pages, made by entry.S: the kernel's root table, and the identity map of the first 4 GiB.
extern uint64_t boot_pml4[512];
extern uint64_t boot_pdpt[512];
extern uint64_t boot_pd[4 * 512];
// early.c: the tables above the image; the canary that no attacker knows.
extern uint64_t image_pdpt[512];
extern uintptr_t __stack_chk_guard;
uint64_t early_main(uint32_t magic, uint32_t info);
