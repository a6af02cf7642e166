// SPDX-License-Identifier: MPL-2.0
// The kernel's own address space. Upper half, by top-level entry:
//
//   0xffff8800'00000000 …   direct map of all RAM, at a random GiB                 x86_direct_map
//   0xffffe000'00000000     vmap: kernel stacks, device memory (kernel/mm)         X86_VMAP_START
//   0xffffffff'80000000 …   the image (early.c slides it within the first GiB)
//   0xffffffff'c0000000     fixed places: idle stacks, device registers
//
// The root's upper half is complete before kernel_main, so that address spaces can copy it once.
// While boot information is read, and while other CPUs start, the first 4 GiB are also mapped one to one.

#include "boot/boot_priv.h"
#include "boot/loader_info.h"
#include "boot/page_bits.h"
#include "x86_64_priv.h"
#include <arch/mmu.h>
#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>

#define DIRECT_MAP_START 0xffff880000000000ul
#define DIRECT_MAP_MAX (32ul << 40) // RAM addresses that can be mapped
#define DIRECT_MAP_SLIDE (16ul << 40)
#define GIB (1ul << 30)
#define LARGE (2ul << 20)
#define FIXMAP_START 0xffffffffc0000000ul
#define STACK_PAGES 8u // of address space per CPU: the stack in the upper part
#define STACK_TABLES (CPU_MAX * STACK_PAGES / 512)
#define FIXMAP_DEVICES (FIXMAP_START + STACK_TABLES * LARGE)

uintptr_t x86_direct_map;
uint64_t *x86_kernel_root;
uintptr_t image_offset;

static uint64_t fixmap_pd[512] __attribute__((section(".bss.pages"), aligned(4096)));
static uint64_t stack_pt[STACK_TABLES][512] __attribute__((section(".bss.pages"), aligned(4096)));
static uint64_t device_pt[512] __attribute__((section(".bss.pages"), aligned(4096)));
static_assert(CPU_MAX * STACK_PAGES % 512 == 0);

static struct {
    unsigned device_slots;   // taken in device_pt
    uint64_t identity_entry; // what boot_pml4[0] is while the identity map is on
    // RAM in whole large pages. boot_info itself changes while tables are taken from it; RAM stays RAM.
    struct boot_range ram[BOOT_RANGES_MAX];
    unsigned ram_count;
} paging;

#define TABLE_BITS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
static uint64_t data_bits(void) {
    uint64_t no_execute = x86_features.nx ? PTE_NO_EXECUTE : 0;
    return PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL | no_execute;
}

static void flush_tlb(void) {
    // Including global entries, by way of CR4.PGE.
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4\n\tmov %1, %%cr4" : : "r"(cr4 ^ 0x80), "r"(cr4) : "memory");
}

// Page tables are written through the identity map until there is a direct map.
static void *table_virt(paddr_t table) {
    return (void *)(x86_direct_map + table);
}

paddr_t boot_alloc_phys(size_t size) {
    size = ALIGN_UP(size, PAGE_SIZE);
    paddr_t start = boot_map_take(&boot_info, size, LARGE, IDENTITY_LIMIT);
    if (start == 0)
        panic("boot: no memory left for the kernel's own tables (%zu KiB wanted)", size / 1024);
    memset(table_virt(start), 0, size);
    return start;
}

void *boot_alloc(size_t size) {
    return table_virt(boot_alloc_phys(size));
}

// The entry's table, made if need be.
static uint64_t *next_table(uint64_t *entry) {
    if (!(*entry & PTE_PRESENT))
        *entry = boot_alloc_phys(PAGE_SIZE) | TABLE_BITS;
    return table_virt(*entry & PTE_ADDRESS);
}

static void map_large(uintptr_t base, uint64_t start, uint64_t end) {
    while (start < end) {
        uintptr_t virt = base + start;
        uint64_t *pdpt_entry = &next_table(&boot_pml4[virt >> 39 & 511])[virt >> 30 & 511];
        if (x86_features.gb_pages && IS_ALIGNED(start, GIB) && end - start >= GIB && !(*pdpt_entry & PTE_PRESENT)) {
            *pdpt_entry = start | data_bits() | PTE_LARGE;
            start += GIB;
            continue;
        }
        next_table(pdpt_entry)[virt >> 21 & 511] = start | data_bits() | PTE_LARGE;
        start += LARGE;
    }
}

static bool is_ram(enum boot_memory_type type) {
    return type == BOOT_MEMORY_USABLE || type == BOOT_MEMORY_KERNEL || type == BOOT_MEMORY_INITRD;
}

static void make_direct_map(bool randomise) {
    uintptr_t base = DIRECT_MAP_START + (randomise ? ALIGN_DOWN(random_early() % DIRECT_MAP_SLIDE, GIB) : 0);
    struct boot_range *ram = paging.ram;
    unsigned count = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        struct boot_range range = boot_info.ranges[i];
        if (!is_ram(range.type))
            continue;
        range.start = ALIGN_DOWN(range.start, LARGE);
        range.end = ALIGN_UP(range.end, LARGE);
        if (count > 0 && range.start <= ram[count - 1].end)
            ram[count - 1].end = MAX(range.end, ram[count - 1].end);
        else
            ram[count++] = range;
    }
    for (unsigned i = 0; i < count; i++) {
        if (ram[i].end > DIRECT_MAP_MAX) {
            klog(LOG_WARNING, "memory beyond %lu TiB is not used", DIRECT_MAP_MAX >> 40);
            ram[i].end = DIRECT_MAP_MAX;
        }
        if (ram[i].start < ram[i].end)
            map_large(base, ram[i].start, ram[i].end);
    }
    paging.ram_count = count;
    x86_direct_map = base;
}

void paging_init(void) {
    paging.identity_entry = boot_pml4[0];
    image_pdpt[511] = image_phys(fixmap_pd) | TABLE_BITS;
    for (unsigned i = 0; i < STACK_TABLES; i++)
        fixmap_pd[i] = image_phys(stack_pt[i]) | TABLE_BITS;
    fixmap_pd[STACK_TABLES] = image_phys(device_pt) | TABLE_BITS;
    next_table(&boot_pml4[X86_VMAP_START >> 39 & 511]);
    make_direct_map(image_offset != KERNEL_LINK_BASE); // not slid: nokaslr
    if (!boot_map_set(&boot_info, DIRECT_MAP_MAX, UINT64_MAX, BOOT_MEMORY_RESERVED))
        panic("boot: memory map is full");
    x86_kernel_root = table_virt(image_phys(boot_pml4));
    flush_tlb();
}

void paging_identity(bool on) {
    boot_pml4[0] = on ? paging.identity_entry : 0;
    flush_tlb();
}

void *fixmap_device(paddr_t address, size_t size) {
    size_t pages = (ALIGN_UP(address + size, PAGE_SIZE) - ALIGN_DOWN(address, PAGE_SIZE)) / PAGE_SIZE;
    unsigned slot = paging.device_slots;
    if (pages > 512 - slot)
        panic("boot: no room to map device registers at 0x%llx", (unsigned long long)address);
    for (size_t i = 0; i < pages; i++)
        device_pt[slot + i] = (ALIGN_DOWN(address, PAGE_SIZE) + i * PAGE_SIZE) | data_bits() | PTE_UNCACHED;
    paging.device_slots += (unsigned)pages;
    return (void *)(FIXMAP_DEVICES + slot * PAGE_SIZE + (address & PAGE_MASK));
}

void *paging_map_stack(unsigned cpu) {
    static_assert(KERNEL_STACK_SIZE / PAGE_SIZE < STACK_PAGES);
    paddr_t memory = boot_alloc_phys(KERNEL_STACK_SIZE);
    unsigned slot = cpu * STACK_PAGES + STACK_PAGES - KERNEL_STACK_SIZE / PAGE_SIZE;
    for (unsigned i = 0; i < KERNEL_STACK_SIZE / PAGE_SIZE; i++)
        stack_pt[(slot + i) / 512][(slot + i) % 512] = (memory + i * PAGE_SIZE) | data_bits();
    return (void *)(FIXMAP_START + (cpu + 1) * STACK_PAGES * PAGE_SIZE);
}
