// SPDX-License-Identifier: MPL-2.0
// What the page tables have for each page of a range: /proc/PID/pagemap. Entries may change while they are looked at;
// each is loaded once, and a page that goes away meanwhile still has its struct page.
#include "aspace_priv.h"

#include <lib/string.h>

static struct page_mapping describe_page(pte_t pte) {
    struct page *page = pte_page(pte);
    if (page == page_zero)
        return (struct page_mapping){.frame = arch_pte_address(pte) >> PAGE_SHIFT, .present = true};
    return (struct page_mapping){
        .frame = arch_pte_address(pte) >> PAGE_SHIFT,
        .present = true,
        .file = !(atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_ANONYMOUS),
        .exclusive = !page_has_others(page),
    };
}

// Huge pages are private memory's alone.
static struct page_mapping describe_huge(pte_t block, vaddr_t at) {
    return (struct page_mapping){
        .frame = (arch_pte_address(block) >> PAGE_SHIFT) + table_index(at, 0),
        .present = true,
        .exclusive = huge_is_sole(pte_page(block)),
    };
}

void aspace_pagemap(struct aspace *aspace, vaddr_t start, size_t pages, struct page_mapping *out) {
    vaddr_t end = start + pages * PAGE_SIZE;
    pte_slot_t *block;
    memset(out, 0, pages * sizeof *out);
    rwlock_read(&aspace->lock);
    for (vaddr_t at = start; (block = next_block(aspace, &at, end));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, end);
        pte_t entry = slot_load(block);
        for (; at < stop; at += PAGE_SIZE) {
            struct page_mapping *to = &out[(at - start) >> PAGE_SHIFT];
            pte_t pte = is_table(entry) ? slot_load(&table_of(entry)[table_index(at, 0)]) : 0;
            if (is_huge_leaf(entry))
                *to = describe_huge(entry, at);
            else if (pte)
                *to = describe_page(pte);
        }
    }
    rwlock_read_unlock(&aspace->lock);
}
