// SPDX-License-Identifier: MPL-2.0
// Between the files that implement mm/aspace.h.
#pragma once

#include "pagetable_priv.h"

#include <mm/aspace.h>

#define MMAP_MIN_ADDRESS 0x10000ul        // nothing is mapped below (vm.mmap_min_addr)
#define STACK_GUARD_GAP (256 * PAGE_SIZE) // kept free below a region that grows down
#define REGION_COUNT_MAX 65530u           // vm.max_map_count

ALWAYS_INLINE bool region_is_private(const struct region *region) {
    return !(region->flags & REGION_SHARED);
}
ALWAYS_INLINE bool region_is_anonymous(const struct region *region) {
    return !region->vmo;
}
ALWAYS_INLINE uint64_t region_offset_of(const struct region *region, vaddr_t address) {
    return region->offset + (address - region->start);
}
// Rights for entries of the region, without write.
ALWAYS_INLINE unsigned region_prot_read(const struct region *region) {
    return PROT_MAP_USER | PROT_MAP_READ | (region->flags & REGION_EXEC) |
           (region->flags & REGION_GUARDED ? PROT_MAP_GUARDED : 0);
}
static_assert(REGION_EXEC == PROT_MAP_EXEC && REGION_WRITE == PROT_MAP_WRITE && REGION_READ == PROT_MAP_READ);
// Counts against RLIMIT_DATA.
ALWAYS_INLINE bool region_is_data(uint32_t flags) {
    return (flags & (REGION_WRITE | REGION_SHARED | REGION_GROWS_DOWN)) == REGION_WRITE;
}
#define REGION_PROT (REGION_READ | REGION_WRITE | REGION_EXEC)
#define REGION_PROT_ALL (REGION_PROT | REGION_GUARDED) // what mprotect changes

// What its account pays for.
ALWAYS_INLINE int64_t aspace_used_pages(struct aspace *aspace) {
    return atomic_load_explicit(&aspace->resident_pages, memory_order_relaxed) +
           atomic_load_explicit(&aspace->table_pages, memory_order_relaxed);
}

// --- region.c ---
// The first region that ends above the address; it may begin above it, too. nullptr: none.
struct region *region_from(struct aspace *aspace, vaddr_t address) REQUIRES_SHARED(&aspace->lock);
// The region that contains the address, or nullptr.
struct region *region_at(struct aspace *aspace, vaddr_t address) REQUIRES_SHARED(&aspace->lock);
struct region *region_next(const struct region *region);
struct region *region_prev(const struct region *region);
// A copy of `from`, which is not linked anywhere, with references of its own. nullptr: no memory.
struct region *region_clone(const struct region *from);
// Drops its references and frees it; it is not linked.
void region_free(struct region *region);
// Links into the tree and the VMO's list.
void region_link(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock);
void region_unlink(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock);
// Makes `at` (inside, page-aligned) the start of a region of its own; returns that, or nullptr: no memory.
struct region *region_split(struct aspace *aspace, struct region *region, vaddr_t at) REQUIRES(&aspace->lock);
// Splits at start and end, so that regions lie inside or outside the range. -ENOMEM.
MUST_USE status_t region_split_range(struct aspace *aspace, vaddr_t start, vaddr_t end) REQUIRES(&aspace->lock);
// Joins the region with its neighbours if they are alike. Returns the region that now has its memory.
struct region *region_merge(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock);
// Merges wherever possible in and around the range.
void region_merge_range(struct aspace *aspace, vaddr_t start, vaddr_t end) REQUIRES(&aspace->lock);
// Moves an edge, with the VMO's list informed.
void region_set_bounds(struct region *region, vaddr_t start, vaddr_t end);
// The lock of its VMO, if it has one.
void region_lock_object(const struct region *region);
void region_unlock_object(const struct region *region);
// Where MAP_32BIT searches, as on Linux; a hint may lie below.
#define LOW_BOTTOM 0x40000000ul
#define LOW_TOP 0x80000000ul
// A free place for `size` bytes, from the top down. 0: none.
vaddr_t region_find_gap(struct aspace *aspace, size_t size, bool low, size_t align) REQUIRES(&aspace->lock);
// Memory below `end` became free.
void region_note_gap(struct aspace *aspace, vaddr_t end) REQUIRES(&aspace->lock);
// Adds (sign 1) or subtracts (-1) pages of a region with these flags to the counters.
void region_account(struct aspace *aspace, uint32_t flags, size_t size, int sign);

// --- aspace.c ---
// Regions taken out of a space, to be freed when its lock is not held any more.
struct region_list {
    struct list_node head; // struct region.vmo_node
};
// -ENOMEM: nothing, or not all, was unmapped.
MUST_USE status_t unmap_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region_list *dead)
    REQUIRES(&aspace->lock);
void region_list_free(struct region_list *dead);
// Whether `size` more bytes with these flags are within the limits.
bool aspace_may_grow(struct aspace *aspace, uint32_t flags, size_t size);
// Faults in all pages of a range, for writing where allowed. Stops at the first error.
MUST_USE status_t aspace_populate(struct aspace *aspace, vaddr_t start, vaddr_t end, bool write);

// --- fault.c ---
// One page of `region`, which is locked for reading. -EAGAIN: the lock must be dropped and the page of the VMO
// brought in by its pager.
MUST_USE status_t fault_resolve(struct aspace *aspace, struct region *region, vaddr_t address, unsigned access)
    REQUIRES_SHARED(&aspace->lock);

// --- access.c ---
// Others have a mapped page in their tables, too. Not of huge pages.
bool page_has_others(struct page *page);
