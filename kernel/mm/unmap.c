// SPDX-License-Identifier: MPL-2.0
// Taking mappings away, in batches: clear entries, flush the TLBs once, only then drop the pages. A page must not be
// reused while some CPU can still reach it through a stale translation.
#include "aspace_priv.h"
#include "page_priv.h"
#include "pagetable_priv.h"

#include <sched/sched.h>

enum { TAG_PAGE = 0, TAG_HUGE = 1, TAG_TABLE = 2, TAG_MASK = 3 };

void unmap_begin(struct unmap *unmap, struct aspace *aspace) {
    unmap->aspace = aspace;
    unmap->start = UINTPTR_MAX;
    unmap->end = 0;
    unmap->count = 0;
    unmap->resident = 0;
}

static void release(struct unmap *unmap, uintptr_t tagged) {
    struct page *page = (struct page *)(tagged & ~(uintptr_t)TAG_MASK);
    switch (tagged & TAG_MASK) {
    case TAG_PAGE:
        page_put(page);
        break;
    case TAG_HUGE:
        huge_put(page);
        break;
    case TAG_TABLE:
        this_cpu(page_counters).tables--;
        atomic_fetch_sub_explicit(&unmap->aspace->table_pages, 1, memory_order_relaxed);
        page_free_zeroed(page);
        break;
    }
}

static void flush(struct unmap *unmap) {
    if (unmap->start < unmap->end)
        arch_tlb_flush_range(&unmap->aspace->arch, unmap->start, unmap->end);
    for (unsigned i = 0; i < unmap->count; i++)
        release(unmap, unmap->pages[i]);
    unmap->count = 0;
    unmap->start = UINTPTR_MAX;
    unmap->end = 0;
}

void unmap_finish(struct unmap *unmap) {
    flush(unmap);
    if (unmap->resident)
        atomic_fetch_sub_explicit(&unmap->aspace->resident_pages, unmap->resident, memory_order_relaxed);
    unmap->resident = 0;
    charge_shrink(&unmap->aspace->charge, aspace_used_pages(unmap->aspace));
}

static void defer(struct unmap *unmap, struct page *page, unsigned tag) {
    if (UNLIKELY(unmap->count == UNMAP_BATCH))
        flush(unmap);
    unmap->pages[unmap->count++] = (uintptr_t)page | tag;
}

static void note_range(struct unmap *unmap, vaddr_t start, vaddr_t end) {
    unmap->start = MIN(unmap->start, start);
    unmap->end = MAX(unmap->end, end);
}

ALWAYS_INLINE void take_slot(struct unmap *unmap, pte_slot_t *slot, vaddr_t address) {
    pte_t pte = slot_take(slot);
    if (!pte)
        return;
    struct page *page = pte_page(pte);
    if (page != page_zero)
        unmap->resident++;
    defer(unmap, page, TAG_PAGE);
    note_range(unmap, address, address + PAGE_SIZE);
}

void unmap_slot(struct unmap *unmap, pte_slot_t *slot, vaddr_t address) {
    take_slot(unmap, slot, address);
}

static void unmap_pages(struct unmap *unmap, pte_slot_t *table, vaddr_t start, vaddr_t end) {
    pte_slot_t *slot = &table[table_index(start, 0)];
    for (; start < end; start += PAGE_SIZE, slot++)
        if (slot_load(slot))
            take_slot(unmap, slot, start);
}

status_t unmap_range(struct unmap *unmap, vaddr_t start, vaddr_t end) {
    pte_slot_t *slot;
    for (vaddr_t at = start; (slot = next_block(unmap->aspace, &at, end));) {
        vaddr_t block = ALIGN_DOWN(at, HUGE_PAGE_SIZE), stop = MIN(block + HUGE_PAGE_SIZE, end);
        pte_t entry = slot_load(slot);
        if (is_huge_leaf(entry) && at == block && stop - at == HUGE_PAGE_SIZE) {
            slot_store(slot, 0);
            unmap->resident += PTE_PER_TABLE;
            defer(unmap, pte_page(entry), TAG_HUGE);
            note_range(unmap, at, stop);
        } else {
            if (is_huge_leaf(entry) && !split_block(unmap->aspace, slot, block))
                return -ENOMEM;
            unmap_pages(unmap, table_of(slot_load(slot)), at, stop);
        }
        at = stop;
    }
    return 0;
}

// Where tables may be freed: [start, end) was unmapped, [floor, ceiling) holds no region.
struct span {
    vaddr_t start, end, floor, ceiling;
};

static void free_below(struct unmap *unmap, pte_slot_t *table, unsigned level, const struct span *span) {
    size_t size = slot_span(level);
    for (vaddr_t at = ALIGN_DOWN(span->start, size); at < span->end; at += size) {
        pte_slot_t *slot = &table[table_index(at, level)];
        pte_t entry = slot_load(slot);
        if (!entry || (level == 1 && is_huge_leaf(entry)))
            continue;
        if (level > 1) {
            struct span part = {MAX(span->start, at), MIN(span->end, at + size), span->floor, span->ceiling};
            free_below(unmap, table_of(entry), level - 1, &part);
        }
        if (at < span->floor || at + size > span->ceiling)
            continue;
        slot_store(slot, 0);
        defer(unmap, pte_page(entry), TAG_TABLE);
        note_range(unmap, MAX(at, span->start), MIN(at + size, span->end));
    }
}

void unmap_tables(struct unmap *unmap, vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling) {
    struct span span = {start, end, floor, ceiling};
    free_below(unmap, arch_phys_to_virt(unmap->aspace->arch.root), PTE_LEVELS - 1, &span);
}
