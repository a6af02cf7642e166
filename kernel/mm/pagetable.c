// SPDX-License-Identifier: MPL-2.0
// Walking page tables (pagetable_priv.h).
//
// User tables grow under concurrent faults: a new table is linked by compare-and-exchange, and who loses the race
// frees his. A table page that is freed is all zeros, so it goes back to the allocator as a zeroed page.
#include "page_priv.h"
#include "pagetable_priv.h"

#include <lib/assert.h>
#include <lib/string.h>

struct page *table_alloc(struct aspace *aspace) {
    struct page *page = page_alloc_one(ALLOC_ZERO | (aspace ? ALLOC_USER : 0));
    if (!page)
        return nullptr;
    atomic_store_explicit(&page->flags, PAGE_TABLE, memory_order_relaxed);
    this_cpu(page_counters).tables++;
    if (aspace)
        atomic_fetch_add_explicit(&aspace->table_pages, 1, memory_order_relaxed);
    return page;
}

static void table_free(struct aspace *aspace, struct page *page) {
    this_cpu(page_counters).tables--;
    if (aspace)
        atomic_fetch_sub_explicit(&aspace->table_pages, 1, memory_order_relaxed);
    page_free_zeroed(page);
}

static pte_slot_t *root_of(struct aspace *aspace) {
    return arch_phys_to_virt(aspace->arch.root);
}

// The table below an empty slot; another CPU may be making one too.
static NOINLINE pte_slot_t *add_table(struct aspace *aspace, pte_slot_t *slot) {
    struct page *page = table_alloc(aspace);
    if (!page)
        return nullptr;
    if (!slot_replace(slot, 0, arch_pte_table(page_to_phys(page))))
        table_free(aspace, page);
    return table_of(slot_load(slot));
}

pte_slot_t *block_slot(struct aspace *aspace, vaddr_t address) {
    pte_slot_t *table = root_of(aspace);
    for (unsigned level = PTE_LEVELS - 1; level > 1; level--) {
        pte_t entry = slot_load(&table[table_index(address, level)]);
        if (!entry)
            return nullptr;
        table = table_of(entry);
    }
    return &table[table_index(address, 1)];
}

pte_slot_t *block_slot_make(struct aspace *aspace, vaddr_t address) {
    pte_slot_t *table = root_of(aspace);
    for (unsigned level = PTE_LEVELS - 1; level > 1; level--) {
        pte_slot_t *slot = &table[table_index(address, level)];
        pte_t entry = slot_load(slot);
        table = LIKELY(entry) ? table_of(entry) : add_table(aspace, slot);
        if (!table)
            return nullptr;
    }
    return &table[table_index(address, 1)];
}

pte_slot_t *page_slot_make(struct aspace *aspace, vaddr_t address, bool *huge) {
    *huge = false;
    pte_slot_t *block = block_slot_make(aspace, address);
    if (!block)
        return nullptr;
    pte_t entry = slot_load(block);
    if (!entry) {
        if (!add_table(aspace, block))
            return nullptr;
        entry = slot_load(block); // perhaps a huge leaf of another CPU's
    }
    if (is_huge_leaf(entry)) {
        *huge = true;
        return nullptr;
    }
    return &table_of(entry)[table_index(address, 0)];
}

pte_slot_t *page_slot(struct aspace *aspace, vaddr_t address) {
    pte_slot_t *block = block_slot(aspace, address);
    pte_t entry = block ? slot_load(block) : 0;
    return is_table(entry) ? &table_of(entry)[table_index(address, 0)] : nullptr;
}

pte_slot_t *next_block(struct aspace *aspace, vaddr_t *address, vaddr_t end) {
    vaddr_t at = *address;
    while (at < end) {
        pte_slot_t *table = root_of(aspace);
        unsigned level = PTE_LEVELS - 1;
        pte_slot_t *slot = &table[table_index(at, level)];
        while (level > 1 && slot_load(slot)) {
            table = table_of(slot_load(slot));
            slot = &table[table_index(at, --level)];
        }
        if (slot_load(slot)) {
            *address = at;
            return slot;
        }
        at = ALIGN_DOWN(at, slot_span(level)) + slot_span(level); // user addresses: no overflow
    }
    return nullptr;
}

// The entries of the block's pages.
static void fill_parts(pte_slot_t *table, pte_t block) {
    paddr_t first = arch_pte_address(block);
    for (unsigned i = 0; i < PTE_PER_TABLE; i++)
        slot_store(&table[i], arch_pte_part(block, first + i * PAGE_SIZE));
}

// Replaces the leaf by the table that translates the same. False: somebody else changed the slot first.
static bool replace_leaf(struct aspace *aspace, pte_slot_t *slot, pte_t block, struct page *table, vaddr_t address) {
    if (arch_pte_is_present(block) && !ARCH_PTE_SPLIT_LIVE) {
        pte_t changing = pte_changing(block);
        if (!slot_replace(slot, block, changing))
            return false;
        arch_tlb_flush_range(&aspace->arch, address, address + HUGE_PAGE_SIZE);
        block = changing;
    }
    return slot_replace(slot, block, arch_pte_table(page_to_phys(table)));
}

bool split_block(struct aspace *aspace, pte_slot_t *slot, vaddr_t address) {
    struct page *page = table_alloc(aspace);
    if (!page)
        return false;
    pte_t block = slot_load(slot);
    if (!is_huge_leaf(block) || is_changing(block)) { // another fault does it
        table_free(aspace, page);
        return true;
    }
    huge_separate(pte_page(block));
    fill_parts(page_to_virt(page), block);
    if (replace_leaf(aspace, slot, block, page, ALIGN_DOWN(address, HUGE_PAGE_SIZE)))
        return true;
    memset(page_to_virt(page), 0, PAGE_SIZE);
    table_free(aspace, page);
    return true;
}

// The pages of [start, end), which lies in one block.
static void drop_pages(pte_slot_t *table, vaddr_t start, vaddr_t end) {
    for (unsigned i = table_index(start, 0), stop = i + (unsigned)((end - start) >> PAGE_SHIFT); i < stop; i++) {
        i = skip_empty(table, i, stop);
        if (i >= stop)
            return;
        pte_t pte = slot_load(&table[i]);
        slot_store(&table[i], 0);
        page_put(pte_page(pte));
    }
}

static void drop_region(struct aspace *aspace, vaddr_t start, vaddr_t end) {
    pte_slot_t *slot;
    for (vaddr_t at = start; (slot = next_block(aspace, &at, end));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, end);
        pte_t entry = slot_load(slot);
        if (is_huge_leaf(entry)) {
            slot_store(slot, 0);
            huge_put(pte_page(entry));
        } else {
            drop_pages(table_of(entry), at, stop);
        }
        at = stop;
    }
}

// Tables under [start, end) that reach no further than `ceiling`.
static void drop_tables(struct aspace *aspace, pte_slot_t *table, unsigned level, const vaddr_t bounds[3]) {
    vaddr_t start = bounds[0], end = bounds[1], ceiling = bounds[2];
    for (vaddr_t at = ALIGN_DOWN(start, slot_span(level)); at < end; at += slot_span(level)) {
        pte_slot_t *slot = &table[table_index(at, level)];
        pte_t entry = slot_load(slot);
        if (!is_table(entry) && level == 1)
            continue;
        if (!entry)
            continue;
        vaddr_t below[3] = {MAX(start, at), MIN(end, at + slot_span(level)), ceiling};
        if (level > 1)
            drop_tables(aspace, table_of(entry), level - 1, below);
        if (at + slot_span(level) > ceiling)
            continue; // the next region's, too
        slot_store(slot, 0);
        table_free(aspace, pte_page(entry));
    }
}

void pagetable_drop(struct aspace *aspace, vaddr_t start, vaddr_t end, vaddr_t ceiling) {
    drop_region(aspace, start, end);
    const vaddr_t bounds[3] = {start, end, ceiling};
    drop_tables(aspace, root_of(aspace), PTE_LEVELS - 1, bounds);
}

static pte_slot_t *kernel_slot(vaddr_t address, struct page *(*make)(void)) {
    pte_slot_t *table = (pte_slot_t *)arch_kernel_root();
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        pte_slot_t *slot = &table[table_index(address, level)];
        if (!slot_load(slot)) {
            struct page *page = make ? make() : nullptr;
            if (!page)
                return nullptr;
            slot_store(slot, arch_pte_table(page_to_phys(page)));
        }
        ASSERT(!arch_pte_is_leaf(slot_load(slot), level));
        table = table_of(slot_load(slot));
    }
    return &table[table_index(address, 0)];
}

static struct page *kernel_table(void) {
    return table_alloc(nullptr);
}

status_t pagetable_kernel_map(vaddr_t address, paddr_t page, unsigned prot) {
    pte_slot_t *slot = kernel_slot(address, kernel_table);
    if (!slot)
        return -ENOMEM;
    ASSERT(slot_load(slot) == 0);
    slot_store(slot, arch_pte_page(page, prot, 0));
    arch_pte_publish_kernel();
    return 0;
}

paddr_t pagetable_kernel_unmap(vaddr_t address) {
    pte_slot_t *slot = kernel_slot(address, nullptr);
    return slot ? arch_pte_address(slot_take(slot)) : 0;
}

void pagetable_boot_map(vaddr_t address, paddr_t page, unsigned prot) {
    pte_slot_t *table = (pte_slot_t *)arch_kernel_root();
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
        pte_slot_t *slot = &table[table_index(address, level)];
        if (!slot_load(slot)) {
            paddr_t new_table = page_boot_alloc(1);
            memset(arch_phys_to_virt(new_table), 0, PAGE_SIZE);
            slot_store(slot, arch_pte_table(new_table));
        }
        table = table_of(slot_load(slot));
    }
    slot_store(&table[table_index(address, 0)], arch_pte_page(page, prot, 0));
    arch_pte_publish_kernel();
}
