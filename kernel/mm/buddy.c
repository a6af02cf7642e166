// SPDX-License-Identifier: MPL-2.0
// The buddy allocator: free blocks of 2^order pages, naturally aligned, on one list per order.
//
// A free block's head has PAGE_BUDDY and its order; the other struct pages of the block have no flags, so that
// "is my buddy free and whole?" is one look at one struct page. Blocks of the highest order never merge, therefore
// nobody looks at their inner struct pages: at boot only their heads are written (PAGE_RAW), and the rest when
// the block is first taken. Boot thus touches one struct page in 1,024.
#include "buddy_priv.h"

#include <lib/string.h>

struct buddy buddy;

void buddy_init(void) {
    spin_init(&buddy.lock);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        list_init(&buddy.free[order]);
    atomic_store_explicit(&buddy.free_pages, 0, memory_order_relaxed);
}

static uint64_t frame_of(const struct page *page) {
    return (uint64_t)(page - page_array);
}

static void list_block(struct page *page, unsigned order, unsigned flags) REQUIRES(&buddy.lock) {
    atomic_store_explicit(&page->flags, PAGE_BUDDY | flags, memory_order_relaxed);
    page->order = order;
    list_push_front(&buddy.free[order], &page->node);
}

static void unlist_block(struct page *page) REQUIRES(&buddy.lock) {
    list_remove(&page->node);
    if (atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_RAW)
        memset(page, 0, BUDDY_BLOCK_PAGES * sizeof(*page));
    atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
    page->order = 0;
}

static void count_free(int64_t pages) REQUIRES(&buddy.lock) {
    uint64_t now = atomic_load_explicit(&buddy.free_pages, memory_order_relaxed);
    atomic_store_explicit(&buddy.free_pages, now + (uint64_t)pages, memory_order_relaxed);
}

static struct page *take_locked(unsigned order) REQUIRES(&buddy.lock) {
    unsigned have = order;
    while (have <= PAGE_ORDER_MAX && list_is_empty(&buddy.free[have]))
        have++;
    if (have > PAGE_ORDER_MAX)
        return nullptr;
    struct page *page = LIST_FIRST(&buddy.free[have], struct page, node);
    unlist_block(page);
    while (have > order) { // give back the upper half until the size is right
        have--;
        list_block(page + (1ul << have), have, 0);
    }
    count_free(-(int64_t)(1ul << order));
    return page;
}

static bool may_take_locked(uint64_t pages, uint64_t keep) REQUIRES(&buddy.lock) {
    return atomic_load_explicit(&buddy.free_pages, memory_order_relaxed) >= pages + keep;
}

struct page *buddy_take(unsigned order, uint64_t keep) {
    struct page *page = nullptr;
    spin_lock(&buddy.lock);
    if (may_take_locked(1ul << order, keep))
        page = take_locked(order);
    spin_unlock(&buddy.lock);
    return page;
}

unsigned buddy_take_many(struct page **pages, unsigned count, uint64_t keep) {
    unsigned done = 0;
    spin_lock(&buddy.lock);
    while (done < count && may_take_locked(1, keep)) {
        // A block that fits what is still wanted saves the splitting, page by page.
        unsigned order = (unsigned)__builtin_ctz(count - done);
        struct page *page = nullptr;
        for (; !page; order--) {
            if (may_take_locked(1ul << order, keep))
                page = take_locked(order);
            if (page || order == 0)
                break;
        }
        if (!page)
            break;
        for (unsigned i = 0; i < 1u << order; i++)
            pages[done++] = page + i;
    }
    spin_unlock(&buddy.lock);
    return done;
}

static void give_locked(struct page *page, unsigned order) REQUIRES(&buddy.lock) {
    count_free((int64_t)(1ul << order));
    uint64_t frame = frame_of(page);
    for (; order < PAGE_ORDER_MAX; order++) {
        struct page *other = &page_array[frame ^ (1ul << order)];
        unsigned flags = atomic_load_explicit(&other->flags, memory_order_relaxed);
        if (!(flags & PAGE_BUDDY) || other->order != order)
            break;
        unlist_block(other);
        frame &= ~(1ul << order);
    }
    list_block(&page_array[frame], order, 0);
}

void buddy_give(struct page *page, unsigned order) {
    spin_lock(&buddy.lock);
    give_locked(page, order);
    spin_unlock(&buddy.lock);
}

void buddy_give_many(struct page **pages, unsigned count) {
    spin_lock(&buddy.lock);
    for (unsigned i = 0; i < count; i++)
        give_locked(pages[i], 0);
    spin_unlock(&buddy.lock);
}

// Part of a range in whole max-order blocks: [*first, *end), empty if there are none.
static void whole_blocks(uint64_t *first, uint64_t *end) {
    *first = ALIGN_UP(*first, BUDDY_BLOCK_PAGES);
    *end = ALIGN_DOWN(*end, BUDDY_BLOCK_PAGES);
    if (*end < *first)
        *end = *first;
}

static bool is_whole(uint64_t frame, uint64_t first, uint64_t end) {
    whole_blocks(&first, &end);
    return frame >= first && frame < end;
}

void buddy_prepare_range(uint64_t first, uint64_t end) {
    for (uint64_t frame = first; frame < end; frame++) {
        if (is_whole(frame, first, end)) {
            frame += BUDDY_BLOCK_PAGES - 1;
            continue;
        }
        page_array[frame] = (struct page){0};
    }
}

void buddy_add_range(uint64_t first, uint64_t end) {
    spin_lock(&buddy.lock);
    for (uint64_t frame = first; frame < end;) {
        struct page *page = &page_array[frame];
        if (!is_whole(frame, first, end)) {
            give_locked(page, 0);
            frame++;
            continue;
        }
        // At the end, so that low memory goes first.
        list_block(page, PAGE_ORDER_MAX, PAGE_RAW);
        list_remove(&page->node);
        list_push_back(&buddy.free[PAGE_ORDER_MAX], &page->node);
        count_free((int64_t)BUDDY_BLOCK_PAGES);
        frame += BUDDY_BLOCK_PAGES;
    }
    spin_unlock(&buddy.lock);
}
