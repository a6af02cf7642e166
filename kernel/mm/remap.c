// SPDX-License-Identifier: MPL-2.0
// mremap: growing, shrinking and moving regions with their pages.
//
// Moving: a new region is linked first, the tables at the destination are made, and only then are entries moved, which
// cannot fail. For a VMO's pages that is done under vmo->lock with both regions on the VMO's list.
#include "aspace_priv.h"
#include "page_priv.h"

#include <abi/mman.h>
#include <lib/assert.h>

// Makes tables at the destination for all that is present at the source; splits huge leaves (the new place
// need not be aligned as the old one was).
static status_t prepare_move(struct aspace *aspace, vaddr_t from, vaddr_t to, size_t size) {
    pte_slot_t *block;
    for (vaddr_t at = from; (block = next_block(aspace, &at, from + size));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, from + size);
        if (is_huge_leaf(slot_load(block)) && !split_block(aspace, block, ALIGN_DOWN(at, HUGE_PAGE_SIZE)))
            return -ENOMEM;
        pte_slot_t *table = table_of(slot_load(block));
        for (; at < stop; at += PAGE_SIZE) {
            bool huge;
            if (slot_load(&table[table_index(at, 0)]) && !page_slot_make(aspace, at - from + to, &huge))
                return -ENOMEM;
        }
    }
    return 0;
}

static void move_entries(struct aspace *aspace, vaddr_t from, vaddr_t to, size_t size) {
    pte_slot_t *block;
    for (vaddr_t at = from; (block = next_block(aspace, &at, from + size));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, from + size);
        pte_slot_t *table = table_of(slot_load(block));
        for (; at < stop; at += PAGE_SIZE) {
            pte_slot_t *slot = &table[table_index(at, 0)];
            if (slot_load(slot))
                slot_store(page_slot(aspace, at - from + to), slot_take(slot));
        }
    }
    arch_tlb_flush_range(&aspace->arch, from, from + size);
}

struct move {
    struct region *region; // [old, old + old_size) lies in it
    vaddr_t old;
    size_t old_size, new_size;
    vaddr_t to;
    bool keep_old; // MREMAP_DONTUNMAP, or old_size 0: a second mapping
};

static status_t move_locked(struct aspace *aspace, const struct move *move, struct region_list *dead)
    REQUIRES(&aspace->lock) {
    struct region *region = move->region;
    size_t carried = MIN(move->old_size, move->new_size);
    struct region *copy = region_clone(region);
    if (!copy)
        return -ENOMEM;
    copy->offset = region->vmo ? region_offset_of(region, move->old) : 0;
    copy->start = move->to;
    copy->end = move->to + move->new_size;
    if (copy->name && !(copy->flags & REGION_SPECIAL))
        copy->name = nullptr;
    region_link(aspace, copy);
    region_account(aspace, copy->flags, move->new_size, 1);
    status_t status = carried ? prepare_move(aspace, move->old, move->to, carried) : 0;
    if (status < 0) {
        (void)!unmap_locked(aspace, copy->start, copy->end, dead); // whole regions, no entries: cannot fail
        return status;
    }
    if (carried) {
        region_lock_object(copy);
        move_entries(aspace, move->old, move->to, carried);
        region_unlock_object(copy);
    }
    status = move->keep_old ? 0 : unmap_locked(aspace, move->old, move->old + move->old_size, dead);
    region_merge(aspace, copy);
    return status;
}

// Room to grow where it is?
static bool can_extend(struct region *region, vaddr_t old_end, vaddr_t new_end) {
    if (region->end != old_end || new_end > USER_TOP || new_end < old_end)
        return false;
    struct region *next = region_next(region);
    size_t gap = next && (next->flags & REGION_GROWS_DOWN) ? STACK_GUARD_GAP : 0;
    return !next || next->start >= new_end + gap;
}

static status_t grow_or_move(struct aspace *aspace, const struct remap_request *request, struct move *move,
                             struct region_list *dead) REQUIRES(&aspace->lock) {
    struct region *region = move->region;
    bool fixed = request->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
    if (move->new_size > move->old_size && !aspace_may_grow(aspace, region->flags, move->new_size - move->old_size))
        return -ENOMEM;
    vaddr_t new_end = move->old + move->new_size;
    if (!fixed && move->old_size && can_extend(region, move->old + move->old_size, new_end)) {
        region_account(aspace, region->flags, new_end - region->end, 1);
        region_set_bounds(region, region->start, new_end);
        region_merge(aspace, region);
        move->to = move->old;
        return 0;
    }
    if (!(request->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    if (request->flags & MREMAP_FIXED)
        move->to = request->new_address;
    else
        move->to = region_find_gap(aspace, move->new_size, false, PAGE_SIZE);
    return move->to ? move_locked(aspace, move, dead) : -ENOMEM;
}

// The rules about what may be remapped, in Linux's order.
static status_t find_source(struct aspace *aspace, const struct remap_request *request, struct move *move)
    REQUIRES(&aspace->lock) {
    struct region *region = region_at(aspace, move->old);
    if (!region)
        return -EFAULT;
    if (move->old_size == 0 && region_is_private(region))
        return -EINVAL;
    if ((request->flags & MREMAP_DONTUNMAP) && (region->flags & REGION_SPECIAL))
        return -EINVAL;
    if (move->old_size > region->end - move->old)
        return -EFAULT;
    if (region->vmo && move->new_size > move->old_size &&
        region_offset_of(region, move->old) + move->new_size < move->new_size)
        return -EINVAL;
    move->region = region;
    move->keep_old = (request->flags & MREMAP_DONTUNMAP) || move->old_size == 0;
    return 0;
}

static status_t check_request(const struct remap_request *request, struct move *move) {
    unsigned flags = request->flags;
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && request->old_size != request->new_size)
        return -EINVAL;
    if (!IS_ALIGNED(request->old, PAGE_SIZE))
        return -EINVAL;
    *move = (struct move){.old = request->old,
                          .old_size = ALIGN_UP(request->old_size, PAGE_SIZE),
                          .new_size = ALIGN_UP(request->new_size, PAGE_SIZE)};
    if (move->new_size == 0)
        return -EINVAL;
    // Shrinking unmaps the tail of the old range: it must not reach the kernel's half.
    if (request->old_size > USER_TOP || move->old > USER_TOP - move->old_size)
        return -EINVAL;
    if (!(flags & MREMAP_FIXED))
        return 0;
    vaddr_t to = request->new_address;
    if (!IS_ALIGNED(to, PAGE_SIZE) || move->new_size > USER_TOP || to > USER_TOP - move->new_size)
        return -EINVAL;
    if (to < move->old + move->old_size && move->old < to + move->new_size)
        return -EINVAL;
    return to < MMAP_MIN_ADDRESS ? -EPERM : 0;
}

static status_t remap_locked(struct aspace *aspace, const struct remap_request *request, struct move *move,
                             struct region_list *dead) REQUIRES(&aspace->lock) {
    status_t status = 0;
    if (request->flags & MREMAP_FIXED) {
        status = unmap_locked(aspace, request->new_address, request->new_address + move->new_size, dead);
        if (status < 0)
            return status;
    }
    // Shrinking: the tail goes, whatever regions it spans; the rest stays or moves.
    if (move->old_size > move->new_size) {
        if (!region_at(aspace, move->old))
            return -EFAULT;
        status = unmap_locked(aspace, move->old + move->new_size, move->old + move->old_size, dead);
        move->old_size = move->new_size;
    }
    if (status < 0)
        return status;
    if (move->old_size == move->new_size && !(request->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
        move->to = move->old;
        return region_at(aspace, move->old) ? 0 : -EFAULT;
    }
    status = find_source(aspace, request, move);
    return status < 0 ? status : grow_or_move(aspace, request, move, dead);
}

status_t aspace_remap(struct aspace *aspace, const struct remap_request *request, vaddr_t *result) {
    struct move move;
    status_t status = check_request(request, &move);
    if (status < 0)
        return status;
    struct region_list dead = {LIST_INIT(dead.head)};
    rwlock_write(&aspace->lock);
    status = remap_locked(aspace, request, &move, &dead);
    struct region *region = status == 0 ? region_at(aspace, move.to) : nullptr;
    bool populate = region && (region->flags & REGION_LOCKED) && move.new_size > move.old_size;
    bool write = region && (region->flags & REGION_WRITE);
    rwlock_write_unlock(&aspace->lock);
    region_list_free(&dead);
    if (status < 0)
        return status;
    *result = move.to;
    if (populate)
        (void)!aspace_populate(aspace, move.to + move.old_size, move.to + move.new_size, write);
    return 0;
}
