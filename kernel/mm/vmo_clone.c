// SPDX-License-Identifier: MPL-2.0
// Snapshots of anonymous memory objects, copied on write.
//
// A clone has a tree of its own with the same pages in it. A page that is in several trees is PAGE_SHARED: nobody
// writes to it, and no entry that maps it is writable. Whoever wants to write to one takes it over (vmo_own_locked):
// its object gets a copy in its place, or, if nobody else has the page any more, the page itself. So there are no
// chains of objects to search, a clone of a clone is like any other, and when either dies its pages go but for those
// that others have.
//
// A page whose contents somebody may still be writing to, with a reference taken earlier, is copied at once: a page is
// shared only while its tree has the one reference, its mappings having been cleared.
//
// Who pays: whoever paid for a page when it became shared (page->payer), until it is taken over or gone. In the charges
// of the objects it counts as paid by others.
#include "page_priv.h"
#include "vmo_priv.h"

#include <lib/assert.h>
#include <lib/string.h>
#include <sched/sched.h>

#define CLONE_BATCH 32 // pages in one hold of the lock

static bool is_sole(struct page *page) {
    if (refcount_value(&page->ref) != 1)
        return false;
    atomic_thread_fence(memory_order_acquire); // what others did with it is over
    return true;
}

static void end_sharing(struct page *page) {
    if (page->payer) {
        account_uncharge(page->payer, 1);
        account_put(page->payer);
    }
    atomic_fetch_and_explicit(&page->flags, (uint16_t)~PAGE_SHARED, memory_order_relaxed);
}

bool vmo_leave_shared(struct vmo *vmo, struct page *page) {
    charge_waive(&vmo->memory, -1);
    if (atomic_fetch_sub_explicit(&page->holders, 1, memory_order_acq_rel) > 1)
        return false;
    end_sharing(page);
    return true;
}

// The object pays for one of its shared pages. -ENOMEM: it cannot.
static status_t pay(struct vmo *vmo) REQUIRES(&vmo->lock) {
    charge_waive(&vmo->memory, -1);
    if (charge_cover(&vmo->memory, (int64_t)atomic_load_explicit(&vmo->resident, memory_order_relaxed)))
        return 0;
    charge_waive(&vmo->memory, 1);
    return -ENOMEM;
}

// The page is in this tree only, and nobody looks at it.
static status_t take_over(struct vmo *vmo, uint64_t index, struct page *page) REQUIRES(&vmo->lock) {
    ASSERT(page->holders == 1);
    if (pay(vmo) != 0)
        return -ENOMEM;
    end_sharing(page);
    page->vmo = vmo;
    page->index = index;
    return 0;
}

static status_t replace_by_copy(struct vmo *vmo, uint64_t index, struct page **page) REQUIRES(&vmo->lock) {
    struct page *old = *page, *copy = page_alloc_one(ALLOC_USER);
    if (!copy)
        return -ENOMEM;
    if (pay(vmo) != 0) {
        page_put(copy);
        return -ENOMEM;
    }
    arch_page_copy(page_to_virt(copy), page_to_virt(old));
    status_t status = radix_set(&vmo->pages, index, copy);
    ASSERT(status == 0); // there was one
    copy->vmo = vmo;
    copy->index = index;
    charge_waive(&vmo->memory, 1); // the old one's, which goes with it
    this_cpu(page_counters).cached += vmo_leave_shared(vmo, old) ? 0 : 1;
    page_put(old);
    *page = copy;
    return 0;
}

status_t vmo_own_locked(struct vmo *vmo, uint64_t index, struct page **page) {
    *page = vmo_peek(vmo, index);
    if (!*page || !page_is_shared(*page))
        return 0;
    vmo_unmap_pages(vmo, index, index + 1, false);
    return is_sole(*page) ? take_over(vmo, index, *page) : replace_by_copy(vmo, index, page);
}

status_t vmo_get_own_page(struct vmo *vmo, uint64_t index, struct page **page) {
    spin_lock(&vmo->lock);
    status_t status = vmo_own_locked(vmo, index, page);
    if (status == 0 && *page)
        page_get(*page);
    spin_unlock(&vmo->lock);
    return status;
}

// ---------------------------------------------------------------- cloning

struct batch {
    unsigned count;
    uint64_t indexes[CLONE_BATCH];
    struct page *pages[CLONE_BATCH];
};

// The page for the clone, with a reference: the same one, or a copy; null: no memory.
static struct page *share_page(struct vmo *from, struct page *page) REQUIRES(&from->lock) {
    if (!page_is_shared(page) && !is_sole(page)) {
        struct page *copy = page_alloc_one(ALLOC_USER);
        if (copy)
            arch_page_copy(page_to_virt(copy), page_to_virt(page));
        return copy;
    }
    if (!page_is_shared(page)) {
        page->payer = from->memory.account;
        if (page->payer)
            account_get(page->payer);
        atomic_store_explicit(&page->holders, 1, memory_order_relaxed);
        atomic_fetch_or_explicit(&page->flags, PAGE_SHARED, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&page->holders, 1, memory_order_relaxed);
    page_get(page);
    return page;
}

// Fills the batch with what is from *index on, and sets *index behind it. -ENOMEM: some are in the batch.
static status_t share_batch(struct vmo *from, uint64_t *index, struct batch *batch) REQUIRES(&from->lock) {
    uint64_t first = *index;
    struct page *page;
    batch->count = 0;
    for (; batch->count < CLONE_BATCH && (page = radix_next(&from->pages, index)) != nullptr; ++*index) {
        batch->indexes[batch->count] = *index;
        batch->pages[batch->count++] = page;
    }
    if (batch->count > 0 && !list_is_empty(&from->mappings))
        vmo_unmap_pages(from, first, *index, false);
    for (unsigned i = 0; i < batch->count; i++) {
        batch->pages[i] = share_page(from, batch->pages[i]);
        if (batch->pages[i])
            continue;
        batch->count = i;
        return -ENOMEM;
    }
    return 0;
}

static status_t adopt(struct vmo *to, uint64_t index, struct page *page) REQUIRES(&to->lock) {
    if (!page_is_shared(page))
        return vmo_add_page(to, index, page);
    if (!vmo_charge_quota(to))
        return -ENOSPC;
    if (radix_set(&to->pages, index, page) < 0) {
        vmo_uncharge_quota(to);
        return -ENOMEM;
    }
    charge_waive(&to->memory, 1);
    atomic_fetch_add_explicit(&to->resident, 1, memory_order_relaxed);
    return 0;
}

// Puts the pages into the clone, all or as many as go.
static status_t adopt_batch(struct vmo *to, const struct batch *batch) {
    status_t status = 0;
    spin_lock(&to->lock);
    for (unsigned i = 0; i < batch->count; i++) {
        struct page *page = batch->pages[i];
        if (status == 0)
            status = adopt(to, batch->indexes[i], page);
        if (status == 0)
            continue;
        if (page_is_shared(page)) {
            charge_waive(&to->memory, 1); // as if it had been there
            this_cpu(page_counters).cached -= vmo_leave_shared(to, page) ? 1 : 0;
        }
        page_put(page);
    }
    spin_unlock(&to->lock);
    return status;
}

status_t vmo_clone(struct vmo *to, struct vmo *from) {
    struct batch batch;
    status_t status = 0;
    to->traps_writes = true;
    atomic_store_explicit(&to->size, atomic_load_explicit(&from->size, memory_order_relaxed), memory_order_relaxed);
    uint64_t index = 0;
    do {
        spin_lock(&from->lock);
        from->traps_writes = true;
        status = share_batch(from, &index, &batch);
        spin_unlock(&from->lock);
        status_t adopted = adopt_batch(to, &batch);
        status = status == 0 ? adopted : status;
        sched_preempt_point();
        if (status == 0 && thread_is_killed())
            status = -EINTR;
    } while (status == 0 && batch.count == CLONE_BATCH);
    return status;
}
