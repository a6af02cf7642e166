// SPDX-License-Identifier: MPL-2.0
// Memory objects: operations on ranges. Truncation, holes, preallocation, write-back, seals.
//
// Removing pages: under vmo->lock the pages leave the tree, then every mapping of the range is cleared and flushed,
// then the pages are dropped. A fault that had looked one up before waits for the lock and finds it gone.
#include "page_priv.h"
#include "vmo_priv.h"

#include <abi/fcntl.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <sched/sched.h>

#define DROP_BATCH 64

// The counters after `count` pages have left the tree.
static void uncount_pages(struct vmo *vmo, unsigned count) REQUIRES(&vmo->lock) {
    atomic_fetch_sub_explicit(&vmo->resident, count, memory_order_relaxed);
    if (vmo->charge)
        atomic_fetch_sub_explicit(vmo->charge, count, memory_order_relaxed);
    this_cpu(page_counters).cached -= count;
    charge_shrink(&vmo->memory, (int64_t)atomic_load_explicit(&vmo->resident, memory_order_relaxed));
}

static struct page *take_page(struct vmo *vmo, uint64_t *index, uint64_t end) REQUIRES(&vmo->lock) {
    struct page *page = radix_next(&vmo->pages, index);
    if (!page || *index >= end)
        return nullptr;
    radix_remove(&vmo->pages, *index);
    if (UNLIKELY(page_is_shared(page))) {
        if (!vmo_leave_shared(vmo, page))
            this_cpu(page_counters).cached++; // uncount_pages takes away what others have still
    } else {
        page->vmo = nullptr;
    }
    return page;
}

struct page *vmo_remove_page(struct vmo *vmo, uint64_t *index, uint64_t end) {
    struct page *page = take_page(vmo, index, end);
    if (page)
        uncount_pages(vmo, 1);
    return page;
}

// Takes up to DROP_BATCH pages from [*index, end) out of the tree; their references go to the caller.
static unsigned take_pages(struct vmo *vmo, uint64_t *index, uint64_t end, struct page **pages) REQUIRES(&vmo->lock) {
    unsigned count = 0;
    while (count < DROP_BATCH && (pages[count] = take_page(vmo, index, end)) != nullptr)
        count++;
    if (count > 0)
        uncount_pages(vmo, count);
    return count;
}

static void put_pages(struct page **pages, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        atomic_fetch_and_explicit(&pages[i]->flags, (uint16_t)~(PAGE_DIRTY | PAGE_WRITING), memory_order_relaxed);
        page_put(pages[i]);
    }
}

void vmo_drop_pages(struct vmo *vmo, uint64_t first, uint64_t end) {
    struct page *pages[DROP_BATCH];
    unsigned count;
    while ((count = take_pages(vmo, &first, end, pages)) > 0)
        put_pages(pages, count);
}

// Removes the pages of [first, end) and their mappings, with pauses.
static void remove_pages(struct vmo *vmo, uint64_t first, uint64_t end, bool private_too) {
    struct page *pages[DROP_BATCH];
    unsigned count;
    do {
        spin_lock(&vmo->lock);
        uint64_t at = first;
        count = take_pages(vmo, &at, end, pages);
        // at: the last page taken, or where the search ended.
        uint64_t stop = count == DROP_BATCH ? at + 1 : end;
        if (!list_is_empty(&vmo->mappings))
            vmo_unmap_pages(vmo, first, stop, private_too);
        spin_unlock(&vmo->lock);
        put_pages(pages, count);
        first = stop;
        sched_preempt_point();
    } while (count == DROP_BATCH);
}

// Zeroes bytes [from, to) of one page, if it is there. A pager's page is brought in for it, but not one that a server
// would have to supply: it knows the new size before that.
static status_t zero_part(struct vmo *vmo, uint64_t from, uint64_t to) {
    if (from >= to)
        return 0;
    struct page *page = vmo_find_page(vmo, from >> PAGE_SHIFT);
    status_t status = 0;
    if (vmo->traps_writes && (page || (vmo->pager && !vmo->pager->request))) {
        if (page)
            page_put(page);
        status = vmo_get_page_for_write(vmo, from >> PAGE_SHIFT, &page);
    }
    if (status < 0 || !page)
        return status;
    memset((char *)page_to_virt(page) + (from & PAGE_MASK), 0, to - from);
    page_was_written(page);
    page_put(page);
    return 0;
}

status_t vmo_resize(struct vmo *vmo, uint64_t size) {
    spin_lock(&vmo->lock);
    uint64_t old = atomic_load_explicit(&vmo->size, memory_order_relaxed);
    if ((size < old && (vmo->seals & F_SEAL_SHRINK)) || (size > old && (vmo->seals & F_SEAL_GROW))) {
        spin_unlock(&vmo->lock);
        return -EPERM;
    }
    // From here on faults beyond the new end fail.
    atomic_store_explicit(&vmo->size, size, memory_order_relaxed);
    spin_unlock(&vmo->lock);
    if (size >= old)
        return 0;
    remove_pages(vmo, ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT, UINT64_MAX >> PAGE_SHIFT, true);
    return zero_part(vmo, size, MIN(ALIGN_UP(size, PAGE_SIZE), old));
}

status_t vmo_punch(struct vmo *vmo, uint64_t start, uint64_t end) {
    if (vmo->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (vmo->pager && vmo->pager->request)
        return -EOPNOTSUPP; // the pages would only come back
    uint64_t first = ALIGN_UP(start, PAGE_SIZE), last = ALIGN_DOWN(end, PAGE_SIZE);
    if (first > last) // inside one page
        return zero_part(vmo, start, end);
    status_t status = zero_part(vmo, start, first);
    if (status == 0)
        status = zero_part(vmo, last, end);
    if (status == 0 && first < last)
        remove_pages(vmo, first >> PAGE_SHIFT, last >> PAGE_SHIFT, false);
    return status;
}

status_t vmo_commit(struct vmo *vmo, uint64_t start, uint64_t end) {
    if ((vmo->seals & F_SEAL_GROW) && end > atomic_load_explicit(&vmo->size, memory_order_relaxed))
        return -EPERM;
    for (uint64_t index = start >> PAGE_SHIFT; index << PAGE_SHIFT < end; index++) {
        struct page *page;
        status_t status = vmo_get_page(vmo, index, true, &page);
        if (status < 0)
            return status;
        page_put(page);
        if (thread_is_interrupted())
            return -EINTR;
        sched_preempt_point();
    }
    return 0;
}

loff_t vmo_seek(struct vmo *vmo, uint64_t offset, bool data) {
    uint64_t size = atomic_load_explicit(&vmo->size, memory_order_relaxed);
    if (offset >= size)
        return -ENXIO;
    if (vmo->pager) // what is not in memory may exist all the same: all is data
        return data ? (loff_t)offset : (loff_t)size;
    uint64_t first = offset >> PAGE_SHIFT, index = first;
    spin_lock(&vmo->lock);
    bool found = data ? radix_next(&vmo->pages, &index) != nullptr : true;
    if (!data)
        index = radix_next_empty(&vmo->pages, index);
    spin_unlock(&vmo->lock);
    if (found && index == first)
        return (loff_t)offset;
    uint64_t at = index << PAGE_SHIFT;
    if (data)
        return found && at < size ? (loff_t)at : -ENXIO;
    return (loff_t)MIN(at, size);
}

status_t vmo_add_seals(struct vmo *vmo, uint32_t seals) {
    status_t status = 0;
    spin_lock(&vmo->lock);
    if (vmo->seals & F_SEAL_SEAL)
        status = -EPERM;
    else if ((seals & ~vmo->seals & F_SEAL_WRITE) && vmo_has_writable_mapping(vmo))
        status = -EBUSY;
    else
        vmo->seals |= seals;
    spin_unlock(&vmo->lock);
    return status;
}

// Takes the dirty mark off the first dirty page in [*index, end) and write-protects its mappings, so that the next
// store marks it again. *page: with a reference; null: none is dirty.
static void next_dirty(struct vmo *vmo, uint64_t *index, uint64_t end, struct page **out) {
    *out = nullptr;
    spin_lock(&vmo->lock);
    struct page *page;
    for (; (page = radix_next(&vmo->pages, index)) && *index < end; ++*index) {
        if (!(atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_DIRTY))
            continue;
        atomic_fetch_and_explicit(&page->flags, (uint16_t)~PAGE_DIRTY, memory_order_relaxed);
        vmo_protect_page(vmo, *index);
        page_get(page);
        *out = page;
        break;
    }
    spin_unlock(&vmo->lock);
}

status_t vmo_sync(struct vmo *vmo, uint64_t start, uint64_t end) {
    if (!vmo->pager)
        return 0;
    if (vmo->pager->sync)
        return vmo->pager->sync(vmo, start, end);
    status_t result = 0;
    uint64_t index = start >> PAGE_SHIFT, last = ALIGN_UP(MIN(end, (uint64_t)INT64_MAX), PAGE_SIZE) >> PAGE_SHIFT;
    for (struct page *page; next_dirty(vmo, &index, last, &page), page; index++) {
        status_t status = vmo->pager->write_page(vmo, index, page);
        if (status < 0) {
            atomic_fetch_or_explicit(&page->flags, PAGE_DIRTY, memory_order_relaxed);
            result = status;
        }
        page_put(page);
        sched_preempt_point();
    }
    return result;
}
