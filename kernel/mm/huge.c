// SPDX-License-Identifier: MPL-2.0
// 2 MiB pages.
//
// A huge page is a block of order 9 that level-1 leaves map. While it is whole (PAGE_HEAD), its head counts the
// leaves. As soon as somebody must refer to a single page of it (a partial unmap, a copy-on-write of one page), it is
// separated for good: each of the 512 pages becomes a page of its own with as many references as there were
// leaves, and a leaf then stands for one reference to each of them. Other spaces' leaves need not be found for that.
//
// One lock orders these steps against each other: they are rare, and each stands for 512 pages.
#include "page_priv.h"
#include "pagetable_priv.h"

static struct spinlock huge_lock = SPINLOCK_INIT;

static bool is_whole(struct page *head) REQUIRES(&huge_lock) {
    return atomic_load_explicit(&head->flags, memory_order_relaxed) & PAGE_HEAD;
}

void huge_get(struct page *head) {
    spin_lock(&huge_lock);
    unsigned count = is_whole(head) ? 1 : PTE_PER_TABLE;
    for (unsigned i = 0; i < count; i++)
        page_get(head + i);
    spin_unlock(&huge_lock);
}

void huge_put(struct page *head) {
    spin_lock(&huge_lock);
    bool whole = is_whole(head);
    bool last = whole && refcount_down(&head->ref);
    spin_unlock(&huge_lock);
    if (last)
        page_free(head);
    for (unsigned i = 0; !whole && i < PTE_PER_TABLE; i++)
        page_put(head + i);
}

void huge_separate(struct page *head) {
    spin_lock(&huge_lock);
    if (is_whole(head)) {
        uint32_t leaves = refcount_value(&head->ref);
        for (unsigned i = 0; i < PTE_PER_TABLE; i++) {
            head[i].order = 0;
            refcount_init(&head[i].ref, leaves);
            atomic_store_explicit(&head[i].flags, PAGE_ANONYMOUS, memory_order_relaxed);
        }
    }
    spin_unlock(&huge_lock);
}

bool huge_is_sole(struct page *head) {
    spin_lock(&huge_lock);
    bool sole = is_whole(head) && refcount_value(&head->ref) == 1;
    spin_unlock(&huge_lock);
    return sole;
}
