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
