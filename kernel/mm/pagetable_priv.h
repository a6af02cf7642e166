// SPDX-License-Identifier: MPL-2.0
// The generic page-table walker. Private to kernel/mm.
//
// Slots are read and written with single atomic accesses; faults (aspace.lock held for reading) fill empty slots by
// compare-and-exchange, and whoever frees tables holds aspace.lock for writing. A "block" is the 2 MiB that one
// level-1 slot covers: the slot is empty, a table of 512 pages, or a leaf (a huge page, perhaps hidden).
//
// Who replaces a live entry by one that leads elsewhere (a private copy, a table for a huge leaf) breaks before he
// makes: hides the entry, marked as *changing*, flushes, and only then stores the new one. Otherwise one thread could
// write to the new page while another still reads the old one. Another fault that finds a changing entry lets the first
// one finish. Truncation may take it, as any entry; then the new one is dropped.
//
// A table is filled before the slot that leads to it is stored (release); readers, the processor's walks among
// them, follow the address that they read, which orders them.
#pragma once

#include <arch/cpu.h>
#include <mm/aspace.h>

typedef _Atomic pte_t pte_slot_t;

ALWAYS_INLINE pte_t slot_load(pte_slot_t *slot) {
    return atomic_load_explicit(slot, memory_order_relaxed);
}
ALWAYS_INLINE void slot_store(pte_slot_t *slot, pte_t pte) {
    atomic_store_explicit(slot, pte, memory_order_release);
}
ALWAYS_INLINE bool slot_replace(pte_slot_t *slot, pte_t old, pte_t pte) {
    return atomic_compare_exchange_strong_explicit(slot, &old, pte, memory_order_acq_rel, memory_order_relaxed);
}
ALWAYS_INLINE pte_t slot_take(pte_slot_t *slot) {
    return atomic_exchange_explicit(slot, 0, memory_order_acq_rel);
}

#define PTE_SOFT_CHANGING 1u
ALWAYS_INLINE pte_t pte_changing(pte_t pte) {
    return arch_pte_set_soft(arch_pte_hide(pte), PTE_SOFT_CHANGING);
}
ALWAYS_INLINE bool is_changing(pte_t pte) {
    return !arch_pte_is_present(pte) && arch_pte_soft(pte) == PTE_SOFT_CHANGING;
}
// Waits for another CPU to finish what it does to the entry. It does not block, nor does it need our locks.
ALWAYS_INLINE void slot_wait(pte_slot_t *slot, pte_t pte) {
    while (slot_load(slot) == pte)
        arch_cpu_relax();
}

ALWAYS_INLINE unsigned table_index(vaddr_t address, unsigned level) {
    return address >> (PAGE_SHIFT + 9 * level) & (PTE_PER_TABLE - 1);
}
// Bytes that a slot of this level covers.
ALWAYS_INLINE size_t slot_span(unsigned level) {
    return PAGE_SIZE << (9 * level);
}
ALWAYS_INLINE pte_slot_t *table_of(pte_t entry) {
    return arch_phys_to_virt(arch_pte_address(entry));
}
ALWAYS_INLINE struct page *pte_page(pte_t pte) {
    return phys_to_page(arch_pte_address(pte));
}
// A level-1 entry that is neither empty nor a table: maps 2 MiB, or hides them.
ALWAYS_INLINE bool is_huge_leaf(pte_t block) {
    return block != 0 && (!arch_pte_is_present(block) || arch_pte_is_leaf(block, 1));
}
ALWAYS_INLINE bool is_table(pte_t block) {
    return block != 0 && !is_huge_leaf(block);
}

// --- user tables ---
// Where the last user table ends.
#define TABLES_TOP ALIGN_UP(USER_TOP, slot_span(PTE_LEVELS - 1))

// The block's slot; nullptr: no tables that far down.
pte_slot_t *block_slot(struct aspace *aspace, vaddr_t address);
// The same, making tables; nullptr: no memory.
pte_slot_t *block_slot_make(struct aspace *aspace, vaddr_t address);
// The page's slot in a block that is a table or empty (then it gets a table). nullptr: no memory, or the block is huge
// (*huge is set).
pte_slot_t *page_slot_make(struct aspace *aspace, vaddr_t address, bool *huge);
// The page's slot, or nullptr if there is none (no tables, or a huge leaf).
pte_slot_t *page_slot(struct aspace *aspace, vaddr_t address);
// The first block in [*address, end) whose slot is not empty; *address is moved there (not backwards). nullptr: none.
pte_slot_t *next_block(struct aspace *aspace, vaddr_t *address, vaddr_t end);
// Makes a table of a huge leaf, same pages, same rights, and flushes if the port must. False: no memory. aspace.lock is
// held for writing, or the leaf is read-only.
MUST_USE bool split_block(struct aspace *aspace, pte_slot_t *slot, vaddr_t address);
// A new table's page; nullptr: no memory.
struct page *table_alloc(struct aspace *aspace);
// The first slot in [i, end) of a level-0 table that is not empty, or something at or after `end`.
ALWAYS_INLINE unsigned skip_empty(pte_slot_t *table, unsigned i, unsigned end) {
    while (i < end && !slot_load(&table[i])) {
        i++;
        while (IS_ALIGNED(i, 8u) && i < end &&
               !(slot_load(&table[i]) | slot_load(&table[i + 1]) | slot_load(&table[i + 2]) | slot_load(&table[i + 3]) |
                 slot_load(&table[i + 4]) | slot_load(&table[i + 5]) | slot_load(&table[i + 6]) |
                 slot_load(&table[i + 7])))
            i += 8;
    }
    return i;
}
// End of a space that nobody uses any more, region by region in ascending order: drops the pages of [start, end), and
// the tables that reach no further than `ceiling`, where the next region starts. Flushes nothing.
void pagetable_drop(struct aspace *aspace, vaddr_t start, vaddr_t end, vaddr_t ceiling);

// --- kernel tables: under the callers' locks ---
MUST_USE status_t pagetable_kernel_map(vaddr_t address, paddr_t page, unsigned prot);
// Empties the slot and returns the page's address (0: there was none). The caller flushes.
paddr_t pagetable_kernel_unmap(vaddr_t address);
// At boot, tables from page_boot_alloc.
void pagetable_boot_map(vaddr_t address, paddr_t page, unsigned prot);

// --- huge pages: blocks of order 9 (huge.c) ---
// A leaf is copied / dropped: one more or less reference to each of the 512 pages.
void huge_get(struct page *head);
void huge_put(struct page *head);
// From now on each of the 512 pages counts its own references.
void huge_separate(struct page *head);
// True if nobody but the asking leaf refers to any of the pages.
bool huge_is_sole(struct page *head);

// --- taking mappings away (unmap.c) ---
#define UNMAP_BATCH 120
struct unmap {
    struct aspace *aspace;
    vaddr_t start, end; // to be flushed
    unsigned count;
    int64_t resident;
    uintptr_t pages[UNMAP_BATCH]; // struct page pointers; tag in the low bits
};
void unmap_begin(struct unmap *unmap, struct aspace *aspace);
// Clears all entries in the range. -ENOMEM: a huge leaf had to be split; what was done is done.
MUST_USE status_t unmap_range(struct unmap *unmap, vaddr_t start, vaddr_t end);
// Clears one slot.
void unmap_slot(struct unmap *unmap, pte_slot_t *slot, vaddr_t address);
// Frees tables of [start, end) that cover nothing between floor and ceiling but free space.
void unmap_tables(struct unmap *unmap, vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling);
// Flushes, then drops the pages.
void unmap_finish(struct unmap *unmap);
