// SPDX-License-Identifier: MPL-2.0
// From a memory object to the page tables that map it: what truncation, hole punching and write-back need.
//
// Called with vmo->lock held. That is enough to walk the tables of a region on the VMO's list: a space takes a region
// off its VMO's list, which needs this lock, before it frees the tables under it. Entries may change meanwhile (a
// private copy may replace one), so they are taken by exchange.
#include "aspace_priv.h"
#include "page_priv.h"
#include "vmo_priv.h"

// The addresses at which a region maps indexes [first, end); false: none.
static bool mapped_range(const struct region *region, uint64_t first, uint64_t end, vaddr_t *from, vaddr_t *to) {
    uint64_t base = region->offset >> PAGE_SHIFT, count = (region->end - region->start) >> PAGE_SHIFT;
    uint64_t low = MAX(first, base), high = MIN(end, base + count);
    if (low >= high)
        return false;
    *from = region->start + ((low - base) << PAGE_SHIFT);
    *to = region->start + ((high - base) << PAGE_SHIFT);
    return true;
}

static bool is_private_copy(const struct page *page) {
    return page == page_zero || (atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_ANONYMOUS);
}

// Clears entries of one block.
static void clear_block(struct unmap *unmap, pte_slot_t *table, vaddr_t start, vaddr_t end, bool private_too) {
    pte_slot_t *slot = &table[table_index(start, 0)];
    for (; start < end; start += PAGE_SIZE, slot++) {
        pte_t pte = slot_load(slot);
        if (pte && (private_too || !is_private_copy(pte_page(pte))))
            unmap_slot(unmap, slot, start);
    }
}

void vmo_unmap_pages(struct vmo *vmo, uint64_t first, uint64_t end, bool private_too) {
    struct region *region;
    LIST_FOR_EACH(region, &vmo->mappings, vmo_node) {
        vaddr_t at, to;
        if (!mapped_range(region, first, end, &at, &to))
            continue;
        struct unmap unmap;
        unmap_begin(&unmap, region->aspace);
        for (pte_slot_t *block; (block = next_block(region->aspace, &at, to));) {
            vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, to);
            pte_t entry = slot_load(block);
            if (is_table(entry)) // VMOs are never mapped by huge pages
                clear_block(&unmap, table_of(entry), at, stop, private_too);
            at = stop;
        }
        unmap_finish(&unmap);
    }
}

void vmo_protect_page(struct vmo *vmo, uint64_t index) {
    struct region *region;
    LIST_FOR_EACH(region, &vmo->mappings, vmo_node) {
        vaddr_t at, to;
        if (region_is_private(region) || !mapped_range(region, index, index + 1, &at, &to))
            continue;
        pte_slot_t *slot = page_slot(region->aspace, at);
        pte_t pte = slot ? slot_load(slot) : 0;
        while (pte && arch_pte_is_writable(pte)) {
            if (slot_replace(slot, pte, arch_pte_clear_dirty(arch_pte_clear_write(pte)))) {
                arch_tlb_flush_range(&region->aspace->arch, at, to);
                break;
            }
            pte = slot_load(slot);
        }
    }
}

bool vmo_has_writable_mapping(struct vmo *vmo) {
    struct region *region;
    LIST_FOR_EACH(region, &vmo->mappings, vmo_node) {
        if ((region->flags & REGION_SHARED) && (region->flags & (REGION_WRITE | REGION_MAY_WRITE)))
            return true;
    }
    return false;
}
