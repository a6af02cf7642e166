// SPDX-License-Identifier: MPL-2.0
// Memory objects: an array of pages with a size. Anonymous ones give zero pages on demand; backed
// ones ask their pager. A file's contents are one (the page cache is nothing else), and so is a
// memfd and shared anonymous memory. Private anonymous memory needs none: its pages
// live in the page tables alone (see mm/aspace.h).
#pragma once

#include <lib/list.h>
#include <lib/radix.h>
#include <lib/refcount.h>
#include <mm/account.h>
#include <mm/page.h>
#include <sched/mutex.h>

struct vmo;

// Where pages come from. All callbacks: thread context, no spinlock held, may block.
struct vmo_pager_ops {
    // Fills `page` (zeroed not guaranteed) with the contents at `index`. -EIO, -ENOMEM, -EINTR.
    status_t (*read_page)(struct vmo *vmo, uint64_t index, struct page *page);
    // Writes a dirty page back.
    status_t (*write_page)(struct vmo *vmo, uint64_t index, struct page *page);
    // A page is about to become dirty (reserve room, stamp mtime). -ENOSPC, -EDQUOT. May be null.
    status_t (*make_writable)(struct vmo *vmo, uint64_t index);
    // The last reference is gone. May be null.
    void (*destroy)(struct vmo *vmo);
};

struct vmo {
    struct refcount ref;
    uint32_t seals;                    // F_SEAL_*
    const struct vmo_pager_ops *pager; // null: anonymous
    void *pager_context;
    struct spinlock lock;
    struct radix pages GUARDED_BY(&lock);        // index -> struct page *, one reference each
    struct list_node mappings GUARDED_BY(&lock); // struct region.vmo_node: for truncation
    _Atomic uint64_t size;                       // bytes; grows and shrinks by vmo_resize
    _Atomic uint64_t resident;                   // pages
    _Atomic uint64_t *charge;                    // pages are added here too (tmpfs quota), or null
    uint64_t charge_limit;                       // pages
    struct memory_charge memory;                 // whoever made it pays for its pages, unless a pager has them
};

// nullptr: no memory. One reference.
struct vmo *vmo_create(uint64_t size);
struct vmo *vmo_create_paged(uint64_t size, const struct vmo_pager_ops *pager, void *context);
ALWAYS_INLINE void vmo_get(struct vmo *vmo) {
    refcount_up(&vmo->ref);
}
void vmo_put(struct vmo *vmo);

// The page at `index`, with a reference for the caller. create: make it if absent (else *page is
// null for a hole). -ENOMEM, -ENOSPC, or the pager's error. May block only if there is a pager.
MUST_USE status_t vmo_get_page(struct vmo *vmo, uint64_t index, bool create, struct page **page);
// Puts a page of the caller's at `index`: its reference is taken over on success. For kernel memory that is mapped to
// user space (vDSO). -EEXIST, -ENOMEM, -ENOSPC.
MUST_USE status_t vmo_insert_page(struct vmo *vmo, uint64_t index, struct page *page);
// Reads never create pages: holes read as zeros. `offset + size` is clipped to the VMO by the caller.
// Return bytes done (may be short on a user fault) or an error if none.
struct uio;
ssize_t vmo_read(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size);
// Writing beyond the end makes the VMO larger; callers serialise that. -EPERM by seals.
ssize_t vmo_write(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size);
// Shrinking frees pages, zeroes the tail of the last one and unmaps it everywhere. -EPERM by seals.
MUST_USE status_t vmo_resize(struct vmo *vmo, uint64_t size);
// Frees whole pages in the range and zeroes partial ones (hole punching). Bytes.
MUST_USE status_t vmo_punch(struct vmo *vmo, uint64_t start, uint64_t end);
// Allocates pages for the range (fallocate). -ENOMEM, -ENOSPC, -EINTR.
MUST_USE status_t vmo_commit(struct vmo *vmo, uint64_t start, uint64_t end);
// SEEK_DATA / SEEK_HOLE: first such offset at or after `offset`, or -ENXIO.
loff_t vmo_seek(struct vmo *vmo, uint64_t offset, bool data);
// fcntl(F_ADD_SEALS). -EPERM: sealed against seals. -EBUSY: F_SEAL_WRITE with writable mappings.
MUST_USE status_t vmo_add_seals(struct vmo *vmo, uint32_t seals);
// Puts a copy of each page of `from` into the empty anonymous `to`, which gets its size: what others write meanwhile is
// in it or not, page by page. -ENOMEM, -ENOSPC, -EINTR (killed).
MUST_USE status_t vmo_copy(struct vmo *to, struct vmo *from);
// Writes dirty pages in the range back. 0 for anonymous ones.
MUST_USE status_t vmo_sync(struct vmo *vmo, uint64_t start, uint64_t end);
