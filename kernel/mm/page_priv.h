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

// Fault injection (alloc_fail.c): true if this allocation must fail.
extern bool alloc_fail_armed;
bool alloc_fail_now(void);
#define ALLOC_MUST_FAIL() UNLIKELY(alloc_fail_armed &&alloc_fail_now())
