// SPDX-License-Identifier: MPL-2.0
// Which node of memory a mapping's pages should come from. There is one node, so that every wish is granted; what was
// wished is kept with the region, because a program may ask (kernel/posix/memory/mempolicy.c).
#include "aspace_priv.h"

#include <lib/status.h>

static bool is_mapped(struct aspace *aspace, vaddr_t start, vaddr_t end) REQUIRES_SHARED(&aspace->lock) {
    for (vaddr_t at = start; at < end;) {
        struct region *region = region_at(aspace, at);
        if (!region)
            return false;
        at = region->end;
    }
    return true;
}

status_t aspace_set_policy(struct aspace *aspace, vaddr_t start, vaddr_t end, uint64_t policy) {
    rwlock_write(&aspace->lock);
    status_t status = is_mapped(aspace, start, end) ? region_split_range(aspace, start, end) : -EFAULT;
    for (struct region *region = region_from(aspace, start); status == 0 && region && region->start < end;
         region = region_next(region))
        region->policy = policy;
    region_merge_range(aspace, start, end); // also what was split for nothing
    rwlock_write_unlock(&aspace->lock);
    return status;
}

status_t aspace_policy(struct aspace *aspace, vaddr_t address, uint64_t *policy) {
    rwlock_read(&aspace->lock);
    struct region *region = region_at(aspace, address);
    if (region)
        *policy = region->policy;
    rwlock_read_unlock(&aspace->lock);
    return region ? 0 : -EFAULT;
}
