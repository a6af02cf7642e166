// SPDX-License-Identifier: MPL-2.0
// Memory objects: pages by index (mm/vmo.h). Reading, writing, and the single page.
//
// vmo->lock protects the radix tree, and with it which page is at an index: a page-table entry for a VMO's page is only
// made with the lock held and the page looked up under it (fault.c), so that removing a page and then its mappings,
// in one hold of the lock (vmo_range.c), leaves none behind.
#include "page_priv.h"
#include "vmo_priv.h"

#include <abi/fcntl.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <mm/uio.h>
#include <sched/thread.h>

CHARGED_CACHE(vmo_cache, struct vmo);
CHARGED_CACHE(radix_node_cache, struct radix_node);

struct radix_node *radix_node_alloc(void) {
    return charged_alloc_zero(&radix_node_cache);
}
void radix_node_free(struct radix_node *node) {
    charged_free(&radix_node_cache, node);
}

struct vmo *vmo_create_paged(uint64_t size, const struct vmo_pager_ops *pager, void *context) {
    struct vmo *vmo = charged_alloc_zero(&vmo_cache);
    if (!vmo)
        return nullptr;
    refcount_init(&vmo->ref, 1);
    charge_init(&vmo->memory, pager ? nullptr : account_current());
    vmo->pager = pager;
    vmo->traps_writes = pager;
    vmo->pager_context = context;
    list_init(&vmo->mappings);
    atomic_store_explicit(&vmo->size, size, memory_order_relaxed);
    return vmo;
}

struct vmo *vmo_create(uint64_t size) {
    return vmo_create_paged(size, nullptr, nullptr);
}

void vmo_put(struct vmo *vmo) {
    if (!refcount_down(&vmo->ref))
        return;
    spin_lock(&vmo->lock);
    ASSERT(list_is_empty(&vmo->mappings)); // each mapping has a reference
    vmo_drop_pages(vmo, 0, UINT64_MAX);
    spin_unlock(&vmo->lock);
    if (vmo->pager && vmo->pager->destroy)
        vmo->pager->destroy(vmo);
    charge_fini(&vmo->memory);
    charged_free(&vmo_cache, vmo);
}

bool vmo_charge_quota(struct vmo *vmo) {
    if (!vmo->charge)
        return true;
    if (atomic_fetch_add_explicit(vmo->charge, 1, memory_order_relaxed) < vmo->charge_limit)
        return true;
    atomic_fetch_sub_explicit(vmo->charge, 1, memory_order_relaxed);
    return false;
}

void vmo_uncharge_quota(struct vmo *vmo) {
    if (vmo->charge)
        atomic_fetch_sub_explicit(vmo->charge, 1, memory_order_relaxed);
}

status_t vmo_add_page(struct vmo *vmo, uint64_t index, struct page *page) {
    int64_t used = (int64_t)atomic_load_explicit(&vmo->resident, memory_order_relaxed) + 1;
    if (!charge_cover(&vmo->memory, used))
        return -ENOMEM;
    if (!vmo_charge_quota(vmo))
        return -ENOSPC;
    if (radix_set(&vmo->pages, index, page) < 0) {
        vmo_uncharge_quota(vmo);
        return -ENOMEM;
    }
    page->vmo = vmo;
    page->index = index;
    atomic_fetch_add_explicit(&vmo->resident, 1, memory_order_relaxed);
    this_cpu(page_counters).cached++;
    return 0;
}

status_t vmo_insert_page(struct vmo *vmo, uint64_t index, struct page *page) {
    spin_lock(&vmo->lock);
    status_t status = vmo_peek(vmo, index) ? -EEXIST : vmo_add_page(vmo, index, page);
    spin_unlock(&vmo->lock);
    return status;
}

// As vmo_insert_page; if another thread was faster, *page becomes its page. The caller gets a reference in either case.
static status_t insert_or_find(struct vmo *vmo, uint64_t index, struct page **page) {
    spin_lock(&vmo->lock);
    struct page *other = vmo_peek(vmo, index), *mine = *page;
    status_t status = 0;
    if (other) {
        page_get(other);
        *page = other;
    } else {
        status = vmo_add_page(vmo, index, mine);
        if (status == 0)
            page_get(mine);
    }
    spin_unlock(&vmo->lock);
    if (other || status < 0)
        page_put(mine);
    return status;
}

struct page *vmo_find_page(struct vmo *vmo, uint64_t index) {
    spin_lock(&vmo->lock);
    struct page *page = vmo_peek(vmo, index);
    if (page)
        page_get(page);
    spin_unlock(&vmo->lock);
    return page;
}

// The page that somebody else puts in.
static status_t await_page(struct vmo *vmo, uint64_t index, bool write, struct page **out) {
    do {
        status_t status = vmo->pager->request(vmo, index, write);
        if (status < 0)
            return status;
        *out = vmo_find_page(vmo, index);
    } while (!*out);
    return 0;
}

// Thread context; blocks if the pager does. write: what the page is wanted for, for the pager to know.
static status_t make_page(struct vmo *vmo, uint64_t index, bool write, struct page **out) {
    if (vmo->pager && vmo->pager->request)
        return await_page(vmo, index, write, out);
    struct page *page = page_alloc_one(ALLOC_USER | (vmo->pager ? 0 : ALLOC_ZERO));
    if (!page)
        return -ENOMEM;
    if (vmo->pager) {
        status_t status = vmo->pager->read_page(vmo, index, page);
        if (status < 0) {
            page_put(page);
            return status;
        }
    }
    *out = page;
    return insert_or_find(vmo, index, out);
}

status_t vmo_get_page(struct vmo *vmo, uint64_t index, bool create, struct page **out) {
    struct page *page = vmo_find_page(vmo, index);
    if (!page && (create || vmo->pager))
        return make_page(vmo, index, false, out);
    *out = page;
    return 0;
}

ssize_t vmo_read(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size) {
    size_t done = 0;
    status_t status = 0;
    size = MIN(size, uio->resid);
    while (done < size) {
        size_t inner = (offset + done) & PAGE_MASK, step = MIN(PAGE_SIZE - inner, size - done), copied;
        struct page *page;
        status = vmo_get_page(vmo, (offset + done) >> PAGE_SHIFT, false, &page);
        if (status < 0)
            break;
        if (page) {
            copied = uio_write(uio, (char *)page_to_virt(page) + inner, step);
            page_put(page);
        } else {
            copied = uio_write_zeros(uio, step);
        }
        done += copied;
        if (copied < step) {
            status = -EFAULT;
            break;
        }
    }
    return done > 0 || status == 0 ? (ssize_t)done : status;
}

// Whether the page may become dirty now.
static status_t make_writable(struct vmo *vmo, uint64_t index, struct page *page) {
    if (!vmo->pager)
        return 0;
    status_t status = vmo->pager->make_writable ? vmo->pager->make_writable(vmo, index) : 0;
    if (status == 0)
        atomic_fetch_or_explicit(&page->flags, PAGE_DIRTY, memory_order_relaxed);
    return status;
}

// Of an object that was cloned: a page that is nobody else's.
static status_t get_own_page(struct vmo *vmo, uint64_t index, struct page **out) {
    for (;;) {
        status_t status = vmo_get_own_page(vmo, index, out);
        if (status < 0 || *out)
            return status;
        status = make_page(vmo, index, true, out);
        if (status < 0)
            return status;
        page_put(*out); // cloned since, perhaps
    }
}

status_t vmo_get_page_for_write(struct vmo *vmo, uint64_t index, struct page **out) {
    if (!vmo->pager && vmo->traps_writes)
        return get_own_page(vmo, index, out);
    *out = vmo_find_page(vmo, index);
    status_t status = *out ? 0 : make_page(vmo, index, true, out);
    if (status < 0)
        return status;
    status = make_writable(vmo, index, *out);
    if (status < 0)
        page_put(*out);
    return status;
}

// A whole page that is not there yet: filled before anybody can see it, so it need not be zeroed. Returns the bytes
// copied, or a status.
static ssize_t write_new_page(struct vmo *vmo, uint64_t index, struct uio *uio) {
    struct page *page = page_alloc_one(ALLOC_USER);
    if (!page)
        return -ENOMEM;
    char *to = page_to_virt(page);
    size_t copied = uio_read(uio, to, PAGE_SIZE);
    if (copied == 0) {
        page_put(page);
        return -EFAULT;
    }
    memset(to + copied, 0, PAGE_SIZE - copied);
    struct page *found = page;
    page_get(page);
    status_t status = insert_or_find(vmo, index, &found);
    if (status == 0) {
        if (found != page && page_is_shared(found)) { // another writer was faster, and somebody has cloned that
            page_put(found);
            status = get_own_page(vmo, index, &found);
        }
    }
    if (status == 0) {
        if (found != page) // another writer was faster: his page takes our bytes
            memcpy(page_to_virt(found), to, copied);
        page_was_written(found);
        page_put(found);
    }
    page_put(page);
    return status < 0 ? status : (ssize_t)copied;
}

static ssize_t write_part(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size) {
    size_t inner = offset & PAGE_MASK;
    struct page *page = vmo->traps_writes ? nullptr : vmo_find_page(vmo, offset >> PAGE_SHIFT);
    if (!page && size == PAGE_SIZE && !vmo->traps_writes)
        return write_new_page(vmo, offset >> PAGE_SHIFT, uio);
    status_t status = page ? 0 : vmo_get_page_for_write(vmo, offset >> PAGE_SHIFT, &page);
    if (status < 0)
        return status;
    size_t copied = uio_read(uio, (char *)page_to_virt(page) + inner, size);
    page_was_written(page);
    if (vmo->pager) // it may have been stored meanwhile
        atomic_fetch_or_explicit(&page->flags, PAGE_DIRTY, memory_order_relaxed);
    page_put(page);
    return copied > 0 ? (ssize_t)copied : -EFAULT;
}

// The size grows to the end of what was written; the caller serialises growth (the vnode's lock).
static void extend(struct vmo *vmo, uint64_t end) {
    spin_lock(&vmo->lock);
    if (atomic_load_explicit(&vmo->size, memory_order_relaxed) < end)
        atomic_store_explicit(&vmo->size, end, memory_order_relaxed);
    spin_unlock(&vmo->lock);
}

ssize_t vmo_write(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size) {
    size = MIN(size, uio->resid);
    uint64_t old_size = atomic_load_explicit(&vmo->size, memory_order_relaxed);
    if (vmo->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    size_t done = 0;
    ssize_t status = 0;
    while (done < size) {
        uint64_t at = offset + done;
        size_t step = MIN(PAGE_SIZE - (at & PAGE_MASK), size - done);
        // A page that would reach beyond a sealed size is not written at all, as Linux has it.
        bool sealed = at + step > old_size && (vmo->seals & F_SEAL_GROW);
        ssize_t part = sealed ? -EPERM : write_part(vmo, at, uio, step);
        if (part < 0) {
            status = part;
            break;
        }
        done += (size_t)part;
        if ((size_t)part < step) {
            status = -EFAULT;
            break;
        }
    }
    if (done > 0 && offset + done > old_size)
        extend(vmo, offset + done);
    return done > 0 || status == 0 ? (ssize_t)done : status;
}
