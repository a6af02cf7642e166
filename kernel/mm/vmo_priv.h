// SPDX-License-Identifier: MPL-2.0
// Between vmo.c, vmo_range.c and the fault handler.
#pragma once

#include <mm/vmo.h>

ALWAYS_INLINE struct page *vmo_peek(struct vmo *vmo, uint64_t index) REQUIRES(&vmo->lock) {
    return radix_get(&vmo->pages, index);
}
// The pages from `index` on, as radix_slots gives them.
ALWAYS_INLINE struct page *const *vmo_peek_many(struct vmo *vmo, uint64_t index, unsigned *count) REQUIRES(&vmo->lock) {
    return (struct page *const *)radix_slots(&vmo->pages, index, count);
}
// As vmo_get_page with create, and tells the pager that the page becomes dirty.
MUST_USE status_t vmo_get_page_for_write(struct vmo *vmo, uint64_t index, struct page **page);
// Puts a new page in, which counts against quota and account; the tree takes over the caller's reference on success.
MUST_USE status_t vmo_add_page(struct vmo *vmo, uint64_t index, struct page *page) REQUIRES(&vmo->lock);
// The quota of a tmpfs: false: it is used up.
MUST_USE bool vmo_charge_quota(struct vmo *vmo);
void vmo_uncharge_quota(struct vmo *vmo);
// --- vmo_clone.c ---
ALWAYS_INLINE bool page_is_shared(const struct page *page) {
    return atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_SHARED;
}
// The page at `index`, now the object's own and not mapped where it was shared; null: there is none. -ENOMEM.
MUST_USE status_t vmo_own_locked(struct vmo *vmo, uint64_t index, struct page **page) REQUIRES(&vmo->lock);
// The same, with a reference.
MUST_USE status_t vmo_get_own_page(struct vmo *vmo, uint64_t index, struct page **page);
// A shared page leaves the tree, with what its object says of who pays. True: it was in no other. Its place in the
// counters is the caller's affair.
bool vmo_leave_shared(struct vmo *vmo, struct page *page) REQUIRES(&vmo->lock);

// The page if it is there, with a reference.
struct page *vmo_find_page(struct vmo *vmo, uint64_t index);
// Takes the first page of [*index, end) out, its reference going to the caller, and its place into *index; null: none.
struct page *vmo_remove_page(struct vmo *vmo, uint64_t *index, uint64_t end) REQUIRES(&vmo->lock);
// Drops the pages with index in [first, end); they must not be mapped. vmo_range.c.
void vmo_drop_pages(struct vmo *vmo, uint64_t first, uint64_t end) REQUIRES(&vmo->lock);

// --- mappings.c: from a VMO to the page tables that map it ---
// Clears and flushes the entries for page indexes [first, end) in all address spaces. private_too: private copies as
// well (truncation); else only entries that do not map a page of their own.
void vmo_unmap_pages(struct vmo *vmo, uint64_t first, uint64_t end, bool private_too) REQUIRES(&vmo->lock);
// Makes all mappings of one page read-only.
void vmo_protect_page(struct vmo *vmo, uint64_t index) REQUIRES(&vmo->lock);
// True if a shared mapping may be written, now or after mprotect.
bool vmo_has_writable_mapping(struct vmo *vmo) REQUIRES(&vmo->lock);
