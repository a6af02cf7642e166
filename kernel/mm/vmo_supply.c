// SPDX-License-Identifier: MPL-2.0
// Memory objects whose pages somebody else puts in when asked (struct vmo_pager_ops.request), and takes back when they
// were changed.
//
// A page is clean, dirty, or being stored; a store to one that is being stored makes it dirty as well. Marks change and
// entries lose or get their write right with vmo->lock held, so no store goes unnoticed. The walks let go of the lock
// every so many pages.
#include "page_priv.h"
#include "vmo_priv.h"

#include <abi/fcntl.h>
#include <lib/string.h>
#include <sched/sched.h>

#define WALK_BATCH 256 // pages looked at in one hold of the lock

bool vmo_has_page(struct vmo *vmo, uint64_t index) {
    spin_lock(&vmo->lock);
    bool there = vmo_peek(vmo, index) != nullptr;
    spin_unlock(&vmo->lock);
    return there;
}

status_t vmo_supply(struct vmo *vmo, uint64_t index, struct page *page) {
    spin_lock(&vmo->lock);
    status_t status = 0;
    if (index << PAGE_SHIFT >= atomic_load_explicit(&vmo->size, memory_order_relaxed))
        status = -ENXIO;
    else if (vmo_peek(vmo, index))
        status = -EEXIST;
    else
        status = vmo_add_page(vmo, index, page);
    spin_unlock(&vmo->lock);
    return status;
}

// Whoever holds a reference of its own (a write that is under way, a private mapping) keeps the old page.
static struct page *made_sole(struct page *page) {
    if (refcount_value(&page->ref) == 1) {
        atomic_store_explicit(&page->flags, 0, memory_order_relaxed);
        return page;
    }
    struct page *copy = page_alloc_one(ALLOC_USER);
    if (copy)
        memcpy(page_to_virt(copy), page_to_virt(page), PAGE_SIZE);
    page_put(page);
    return copy;
}

status_t vmo_take(struct vmo *vmo, uint64_t index, struct page **out) {
    if (vmo->pager)
        return -EINVAL;
    spin_lock(&vmo->lock);
    bool sealed = vmo->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
    uint64_t at = index;
    struct page *page = sealed ? nullptr : vmo_remove_page(vmo, &at, index + 1);
    if (page)
        vmo_unmap_pages(vmo, index, index + 1, false);
    spin_unlock(&vmo->lock);
    *out = page ? made_sole(page) : nullptr;
    return sealed ? -EPERM : page && !*out ? -ENOMEM : 0;
}

static bool has_mark(const struct page *page, unsigned marks) {
    return atomic_load_explicit(&page->flags, memory_order_relaxed) & marks;
}

static void change_marks(struct page *page, unsigned clear, unsigned set) {
    atomic_fetch_or_explicit(&page->flags, (uint16_t)set, memory_order_relaxed);
    atomic_fetch_and_explicit(&page->flags, (uint16_t)~clear, memory_order_relaxed);
}

struct dirty_walk {
    struct vmo_run *runs;
    unsigned found, room;
    bool take;
};

// False: there is no room for another run.
static bool note_dirty(struct vmo *vmo, struct dirty_walk *walk, uint64_t index, struct page *page)
    REQUIRES(&vmo->lock) {
    struct vmo_run *last = walk->found > 0 ? &walk->runs[walk->found - 1] : nullptr;
    if (last && last->first + last->count == index)
        last->count++;
    else if (walk->found == walk->room)
        return false;
    else
        walk->runs[walk->found++] = (struct vmo_run){index, 1};
    if (walk->take) {
        change_marks(page, PAGE_DIRTY, PAGE_WRITING);
        vmo_protect_page(vmo, index);
    }
    return true;
}

unsigned vmo_dirty_runs(struct vmo *vmo, uint64_t *at, uint64_t end, struct vmo_run *runs, unsigned count, bool take) {
    struct dirty_walk walk = {.runs = runs, .room = count, .take = take};
    struct page *page;
    do {
        spin_lock(&vmo->lock);
        unsigned looked = 0;
        while ((page = radix_next(&vmo->pages, at)) && *at < end && looked++ < WALK_BATCH) {
            if (has_mark(page, PAGE_DIRTY) && !note_dirty(vmo, &walk, *at, page)) {
                spin_unlock(&vmo->lock);
                return walk.found;
            }
            ++*at;
        }
        spin_unlock(&vmo->lock);
        sched_preempt_point();
    } while (page && *at < end);
    *at = end;
    return walk.found;
}

void vmo_end_writing(struct vmo *vmo, uint64_t first, uint64_t end, bool again) {
    struct page *page;
    do {
        spin_lock(&vmo->lock);
        for (unsigned looked = 0; (page = radix_next(&vmo->pages, &first)) && first < end && looked < WALK_BATCH;
             looked++) {
            if (has_mark(page, PAGE_WRITING))
                change_marks(page, PAGE_WRITING, again ? PAGE_DIRTY : 0);
            first++;
        }
        spin_unlock(&vmo->lock);
        sched_preempt_point();
    } while (page && first < end);
}

bool vmo_is_clean(struct vmo *vmo, uint64_t first, uint64_t end) {
    struct page *page;
    bool clean = true;
    do {
        spin_lock(&vmo->lock);
        for (unsigned looked = 0;
             clean && (page = radix_next(&vmo->pages, &first)) && first < end && looked < WALK_BATCH; looked++) {
            clean = !has_mark(page, PAGE_DIRTY | PAGE_WRITING);
            first++;
        }
        spin_unlock(&vmo->lock);
        sched_preempt_point();
    } while (clean && page && first < end);
    return clean;
}

// Takes the clean pages of [at, stop) that nobody else holds out; their references go to the caller. The number left.
static uint64_t take_clean(struct vmo *vmo, uint64_t at, uint64_t stop, struct page **taken, unsigned *count)
    REQUIRES(&vmo->lock) {
    uint64_t left = 0;
    struct page *page;
    if (!list_is_empty(&vmo->mappings))
        vmo_unmap_pages(vmo, at, stop, false);
    for (; (page = radix_next(&vmo->pages, &at)) && at < stop; at++) {
        if (has_mark(page, PAGE_DIRTY | PAGE_WRITING) || refcount_value(&page->ref) > 1)
            left++;
        else
            taken[(*count)++] = vmo_remove_page(vmo, &at, at + 1);
    }
    return left;
}

uint64_t vmo_drop_clean(struct vmo *vmo, uint64_t first, uint64_t end) {
    enum { BATCH = 64 };
    uint64_t left = 0;
    struct page *page, *taken[BATCH];
    do {
        unsigned count = 0;
        spin_lock(&vmo->lock);
        page = radix_next(&vmo->pages, &first);
        uint64_t stop = MIN(first + BATCH, end);
        if (page && first < end)
            left += take_clean(vmo, first, stop, taken, &count);
        spin_unlock(&vmo->lock);
        while (count > 0)
            page_put(taken[--count]);
        first = stop;
    } while (page && first < end);
    return left;
}

status_t vmo_pay(struct vmo *vmo) {
    struct memory_charge charge;
    charge_init(&charge, account_current());
    spin_lock(&vmo->lock);
    int64_t used = (int64_t)atomic_load_explicit(&vmo->resident, memory_order_relaxed) + 1;
    if (!charge_cover(&charge, used)) {
        spin_unlock(&vmo->lock);
        charge_fini(&charge);
        return -ENOMEM;
    }
    struct memory_charge old = {vmo->memory.account};
    atomic_init(&old.charged, atomic_load_explicit(&vmo->memory.charged, memory_order_relaxed));
    vmo->memory.account = charge.account;
    atomic_store_explicit(&vmo->memory.charged, charge.charged, memory_order_relaxed);
    spin_unlock(&vmo->lock);
    charge_fini(&old);
    return 0;
}
