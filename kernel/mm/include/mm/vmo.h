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

// Where pages come from. All callbacks but destroy: thread context, no spinlock held, may block.
struct vmo_pager_ops {
    // Asks somebody to put the page in by vmo_supply, and waits: 0: look again. -EIO, -ENOSPC, -ENXIO (beyond the end),
    // -EINTR (killed). Instead of read_page and write_page; `sync` goes with it.
    status_t (*request)(struct vmo *vmo, uint64_t index, bool write);
    // Has what is dirty in the range stored, and waits for it.
    status_t (*sync)(struct vmo *vmo, uint64_t start, uint64_t end);
    // Fills `page` (zeroed not guaranteed) with the contents at `index`. -EIO, -ENOMEM, -EINTR.
    status_t (*read_page)(struct vmo *vmo, uint64_t index, struct page *page);
    // Writes a dirty page back.
    status_t (*write_page)(struct vmo *vmo, uint64_t index, struct page *page);
    // A page is about to become dirty (reserve room, stamp mtime). -ENOSPC, -EDQUOT. May be null.
    status_t (*make_writable)(struct vmo *vmo, uint64_t index);
    // The last reference is gone. Does not block. May be null.
    void (*destroy)(struct vmo *vmo);
};

struct vmo {
    struct refcount ref;
    uint32_t seals;                    // F_SEAL_*
    const struct vmo_pager_ops *pager; // null: anonymous
    void *pager_context;
    bool traps_writes; // it has a pager, or was cloned: pages are mapped read-only at first. Set for good, under the
                       // lock
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
// The empty anonymous `to` gets the size and the contents of the anonymous `from`, copied when either is written to:
// what others write meanwhile is in it or not, page by page. -ENOMEM, -ENOSPC, -EINTR (killed): what is there is
// incomplete.
MUST_USE status_t vmo_clone(struct vmo *to, struct vmo *from);
// Writes dirty pages in the range back. 0 for anonymous ones.
MUST_USE status_t vmo_sync(struct vmo *vmo, uint64_t start, uint64_t end);

// --- vmo_supply.c: for pagers that are asked by `request` ---
// The page is there. Any context that may take vmo->lock.
bool vmo_has_page(struct vmo *vmo, uint64_t index);
// Puts a page of the caller's in: its reference is taken over on success. -EEXIST (there is one), -ENXIO (beyond the
// end), -ENOMEM.
MUST_USE status_t vmo_supply(struct vmo *vmo, uint64_t index, struct page *page);
// Takes the page out of an anonymous object, for nobody else to see or change; null: a hole. -EPERM (sealed), -EINVAL
// (not anonymous), -ENOMEM.
MUST_USE status_t vmo_take(struct vmo *vmo, uint64_t index, struct page **page);
// Finds up to `count` runs of dirty pages from index *at on and sets *at behind what was looked at. `take`: they count
// as being stored from now on, and stores to them make them dirty again.
struct vmo_run {
    uint64_t first, count; // pages
};
unsigned vmo_dirty_runs(struct vmo *vmo, uint64_t *at, uint64_t end, struct vmo_run *runs, unsigned count, bool take);
// Pages of [first, end) that were being stored are clean, or (`again`) dirty.
void vmo_end_writing(struct vmo *vmo, uint64_t first, uint64_t end, bool again);
bool vmo_is_clean(struct vmo *vmo, uint64_t first, uint64_t end);
// Throws out the pages of [first, end) that are clean and that nobody holds a reference to; mappings give theirs back.
// Returns how many are left. Takes vmo->lock only: may be called under locks that come before it.
uint64_t vmo_drop_clean(struct vmo *vmo, uint64_t first, uint64_t end);
// The current program pays for the object's pages, one in advance. -ENOMEM: it cannot.
MUST_USE status_t vmo_pay(struct vmo *vmo);
