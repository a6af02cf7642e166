// SPDX-License-Identifier: MPL-2.0
// Shadow memory for the address sanitizer: a byte for every eight of the kernel's half, at (address >> 3) +
// SHADOW_OFFSET, 0 where all eight may be touched. Instrumented code reads it before each access, so it must be
// there from the first instrumented instruction on, for every address that code may use.
//
// Most of it is one page of zeros, mapped read-only over and over by three tables that point to themselves one level
// down. Real memory stands only behind what the allocators and the compiler poison: the image (constants,
// variables, the boot stack), RAM in the direct map, the vmap range, idle stacks.

#include "boot/shadow.h"
#include "boot/boot_priv.h"
#include "boot/page_bits.h"
#include "x86_64_priv.h"
#include <arch/mmu.h>

#define SHADOW_OFFSET 0xdffffc0000000000ul
#define SHADOW_SLOT_FIRST 472u // top-level entries
#define SHADOW_SLOT_LAST 503u
#define IMAGE_SHADOW_SIZE (24ul << 17) // of 24 MiB, see early.c
#define IMAGE_SHADOW_TABLES 3u
#define HUGE_BYTES (2ul << 20)

#define PAGES __attribute__((section(".bss.pages"), aligned(4096)))
static uint64_t zero_page[512] PAGES;
static uint64_t zero_pt[512] PAGES;
static uint64_t zero_pd[512] PAGES;
static uint64_t zero_pdpt[512] PAGES;
static uint64_t top_pdpt[512] PAGES; // of the slot that the image's shadow is in
static uint64_t top_pd[512] PAGES;
static uint64_t top_pt[IMAGE_SHADOW_TABLES][512] PAGES;
static uint8_t image_shadow[IMAGE_SHADOW_SIZE + 2 * PAGE_SIZE] PAGES;

static uintptr_t shadow_of(uintptr_t address) { return (address >> 3) + SHADOW_OFFSET; }

#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define ZERO_BITS (PTE_PRESENT | PTE_ACCESSED | PTE_NO_EXECUTE)
#define DATA_BITS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NO_EXECUTE)

static void fill(uint64_t *table, uint64_t entry) {
    for (unsigned i = 0; i < 512; i++)
        table[i] = entry;
}

// Runs at physical addresses: the tables' addresses are what goes into the entries.
void shadow_map_early(uint64_t slide) {
    fill(zero_pt, (uintptr_t)zero_page | ZERO_BITS);
    fill(zero_pd, (uintptr_t)zero_pt | TABLE_BITS);
    fill(zero_pdpt, (uintptr_t)zero_pd | TABLE_BITS);
    fill(top_pdpt, (uintptr_t)zero_pd | TABLE_BITS);
    fill(top_pd, (uintptr_t)zero_pt | TABLE_BITS);
    for (unsigned slot = SHADOW_SLOT_FIRST; slot < SHADOW_SLOT_LAST; slot++)
        boot_pml4[slot] = (uintptr_t)zero_pdpt | TABLE_BITS;
    boot_pml4[SHADOW_SLOT_LAST] = (uintptr_t)top_pdpt | TABLE_BITS;

    uintptr_t start = ALIGN_DOWN(shadow_of(KERNEL_LINK_BASE + KERNEL_PHYS + slide), PAGE_SIZE);
    top_pdpt[start >> 30 & 511] = (uintptr_t)top_pd | TABLE_BITS;
    for (unsigned i = 0; i < IMAGE_SHADOW_TABLES; i++) {
        fill(top_pt[i], (uintptr_t)zero_page | ZERO_BITS);
        top_pd[(start >> 21 & 511) + i] = (uintptr_t)top_pt[i] | TABLE_BITS;
    }
    for (uintptr_t offset = 0; offset < sizeof image_shadow; offset += PAGE_SIZE) {
        uintptr_t at = (start & (HUGE_BYTES - 1)) + offset;
        top_pt[at / HUGE_BYTES][at >> 12 & 511] = ((uintptr_t)image_shadow + offset) | DATA_BITS;
    }
}

// The table below `entry`, made its own first if it is one of the shared ones.
static uint64_t *own_table(uint64_t *entry, const uint64_t *shared, uint64_t filler) {
    uint64_t shared_phys = (uintptr_t)shared - x86_image_offset;
    if ((*entry & PTE_ADDRESS) == shared_phys) {
        paddr_t table = boot_alloc_phys(PAGE_SIZE);
        fill((uint64_t *)(x86_direct_map + table), filler);
        *entry = table | TABLE_BITS;
    }
    return (uint64_t *)(x86_direct_map + (*entry & PTE_ADDRESS));
}

// Page by page: ranges may begin and end anywhere, and this is for debugging.
void shadow_back(uintptr_t start, uint64_t size) {
    uint64_t zero_pd_phys = (uintptr_t)zero_pd - x86_image_offset, zero_pt_phys = (uintptr_t)zero_pt - x86_image_offset;
    uint64_t zero_page_phys = (uintptr_t)zero_page - x86_image_offset;
    uintptr_t first = ALIGN_DOWN(shadow_of(start), PAGE_SIZE), end = ALIGN_UP(shadow_of(start + size - 1) + 1, PAGE_SIZE);
    for (uintptr_t at = first; at < end; at += PAGE_SIZE) {
        uint64_t *pdpt = own_table(&boot_pml4[at >> 39 & 511], zero_pdpt, zero_pd_phys | TABLE_BITS);
        uint64_t *pd = own_table(&pdpt[at >> 30 & 511], zero_pd, zero_pt_phys | TABLE_BITS);
        uint64_t *pt = own_table(&pd[at >> 21 & 511], zero_pt, zero_page_phys | ZERO_BITS);
        uint64_t *entry = &pt[at >> 12 & 511];
        if ((*entry & PTE_ADDRESS) == zero_page_phys)
            *entry = boot_alloc_phys(PAGE_SIZE) | DATA_BITS;
    }
}
