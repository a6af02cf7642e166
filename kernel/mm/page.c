// SPDX-License-Identifier: MPL-2.0
// Pages for everybody: three levels of free pages.
//
//   CPU     two stacks (plain, zeroed) which only their CPU touches: no lock, no atomic instruction
//   node    two lists of single pages shared by all CPUs, moved in batches under one short lock
//   buddy   everything else (buddy.c)
//
// The idle loop zeroes pages of the node level ahead of time. A page table that was emptied goes back as zeroed.
// Pages on the upper two levels cannot merge, so when a block is not to be had they are drained and it is tried again.
//
// A free page has no flags (PAGE_ZEROED aside) and reference count 0; a page handed out has count 1.
// Lock order: node.lock and buddy.lock are never held together.
#include "buddy_priv.h"
#include "kasan_priv.h"
#include "page_priv.h"

#include <arch/smp.h>
#include <lib/string.h>

#define STACK_PAGES 192
#define BATCH 32
#define NODE_PLAIN_MAX 1024 // beyond, batches go to the buddy

struct page_stack {
    uint32_t count;
    struct page *pages[STACK_PAGES];
};

static struct page_stack plain_stack PER_CPU, zero_stack PER_CPU;
struct page_counters page_counters PER_CPU;

struct page_pool {
    struct list_node pages;
    _Atomic uint64_t count; // written under the lock
};

static struct {
    struct spinlock lock;
    struct page_pool plain GUARDED_BY(&lock), zeroed GUARDED_BY(&lock);
} node = {.plain = {.pages = LIST_INIT(node.plain.pages)}, .zeroed = {.pages = LIST_INIT(node.zeroed.pages)}};

struct page *page_array;
struct page *page_zero;
uint64_t page_total, page_reserve;

// How many pages of the buddy an allocation of this kind must leave.
static uint64_t must_keep(unsigned flags) {
    if (flags & ALLOC_ATOMIC)
        return 0;
    return flags & ALLOC_USER ? page_reserve : page_reserve / 4;
}

ALWAYS_INLINE struct page *hand_out(struct page *page) {
    refcount_init(&page->ref, 1);
    kasan_unpoison(page_to_virt(page), PAGE_SIZE << page->order);
    return page;
}

// Moves up to BATCH pages from a pool of the node to a stack of this CPU.
static unsigned refill_from_pool(struct page_stack *stack, bool zeroed) {
    unsigned done = 0;
    spin_lock(&node.lock);
    struct page_pool *pool = zeroed ? &node.zeroed : &node.plain;
    for (; done < BATCH && pool->count > 0; done++, pool->count--) {
        struct page *page = LIST_FIRST(&pool->pages, struct page, node);
        list_remove(&page->node);
        stack->pages[stack->count++] = page;
    }
    spin_unlock(&node.lock);
    return done;
}

// Brings pages to the plain stack, which is empty. False: there are none for this kind of caller.
static bool refill_plain(unsigned flags) {
    struct page_stack *stack = &this_cpu(plain_stack);
    if ((flags & ALLOC_USER) && page_free_estimate() < page_reserve)
        return false;
    if (refill_from_pool(stack, false))
        return true;
    stack->count = buddy_take_many(stack->pages, BATCH, must_keep(flags));
    return stack->count > 0;
}

static void zero(struct page *page) {
    arch_page_zero(page_to_virt(page));
}

static NOINLINE struct page *alloc_one_slow(unsigned flags) {
    struct page_stack *plain = &this_cpu(plain_stack), *zeroed = &this_cpu(zero_stack);
    if ((flags & ALLOC_ZERO) && refill_from_pool(zeroed, true))
        return hand_out(zeroed->pages[--zeroed->count]);
    if (plain->count > 0 || refill_plain(flags)) {
        struct page *page = plain->pages[--plain->count];
        if (flags & ALLOC_ZERO)
            zero(page);
        return hand_out(page);
    }
    // Zeroed pages serve plain wishes at last.
    bool enough = !(flags & ALLOC_USER) || page_free_estimate() >= page_reserve;
    if (enough && (zeroed->count > 0 || refill_from_pool(zeroed, true)))
        return hand_out(zeroed->pages[--zeroed->count]);
    return nullptr;
}

struct page *page_alloc_one(unsigned flags) {
    if (ALLOC_MUST_FAIL())
        return nullptr;
    struct page_stack *stack = flags & ALLOC_ZERO ? &this_cpu(zero_stack) : &this_cpu(plain_stack);
    if (LIKELY(stack->count > 0))
        return hand_out(stack->pages[--stack->count]);
    return alloc_one_slow(flags);
}

// Gives this CPU's pages and the node's plain ones back to the buddy, so that they can merge.
static void drain(void) {
    struct page_stack *stacks[] = {&this_cpu(plain_stack), &this_cpu(zero_stack)};
    for (unsigned i = 0; i < ARRAY_SIZE(stacks); i++) {
        buddy_give_many(stacks[i]->pages, stacks[i]->count);
        stacks[i]->count = 0;
    }
    struct page_stack *stack = stacks[0];
    while (refill_from_pool(stack, false) || refill_from_pool(stack, true)) {
        buddy_give_many(stack->pages, stack->count);
        stack->count = 0;
    }
}

struct page *page_alloc(unsigned order, unsigned flags) {
    if (order == 0)
        return page_alloc_one(flags);
    if (order > PAGE_ORDER_MAX || ALLOC_MUST_FAIL())
        return nullptr;
    struct page *page = buddy_take(order, must_keep(flags));
    if (!page && !(flags & ALLOC_USER)) {
        drain();
        page = buddy_take(order, must_keep(flags));
    }
    if (!page)
        return nullptr;
    atomic_store_explicit(&page->flags, PAGE_HEAD, memory_order_relaxed);
    page->order = order;
    if (flags & ALLOC_ZERO)
        for (unsigned i = 0; i < 1u << order; i++)
            zero(page + i);
    return hand_out(page);
}

// A stack is full: its older half goes to the node, or, when that has enough, to the buddy.
static NOINLINE void spill(struct page_stack *stack, bool zeroed) {
    unsigned move = STACK_PAGES / 2;
    spin_lock(&node.lock);
    struct page_pool *pool = zeroed ? &node.zeroed : &node.plain;
    bool room = pool->count < NODE_PLAIN_MAX;
    if (room) {
        for (unsigned i = 0; i < move; i++)
            list_push_front(&pool->pages, &stack->pages[i]->node);
        pool->count += move;
    }
    spin_unlock(&node.lock);
    if (!room)
        buddy_give_many(stack->pages, move);
    stack->count -= move;
    memmove(stack->pages, stack->pages + move, stack->count * sizeof(stack->pages[0]));
}

static void push(struct page_stack *stack, struct page *page, bool zeroed) {
    if (UNLIKELY(stack->count == STACK_PAGES))
        spill(stack, zeroed);
    stack->pages[stack->count++] = page;
}

void page_free(struct page *page) {
    kasan_poison(page_to_virt(page), PAGE_SIZE << page->order, KASAN_FREE_PAGE);
    unsigned flags = atomic_load_explicit(&page->flags, memory_order_relaxed);
    if (flags) {
        ASSERT(!(flags & (PAGE_RESERVED | PAGE_BUDDY | PAGE_SLAB)));
        if (flags & PAGE_ANONYMOUS)
            this_cpu(page_counters).anonymous -= flags & PAGE_HEAD ? 1 << page->order : 1;
        atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
        if (flags & PAGE_HEAD) {
            unsigned order = page->order;
            page->order = 0;
            buddy_give(page, order);
            return;
        }
    }
    push(&this_cpu(plain_stack), page, false);
}

void page_free_zeroed(struct page *page) {
    kasan_poison(page_to_virt(page), PAGE_SIZE, KASAN_FREE_PAGE);
    atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
    push(&this_cpu(zero_stack), page, true);
}

// Without the CPUs' stacks. Reads counts that others may be changing.
uint64_t page_free_estimate(void) NO_THREAD_SAFETY {
    return atomic_load_explicit(&buddy.free_pages, memory_order_relaxed) + node.plain.count + node.zeroed.count;
}

// A quarter of what is free, but no more than this, is kept zeroed.
#define ZEROED_MAX 4096

bool page_zero_some(void) {
    spin_lock(&node.lock);
    uint64_t have = node.zeroed.count;
    spin_unlock(&node.lock);
    if (have >= ZEROED_MAX || have >= page_free_estimate() / 4)
        return false;
    struct page *pages[4];
    unsigned count = buddy_take_many(pages, ARRAY_SIZE(pages), page_reserve);
    for (unsigned i = 0; i < count; i++)
        zero(pages[i]);
    spin_lock(&node.lock);
    for (unsigned i = 0; i < count; i++)
        list_push_back(&node.zeroed.pages, &pages[i]->node);
    node.zeroed.count += count;
    spin_unlock(&node.lock);
    return count > 0;
}

void page_stats(struct page_stats *out) {
    struct page_counters sum = {0};
    uint64_t stacked = 0, zeroed = 0;
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        struct page_counters *counters = &cpu_local(page_counters, cpu);
        sum.slab += counters->slab;
        sum.tables += counters->tables;
        sum.cached += counters->cached;
        sum.anonymous += counters->anonymous;
        stacked += cpu_local(plain_stack, cpu).count;
        stacked += cpu_local(zero_stack, cpu).count;
        zeroed += cpu_local(zero_stack, cpu).count;
    }
    spin_lock(&node.lock);
    uint64_t pooled_zeroed = node.zeroed.count;
    spin_unlock(&node.lock);
    *out = (struct page_stats){
        .total = page_total,
        .free = page_free_estimate() + stacked,
        .zeroed = zeroed + pooled_zeroed,
        .slab = (uint64_t)sum.slab,
        .tables = (uint64_t)sum.tables,
        .cached = (uint64_t)sum.cached,
        .anonymous = (uint64_t)sum.anonymous,
    };
}
