// SPDX-License-Identifier: MPL-2.0
// Between page.c, page_init.c and the rest of kernel/mm.
#pragma once

#include <arch/percpu.h>
#include <mm/page.h>

// Pages by use; each CPU counts what it does, so only the sum means something.
struct page_counters {
    int64_t slab, tables, cached, anonymous;
};
extern struct page_counters page_counters PER_CPU;

// Set once by page_init: pages managed, and how many the kernel keeps from user memory.
extern uint64_t page_total, page_reserve;

// A free page that is known to be all zero (an emptied page table).
void page_free_zeroed(struct page *page);
// Free pages right now, roughly; one load.
uint64_t page_free_estimate(void);
// Fills the pool of zeroed pages a little; true if it did something. The idle loop's hook.
bool page_zero_some(void);

// --- code.c ---
// Instruction fetches see the page from now on, or the 512 pages of a block at level 1.
void page_sync_code(struct page *page, unsigned level);
// The kernel has changed the page's contents: whoever maps it executable next must make that visible to fetches.
ALWAYS_INLINE void page_was_written(struct page *page) {
    if (ARCH_CODE_COHERENT)
        return;
    atomic_thread_fence(memory_order_seq_cst); // code.c has the other one
    if (atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_CODE)
        atomic_fetch_and_explicit(&page->flags, (uint16_t)~PAGE_CODE, memory_order_relaxed);
}
// An entry for user mode: what is to be executed is made visible to fetches before the entry exists.
ALWAYS_INLINE pte_t user_entry(struct page *page, unsigned prot, unsigned level) {
    if (!ARCH_CODE_COHERENT && (prot & PROT_MAP_EXEC))
        page_sync_code(page, level);
    return arch_pte_page(page_to_phys(page), prot, level);
}

// Fault injection (alloc_fail.c): true if this allocation must fail.
extern bool alloc_fail_armed;
bool alloc_fail_now(void);
#define ALLOC_MUST_FAIL() UNLIKELY(alloc_fail_armed &&alloc_fail_now())
