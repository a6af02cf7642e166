// SPDX-License-Identifier: MPL-2.0
// Taking a whole mapping away by its address alone, as shmdt does: munmap, mprotect and mremap may have cut it to
// pieces since, and something else may lie between them.
//
// A region is a piece of it if it maps the same file and lies as far from `start` as its offset says. The first piece
// tells how far the mapping can reach.
#include "aspace_priv.h"

static bool is_piece(const struct region *region, vaddr_t start) {
    return region->file && region->vmo && region->offset == region->start - start;
}

static struct region *first_piece(struct aspace *aspace, vaddr_t start, bool (*is)(const struct object *file))
    REQUIRES(&aspace->lock) {
    struct region *region = region_from(aspace, start);
    while (region && !(region->start >= start && is_piece(region, start) && is(region->file)))
        region = region_next(region);
    return region;
}

static status_t detach_locked(struct aspace *aspace, vaddr_t start, bool (*is)(const struct object *file),
                              struct region_list *dead) REQUIRES(&aspace->lock) {
    struct region *region = first_piece(aspace, start, is);
    if (!region)
        return -EINVAL;
    const struct object *file = region->file;
    uint64_t size = atomic_load_explicit(&region->vmo->size, memory_order_relaxed);
    status_t status = 0;
    while (region && region->end - start <= size && status == 0) {
        struct region *next = region_next(region);
        if (region->file == file && is_piece(region, start))
            status = unmap_locked(aspace, region->start, region->end, dead); // it whole: `next` stays
        region = next;
    }
    return status;
}

status_t aspace_detach(struct aspace *aspace, vaddr_t start, bool (*is)(const struct object *file)) {
    struct region_list dead = {LIST_INIT(dead.head)};
    rwlock_write(&aspace->lock);
    status_t status = detach_locked(aspace, start, is, &dead);
    rwlock_write_unlock(&aspace->lock);
    region_list_free(&dead);
    return status;
}
