// SPDX-License-Identifier: MPL-2.0
// Regions of an address space: an ordered tree of non-overlapping pieces. Splitting, joining, finding room.
//
// A region's bounds and offset are read under two locks: aspace.lock (by faults) and, if it has one, its VMO's lock (by
// truncation, which comes from the VMO's side). They change with both held.
#include "aspace_priv.h"

#include <mm/slab.h>

#include <lib/assert.h>
#include <mm/upcall.h>

// Not charged: who is at the limit must be able to unmap a part of a region. REGION_COUNT_MAX bounds them.
SLAB_CACHE(region_cache, struct region);

static struct region *region_of(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct region, node) : nullptr;
}

struct region *region_next(const struct region *region) {
    return region_of(rb_next(&region->node));
}
struct region *region_prev(const struct region *region) {
    return region_of(rb_prev(&region->node));
}

struct region *region_from(struct aspace *aspace, vaddr_t address) {
    struct region *found = nullptr;
    for (struct rb_node *node = aspace->regions.root; node;) {
        struct region *region = region_of(node);
        if (region->end > address) {
            found = region;
            if (region->start <= address)
                break;
            node = node->child[0];
        } else {
            node = node->child[1];
        }
    }
    return found;
}

struct region *region_at(struct aspace *aspace, vaddr_t address) {
    struct region *hit = atomic_load_explicit(&aspace->last_hit, memory_order_relaxed);
    if (hit && address >= hit->start && address < hit->end)
        return hit;
    hit = region_from(aspace, address);
    if (!hit || hit->start > address)
        return nullptr;
    atomic_store_explicit(&aspace->last_hit, hit, memory_order_relaxed);
    return hit;
}

void region_account(struct aspace *aspace, uint32_t flags, size_t size, int sign) {
    int64_t pages = (int64_t)(size >> PAGE_SHIFT) * sign;
    atomic_fetch_add_explicit(&aspace->mapped_pages, pages, memory_order_relaxed);
    if (region_is_data(flags))
        atomic_fetch_add_explicit(&aspace->data_pages, pages, memory_order_relaxed);
    if (flags & REGION_LOCKED)
        atomic_fetch_add_explicit(&aspace->locked_pages, pages, memory_order_relaxed);
}

struct region *region_clone(const struct region *from) {
    struct region *region = slab_alloc(&region_cache);
    if (!region)
        return nullptr;
    *region = *from;
    list_init(&region->vmo_node);
    if (region->vmo)
        vmo_get(region->vmo);
    if (region->file)
        region_file_get(region->file);
    return region;
}

void region_free(struct region *region) {
    if (region->vmo)
        vmo_put(region->vmo);
    if (region->file)
        region_file_put(region->file);
    slab_free(&region_cache, region);
}

static void link_node(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock) {
    struct rb_node *parent = nullptr, **link = &aspace->regions.root;
    while (*link) {
        parent = *link;
        link = &parent->child[region->start >= region_of(parent)->start];
    }
    rb_link(&aspace->regions, &region->node, parent, link);
    aspace->region_count++;
}

static void unlink_node(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock) {
    rb_remove(&aspace->regions, &region->node);
    aspace->region_count--;
    if (atomic_load_explicit(&aspace->last_hit, memory_order_relaxed) == region)
        atomic_store_explicit(&aspace->last_hit, nullptr, memory_order_relaxed);
}

void region_link(struct aspace *aspace, struct region *region) {
    region->aspace = aspace;
    link_node(aspace, region);
    if (!region->vmo)
        return;
    spin_lock(&region->vmo->lock);
    list_push_back(&region->vmo->mappings, &region->vmo_node);
    spin_unlock(&region->vmo->lock);
}

void region_unlink(struct aspace *aspace, struct region *region) {
    unlink_node(aspace, region);
    if (!region->vmo)
        return;
    spin_lock(&region->vmo->lock);
    list_remove(&region->vmo_node);
    spin_unlock(&region->vmo->lock);
}

static void set_bounds(struct region *region, vaddr_t start, vaddr_t end) {
    region->offset += start - region->start;
    region->start = start;
    region->end = end;
}

void region_lock_object(const struct region *region) NO_THREAD_SAFETY {
    if (region->vmo)
        spin_lock(&region->vmo->lock);
}

void region_unlock_object(const struct region *region) NO_THREAD_SAFETY {
    if (region->vmo)
        spin_unlock(&region->vmo->lock);
}

void region_set_bounds(struct region *region, vaddr_t start, vaddr_t end) {
    region_lock_object(region);
    set_bounds(region, start, end);
    region_unlock_object(region);
}

struct region *region_split(struct aspace *aspace, struct region *region, vaddr_t at) {
    if (aspace->region_count >= REGION_COUNT_MAX)
        return nullptr;
    struct region *upper = region_clone(region);
    if (!upper)
        return nullptr;
    // Both halves must be on the VMO's list before the lock is let go, so that truncation misses no page.
    struct vmo *vmo = region->vmo;
    if (vmo) {
        spin_lock(&vmo->lock);
        set_bounds(upper, at, region->end);
        set_bounds(region, region->start, at);
        list_push_back(&vmo->mappings, &upper->vmo_node);
        spin_unlock(&vmo->lock);
    } else {
        set_bounds(upper, at, region->end);
        set_bounds(region, region->start, at);
    }
    link_node(aspace, upper);
    return upper;
}

status_t region_split_range(struct aspace *aspace, vaddr_t start, vaddr_t end) {
    struct region *region = region_from(aspace, start);
    if (region && region->start < start && !region_split(aspace, region, start))
        return -ENOMEM;
    region = region_from(aspace, end);
    if (region && region->start < end && !region_split(aspace, region, end))
        return -ENOMEM;
    return 0;
}

static bool can_merge(const struct region *lower, const struct region *upper) {
    if (!lower || !upper || lower->end != upper->start || lower->flags != upper->flags)
        return false;
    if (lower->vmo != upper->vmo || lower->file != upper->file || lower->name != upper->name)
        return false;
    if (lower->policy != upper->policy || (lower->flags & REGION_SPECIAL))
        return false;
    return !lower->vmo || region_offset_of(lower, lower->end) == upper->offset;
}

// The lower one takes over the upper one's memory.
static void join(struct aspace *aspace, struct region *lower, struct region *upper) REQUIRES(&aspace->lock) {
    struct vmo *vmo = lower->vmo;
    unlink_node(aspace, upper);
    if (vmo) {
        spin_lock(&vmo->lock);
        lower->end = upper->end;
        list_remove(&upper->vmo_node);
        spin_unlock(&vmo->lock);
    } else {
        lower->end = upper->end;
    }
    region_free(upper); // not the last reference to anything: lower has the same
}

struct region *region_merge(struct aspace *aspace, struct region *region) {
    struct region *next = region_next(region);
    if (can_merge(region, next))
        join(aspace, region, next);
    struct region *prev = region_prev(region);
    if (!can_merge(prev, region))
        return region;
    join(aspace, prev, region);
    return prev;
}

void region_merge_range(struct aspace *aspace, vaddr_t start, vaddr_t end) {
    struct region *region = region_from(aspace, start);
    while (region && region->start <= end) {
        region = region_merge(aspace, region);
        region = region_next(region);
    }
}

// Where the free space below a region ends.
static vaddr_t guarded_start(const struct region *region) {
    if (!(region->flags & REGION_GROWS_DOWN))
        return region->start;
    return region->start > STACK_GUARD_GAP ? region->start - STACK_GUARD_GAP : 0;
}

// What a search is for, and what it has met.
struct search {
    size_t size, align;
    vaddr_t low, high;
    size_t passed; // the largest gap that did not do
};

// The highest gap below `high` and above `low`; 0: none.
static vaddr_t search_down(struct aspace *aspace, struct search *search) REQUIRES_SHARED(&aspace->lock) {
    struct region *region = region_from(aspace, search->high);
    vaddr_t top = region ? MIN(search->high, guarded_start(region)) : search->high;
    struct region *below = region ? region_prev(region) : region_of(rb_last(&aspace->regions));
    for (;;) {
        vaddr_t bottom = below ? MAX(below->end, search->low) : search->low;
        if (top > bottom && top - bottom >= search->size) {
            vaddr_t at = ALIGN_DOWN(top - search->size, search->align);
            if (at < bottom)
                at = top - search->size;
            search->passed = MAX(search->passed, top - search->size - at);
            return at;
        }
        if (top > bottom)
            search->passed = MAX(search->passed, top - bottom);
        if (!below || below->start <= search->low)
            return 0;
        top = MIN(top, guarded_start(below));
        below = region_prev(below);
    }
}

// Most searches go on where the last one ended: with thousands of regions a walk from the top would be long.
vaddr_t region_find_gap(struct aspace *aspace, size_t size, bool low, size_t align) {
    if (low)
        return search_down(aspace, &(struct search){size, align, LOW_BOTTOM, LOW_TOP, 0});
    struct search search = {size, align, MMAP_MIN_ADDRESS, aspace->mmap_top, 0};
    if (aspace->gap_from && aspace->gap_from < aspace->mmap_top && size > aspace->gap_passed) {
        search.high = aspace->gap_from;
        search.passed = aspace->gap_passed;
    }
    vaddr_t at = search_down(aspace, &search);
    if (at) {
        aspace->gap_from = at;
        aspace->gap_passed = search.passed;
        return at;
    }
    aspace->gap_from = 0;
    return search_down(aspace, &(struct search){size, align, MMAP_MIN_ADDRESS, USER_TOP, 0});
}

void region_note_gap(struct aspace *aspace, vaddr_t end) {
    if (aspace->gap_from && end > aspace->gap_from)
        aspace->gap_from = end;
}
