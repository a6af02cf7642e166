// SPDX-License-Identifier: MPL-2.0
// Boot: from the memory map to a working page allocator.
//
// The array of struct page spans all RAM. Where RAM has no large holes it is a piece of the direct map; else it
// is a stretch of kernel virtual memory in which only the parts that describe RAM are backed. Either way it is
// made in units of BUDDY_BLOCK_PAGES entries (eight pages of array), so that the buddy may look at any entry of a
// block in which there is RAM at all.
#include "buddy_priv.h"
#include "kasan_priv.h"
#include "page_priv.h"
#include "pagetable_priv.h"
#include "vmap_priv.h"

#include <arch/boot.h>
#include <lib/assert.h>
#include <lib/log.h>
#include <lib/string.h>
#include <sched/sched.h>

#define BLOCK_BYTES (BUDDY_BLOCK_PAGES * PAGE_SIZE)
#define BLOCK_ARRAY_BYTES (BUDDY_BLOCK_PAGES * sizeof(struct page))
static_assert(BLOCK_ARRAY_BYTES % PAGE_SIZE == 0);

static struct {
    uint64_t first_block, end_block; // RAM lies in these blocks of BLOCK_BYTES
    uint64_t *has_ram;               // one bit a block from first_block on
} map;

static bool is_ram(const struct boot_range *range) {
    return range->type == BOOT_MEMORY_USABLE || range->type == BOOT_MEMORY_KERNEL || range->type == BOOT_MEMORY_INITRD;
}

static bool block_has_ram(uint64_t block) {
    if (block < map.first_block || block >= map.end_block)
        return false;
    block -= map.first_block;
    return map.has_ram[block / 64] >> (block % 64) & 1;
}

bool phys_is_ram(paddr_t paddr) {
    if (!block_has_ram(paddr / BLOCK_BYTES))
        return false;
    // A block may hold a hole: its entries were set to "reserved" with no references.
    struct page *page = phys_to_page(paddr);
    return !(atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_RESERVED) ||
           refcount_value(&page->ref) != 0;
}

// Taken from the end of the highest usable range that has room, so that low memory stays whole.
paddr_t page_boot_alloc(size_t pages) {
    uint64_t size = pages * PAGE_SIZE;
    for (unsigned i = boot_info.range_count; i-- > 0;) {
        struct boot_range *range = &boot_info.ranges[i];
        if (range->type != BOOT_MEMORY_USABLE || range->end - range->start < size)
            continue;
        range->end -= size;
        return range->end;
    }
    panic("no memory for %zu pages at boot", pages);
}

static void find_extent(void) {
    paddr_t low = UINT64_MAX, high = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        if (!is_ram(&boot_info.ranges[i]))
            continue;
        low = MIN(low, boot_info.ranges[i].start);
        high = MAX(high, boot_info.ranges[i].end);
    }
    ASSERT(low < high);
    map.first_block = low / BLOCK_BYTES;
    map.end_block = ALIGN_UP(high, BLOCK_BYTES) / BLOCK_BYTES;
    uint64_t bytes = ALIGN_UP((map.end_block - map.first_block + 63) / 64 * 8, PAGE_SIZE);
    map.has_ram = arch_phys_to_virt(page_boot_alloc(bytes / PAGE_SIZE));
    memset(map.has_ram, 0, bytes);
}

// Marks the blocks of RAM and returns their number.
static uint64_t mark_blocks(void) {
    uint64_t count = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (!is_ram(range) || range->start == range->end)
            continue;
        for (uint64_t block = range->start / BLOCK_BYTES; block <= (range->end - 1) / BLOCK_BYTES; block++) {
            count += !block_has_ram(block);
            uint64_t bit = block - map.first_block;
            map.has_ram[bit / 64] |= 1ull << (bit % 64);
        }
    }
    return count;
}

// Backs the array in virtual memory, block by block where there is RAM.
static void map_sparse_array(uint64_t blocks) {
    vaddr_t base = vmap_boot_reserve((map.end_block - map.first_block) * BLOCK_ARRAY_BYTES);
    paddr_t backing = page_boot_alloc(blocks * (BLOCK_ARRAY_BYTES / PAGE_SIZE));
    for (uint64_t block = map.first_block; block < map.end_block; block++) {
        if (!block_has_ram(block))
            continue;
        vaddr_t at = base + (block - map.first_block) * BLOCK_ARRAY_BYTES;
        for (size_t offset = 0; offset < BLOCK_ARRAY_BYTES; offset += PAGE_SIZE, backing += PAGE_SIZE)
            pagetable_boot_map(at + offset, backing, PROT_MAP_READ | PROT_MAP_WRITE | PROT_MAP_GLOBAL);
    }
    page_array = (struct page *)base - map.first_block * BUDDY_BLOCK_PAGES;
}

static void make_array(uint64_t blocks) {
    uint64_t span = map.end_block - map.first_block;
    if (span > blocks + blocks / 16 + 4) {
        map_sparse_array(blocks);
        return;
    }
    paddr_t backing = page_boot_alloc(span * (BLOCK_ARRAY_BYTES / PAGE_SIZE));
    page_array = (struct page *)arch_phys_to_virt(backing) - map.first_block * BUDDY_BLOCK_PAGES;
}

// Entries of frames that are not free: reserved for ever, unless page_free_range comes. `ref` 0 marks holes.
static void reserve_frames(uint64_t first, uint64_t end, uint32_t ref) {
    for (uint64_t frame = first; frame < end; frame++) {
        struct page *page = &page_array[frame];
        *page = (struct page){.flags = PAGE_RESERVED};
        refcount_init(&page->ref, ref);
    }
}

// The parts outside RAM of blocks which have some.
static void reserve_hole(paddr_t from, paddr_t to) {
    while (from < to) {
        paddr_t block_end = MIN(ALIGN_DOWN(from, BLOCK_BYTES) + BLOCK_BYTES, to);
        if (block_has_ram(from / BLOCK_BYTES))
            reserve_frames(from >> PAGE_SHIFT, block_end >> PAGE_SHIFT, 0);
        from = block_end;
    }
}

// Writes the entries of all frames that are not in a whole free block.
static void prepare_entries(void) {
    paddr_t end = map.first_block * BLOCK_BYTES;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (!is_ram(range) || range->start == range->end)
            continue;
        reserve_hole(end, range->start);
        if (range->type == BOOT_MEMORY_USABLE)
            buddy_prepare_range(range->start >> PAGE_SHIFT, range->end >> PAGE_SHIFT);
        else
            reserve_frames(range->start >> PAGE_SHIFT, range->end >> PAGE_SHIFT, 1);
        end = range->end;
    }
    reserve_hole(end, map.end_block * BLOCK_BYTES);
}

void page_init(void) {
    kasan_init(); // takes boot memory
    buddy_init();
    find_extent();
    uint64_t blocks = mark_blocks();
    make_array(blocks);
    prepare_entries();
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type != BOOT_MEMORY_USABLE || range->start == range->end)
            continue;
        buddy_add_range(range->start >> PAGE_SHIFT, range->end >> PAGE_SHIFT);
        page_total += (range->end - range->start) >> PAGE_SHIFT;
    }
    page_reserve = MAX(page_total / 128, 64ul);
    page_reserve = MIN(page_reserve, 2048ul);
    page_zero = page_alloc_one(ALLOC_ZERO);
    ASSERT(page_zero);
    atomic_store_explicit(&page_zero->flags, PAGE_RESERVED, memory_order_relaxed);
    vmap_init();
    sched_idle_hook = page_zero_some;
    klog(LOG_INFO, "memory: %llu MiB usable", (unsigned long long)(page_total >> (20 - PAGE_SHIFT)));
}

void page_free_range(paddr_t start, paddr_t end) {
    for (paddr_t at = ALIGN_UP(start, PAGE_SIZE); at + PAGE_SIZE <= end; at += PAGE_SIZE) {
        struct page *page = phys_to_page(at);
        ASSERT(atomic_load_explicit(&page->flags, memory_order_relaxed) == PAGE_RESERVED);
        atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
        page_total++;
        page_put(page);
    }
}
