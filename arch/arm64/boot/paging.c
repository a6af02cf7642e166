// SPDX-License-Identifier: MPL-2.0
// The kernel's own address space, TTBR1's. By address:
//
//   0xffff8000'00000000 …   direct map of all RAM, at a random GiB                 arm64_direct_map
//   0xffffe000'00000000     vmap: kernel stacks, device memory (kernel/mm)         ARM64_VMAP_START
//   0xffffffff'80000000 …   the image (early.c slides it within the first GiB)
//   0xffffffff'c0000000     fixed places: idle stacks, device registers, a window on firmware's tables
//
// User address spaces have roots of their own (TTBR0), so this one may grow at any time. The one-to-one map of early.c
// goes when TTBR0 gets its empty table (cpu/aspace.c).

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/early.h"
#include "boot/layout.h"
#include "cpu/sysreg.h"
#include <arch/mmu.h>
#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>

#define DIRECT_MAP_START 0xffff800000000000ul
#define DIRECT_MAP_MAX (32ul << 40) // RAM addresses that can be mapped
#define DIRECT_MAP_SLIDE (16ul << 40)
#define GIB (1ul << 30)
#define LARGE (2ul << 20)
#define STACK_PAGES 8u // of address space per CPU: the stack in the upper part
#define DEVICE_PAGES (2u * 512)
#define PEEK_TABLES 3u
#define TABLE_BITS (ARM64_PTE_VALID | ARM64_PTE_TABLE)

uintptr_t arm64_direct_map;
uint64_t *arm64_kernel_root;

static uint64_t stack_l3[512] __attribute__((section(".bss.pages"), aligned(4096)));
static uint64_t peek_l3[PEEK_TABLES][512] __attribute__((section(".bss.pages"), aligned(4096)));
static_assert(CPU_MAX * STACK_PAGES == 512 && FIXMAP_START + 512 * PAGE_SIZE == FIXMAP_DEVICES);
static_assert(FIXMAP_DEVICES + DEVICE_PAGES * PAGE_SIZE == FIXMAP_PEEK);

static struct {
    unsigned device_slots; // taken in device_l3: the first is early.c's
    struct boot_range ram[BOOT_RANGES_MAX];
} paging = {.device_slots = 1};

static uint64_t *fixmap_table(uintptr_t address) {
    return &fixmap_l2[address >> 21 & 511];
}

// --- firmware's tables, and our own before the direct map shows them ---

// The window onto [start, start + size), which replaces what it showed before.
static void *window(paddr_t start, size_t size, uint64_t bits) {
    size_t pages = (ALIGN_UP(start + size, PAGE_SIZE) - ALIGN_DOWN(start, PAGE_SIZE)) / PAGE_SIZE;
    if (pages >= PEEK_TABLES * 512ul)
        panic("boot: a table of firmware's at 0x%llx is too large: %zu bytes", (unsigned long long)start, size);
    for (unsigned i = 0; i < PEEK_TABLES; i++) {
        for (unsigned k = 0; k < 512 && peek_l3[i][k] != 0; k++)
            peek_l3[i][k] = 0;
        fixmap_table(FIXMAP_PEEK)[i] = image_phys(peek_l3[i]) | TABLE_BITS;
    }
    arch_tlb_flush_range(nullptr, FIXMAP_PEEK, FIXMAP_PEEK + PEEK_TABLES * LARGE);
    for (size_t i = 0; i < pages; i++)
        peek_l3[i / 512][i % 512] = (ALIGN_DOWN(start, PAGE_SIZE) + i * PAGE_SIZE) | bits;
    arch_pte_publish_kernel();
    return (void *)(FIXMAP_PEEK + (start & PAGE_MASK));
}

const void *paging_peek(paddr_t start, size_t size) {
    return window(start, size, ARM64_PTE_KERNEL_PAGE | ARM64_PTE_READ_ONLY);
}

void *paging_window(paddr_t start, size_t size) {
    return window(start, size, ARM64_PTE_KERNEL_PAGE);
}

paddr_t boot_alloc_phys(size_t size) {
    size = ALIGN_UP(size, PAGE_SIZE);
    paddr_t start = boot_map_take(&boot_info, size, PAGE_SIZE, DIRECT_MAP_MAX);
    if (start == 0)
        panic("boot: no memory left for the kernel's own tables (%zu KiB wanted)", size / 1024);
    memset(arm64_direct_map != 0 ? arch_phys_to_virt(start) : window(start, size, ARM64_PTE_KERNEL_PAGE), 0, size);
    return start;
}

void *boot_alloc(size_t size) {
    return arch_phys_to_virt(boot_alloc_phys(size));
}

// --- the direct map ---

// Until the next call.
static uint64_t *seen_table(paddr_t table) {
    return window(table, PAGE_SIZE, ARM64_PTE_KERNEL_PAGE);
}

// The table that entry `index` of `table` leads to, made if need be.
static paddr_t next_table(paddr_t table, unsigned index) {
    uint64_t entry = seen_table(table)[index];
    if (entry != 0)
        return entry & ARM64_PTE_ADDRESS;
    paddr_t made = boot_alloc_phys(PAGE_SIZE);
    seen_table(table)[index] = made | TABLE_BITS;
    return made;
}

// [start, end), whole pages, in blocks as large as possible.
static void map_memory(uintptr_t base, uint64_t start, uint64_t end, uint64_t bits) {
    while (start < end) {
        uintptr_t virt = base + start;
        paddr_t l1 = next_table(image_phys(kernel_root_table), virt >> 39 & 511);
        if (IS_ALIGNED(start, GIB) && end - start >= GIB) {
            seen_table(l1)[virt >> 30 & 511] = start | ARM64_PTE_KERNEL_BLOCK | bits;
            start += GIB;
            continue;
        }
        paddr_t l2 = next_table(l1, virt >> 30 & 511);
        if (IS_ALIGNED(start, LARGE) && end - start >= LARGE) {
            uint64_t *entries = seen_table(l2), stop = MIN(ALIGN_DOWN(start, GIB) + GIB, ALIGN_DOWN(end, LARGE));
            for (; start < stop; start += LARGE)
                entries[(base + start) >> 21 & 511] = start | ARM64_PTE_KERNEL_BLOCK | bits;
            continue;
        }
        uint64_t *entries = seen_table(next_table(l2, virt >> 21 & 511));
        uint64_t stop = MIN(ALIGN_DOWN(start, LARGE) + LARGE, end);
        for (; start < stop; start += PAGE_SIZE)
            entries[(base + start) >> 12 & 511] = start | ARM64_PTE_KERNEL_PAGE | bits;
    }
}

// Read-only where the image's code and constants are: they have no other writable mapping either.
static void map_range(uintptr_t base, struct boot_range range) {
    paddr_t constants = image_phys(kernel_start), data = image_phys(kernel_rodata_end);
    if (constants >= range.start && data <= range.end) {
        map_memory(base, range.start, constants, 0);
        map_memory(base, constants, data, ARM64_PTE_READ_ONLY);
        range.start = data;
    }
    map_memory(base, range.start, range.end, 0);
}

// All that is memory: firmware's tables are read through the direct map.
static bool is_ram(enum boot_memory_type type) {
    return type != BOOT_MEMORY_DEVICE;
}

// Not more than is memory: what lies beside it may be a device's, or firmware's own, and the CPU reads ahead. A copy,
// as boot_info changes while tables are taken from it.
static unsigned collect_ram(void) {
    unsigned count = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        struct boot_range range = boot_info.ranges[i];
        range.end = MIN(range.end, DIRECT_MAP_MAX);
        if (!is_ram(range.type) || range.start >= range.end)
            continue;
        if (count > 0 && range.start == paging.ram[count - 1].end)
            paging.ram[count - 1].end = range.end;
        else
            paging.ram[count++] = range;
    }
    return count;
}

static void make_direct_map(bool randomise) {
    uintptr_t base = DIRECT_MAP_START + (randomise ? ALIGN_DOWN(random_early() % DIRECT_MAP_SLIDE, GIB) : 0);
    unsigned count = collect_ram();
    for (unsigned i = 0; i < count; i++)
        map_range(base, paging.ram[i]);
    arch_pte_publish_kernel();
    arm64_direct_map = base;
}

void paging_init(void) {
    *fixmap_table(FIXMAP_START) = image_phys(stack_l3) | TABLE_BITS;
    if (!boot_map_set(&boot_info, DIRECT_MAP_MAX, UINT64_MAX, BOOT_MEMORY_RESERVED))
        panic("boot: memory map is full");
    make_direct_map((uintptr_t)kernel_start != KERNEL_LINK_BASE); // not slid: nokaslr
    arm64_kernel_root = arch_phys_to_virt(image_phys(kernel_root_table));
    early_identity_seal();
}

// --- fixed places ---

static uint64_t *device_entry(unsigned slot) {
    return &device_l3[slot / 512][slot % 512];
}

// Where all these pages are mapped already, one behind the other; DEVICE_PAGES: nowhere.
static unsigned find_mapped(paddr_t first, size_t pages) {
    for (unsigned slot = 0; slot + pages <= paging.device_slots; slot++) {
        size_t same = 0;
        while (same < pages && (*device_entry(slot + same) & ARM64_PTE_ADDRESS) == first + same * PAGE_SIZE)
            same++;
        if (same == pages)
            return slot;
    }
    return DEVICE_PAGES;
}

void *fixmap_device(paddr_t address, size_t size) {
    paddr_t first = ALIGN_DOWN(address, PAGE_SIZE);
    size_t pages = (ALIGN_UP(address + size, PAGE_SIZE) - first) / PAGE_SIZE;
    unsigned slot = find_mapped(first, pages);
    if (slot == DEVICE_PAGES) {
        slot = paging.device_slots;
        if (pages > DEVICE_PAGES - slot)
            panic("boot: no room to map device registers at 0x%llx", (unsigned long long)address);
        for (unsigned i = 0; i < pages; i++)
            *device_entry(slot + i) = (first + i * PAGE_SIZE) | ARM64_PTE_KERNEL_DEVICE;
        paging.device_slots += (unsigned)pages;
        arch_pte_publish_kernel();
    }
    return (void *)(FIXMAP_DEVICES + slot * PAGE_SIZE + (address & PAGE_MASK));
}

void *paging_map_stack(unsigned cpu) {
    static_assert(KERNEL_STACK_SIZE / PAGE_SIZE < STACK_PAGES);
    paddr_t memory = boot_alloc_phys(KERNEL_STACK_SIZE);
    unsigned slot = cpu * STACK_PAGES + STACK_PAGES - KERNEL_STACK_SIZE / PAGE_SIZE;
    for (unsigned i = 0; i < KERNEL_STACK_SIZE / PAGE_SIZE; i++)
        stack_l3[slot + i] = (memory + i * PAGE_SIZE) | ARM64_PTE_KERNEL_PAGE;
    arch_pte_publish_kernel();
    return (void *)(FIXMAP_START + (cpu + 1) * STACK_PAGES * PAGE_SIZE);
}
