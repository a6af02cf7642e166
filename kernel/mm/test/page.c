// SPDX-License-Identifier: MPL-2.0
// The page allocator: every block is aligned, nobody else's, and comes back.
#include "mm_test.h"

#include <arch/boot.h>
#include <buddy_priv.h>
#include <page_priv.h>
#include <stdlib.h>

enum { SLOTS = 600 };
static struct {
    struct page *page;
    unsigned order;
    uint64_t stamp;
} slots[SLOTS];

static uint64_t *words(unsigned slot) {
    return page_to_virt(slots[slot].page);
}

static bool fill(unsigned slot) {
    size_t count = (PAGE_SIZE << slots[slot].order) / 8;
    slots[slot].stamp = (uint64_t)random();
    words(slot)[0] = words(slot)[count - 1] = slots[slot].stamp;
    return true;
}

static bool intact(unsigned slot) {
    size_t count = (PAGE_SIZE << slots[slot].order) / 8;
    return words(slot)[0] == slots[slot].stamp && words(slot)[count - 1] == slots[slot].stamp;
}

static bool is_zero(const struct page *page, unsigned order) {
    const uint64_t *at = page_to_virt(page);
    for (size_t i = 0; i < (PAGE_SIZE << order) / 8; i++)
        if (at[i])
            return false;
    return true;
}

static void test_random(void) {
    bool good = true;
    srandom(3);
    for (unsigned step = 0; step < 30000 && good; step++) {
        unsigned slot = (unsigned)random() % SLOTS;
        if (slots[slot].page) {
            good = intact(slot);
            page_put(slots[slot].page);
            slots[slot].page = nullptr;
            continue;
        }
        unsigned order = random() % 4 ? 0 : (unsigned)random() % (PAGE_ORDER_MAX - 2);
        bool zeroed = random() % 2;
        struct page *page = page_alloc(order, zeroed ? ALLOC_ZERO : 0);
        if (!page)
            continue;
        good = IS_ALIGNED(page_to_phys(page), PAGE_SIZE << order) && refcount_value(&page->ref) == 1 &&
               (!zeroed || is_zero(page, order));
        slots[slot].page = page;
        slots[slot].order = order;
        fill(slot);
        if (step % 50 == 0)
            page_zero_some();
    }
    ok(good, "random blocks are aligned, zero if asked, and never overlap");
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if (slots[slot].page)
            page_put(slots[slot].page);
}

static void test_exhaustion(uint64_t free_before) {
    struct page *head = nullptr;
    uint64_t count = 0;
    for (struct page *page; (page = page_alloc_one(ALLOC_USER)); count++) {
        page->extra = (uint64_t)head;
        head = page;
    }
    ok(count > free_before - 3 * page_reserve, "user pages: nearly all of memory can be had");
    struct page_stats stats;
    page_stats(&stats);
    ok(stats.free >= page_reserve / 2, "the kernel keeps its reserve");
    struct page *kernel = page_alloc_one(0);
    ok(kernel != nullptr, "which serves the kernel");
    page_put(kernel);
    while (head) {
        struct page *next = (struct page *)head->extra;
        page_put(head);
        head = next;
    }
    page_stats(&stats);
    is(stats.free, free_before, "all pages came back");
    struct page *large = page_alloc(PAGE_ORDER_MAX, 0);
    ok(large != nullptr, "and merged to the largest block");
    page_put(large);
}

int main(void) {
    mm_test_boot();
    struct page_stats stats;
    page_stats(&stats);
    ok(stats.total > 0 && stats.free <= stats.total && stats.free > stats.total - 64, "nearly all memory is free");
    uint64_t before = stats.free;
    ok(!phys_is_ram(1ull << 40), "an address without RAM is known as such");
    test_random();
    page_stats(&stats);
    is(stats.free, before, "no page is lost");
    test_exhaustion(before);
    alloc_fail_every(3);
    unsigned failed = 0;
    for (unsigned i = 0; i < 30; i++) {
        struct page *page = page_alloc_one(0);
        failed += !page;
        if (page)
            page_put(page);
    }
    alloc_fail_every(0);
    is(failed, 10, "fault injection fails every third allocation");
    return tap_done();
}
