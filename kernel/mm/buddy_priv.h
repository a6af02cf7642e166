// SPDX-License-Identifier: MPL-2.0
// The buddy allocator proper, below the per-CPU caches of page.c. Private to kernel/mm.
#pragma once

#include <mm/page.h>
#include <sched/spinlock.h>

#define BUDDY_BLOCK_PAGES (1ul << PAGE_ORDER_MAX)

struct buddy {
    struct spinlock lock;
    struct list_node free[PAGE_ORDER_MAX + 1] GUARDED_BY(&lock); // struct page.node of block heads
    _Atomic uint64_t free_pages;                                 // written under lock
};

extern struct buddy buddy;

void buddy_init(void);
// A block with references and flags cleared in every struct page; nullptr: none, or fewer than `keep` pages would
// be left.
struct page *buddy_take(unsigned order, uint64_t keep);
// Up to `count` single pages under one lock; returns how many.
unsigned buddy_take_many(struct page **pages, unsigned count, uint64_t keep);
void buddy_give(struct page *page, unsigned order);
void buddy_give_many(struct page **pages, unsigned count);
// Boot: frames [first, end) become free, after all ranges were prepared (freeing looks at neighbours). Struct pages
// of whole max-order blocks are not touched but for the head.
void buddy_prepare_range(uint64_t first, uint64_t end);
void buddy_add_range(uint64_t first, uint64_t end);
