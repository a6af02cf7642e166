// SPDX-License-Identifier: MPL-2.0
// madvise, mlock, msync, mincore: calls that go over a range region by region.
#include "aspace_priv.h"
#include "page_priv.h"
#include "vmo_priv.h"

#include <abi/mman.h>
#include <arch/upcall.h>
#include <lib/string.h>
#include <sched/sched.h>

// --- discarding ---

// Part of a region, or all of it.
struct range {
    vaddr_t start, end;
};

// Drops the pages of the range, which lies in one region; private memory reads as zeros (or the file) afterwards.
static status_t discard(struct aspace *aspace, struct range range) {
    struct unmap unmap;
    unmap_begin(&unmap, aspace);
    status_t status = unmap_range(&unmap, range.start, range.end);
    aspace_peak_resident(aspace);
    unmap_finish(&unmap);
    return status;
}

// MADV_REMOVE: a hole in the shared object below. The lock is dropped by the caller before.
struct hole {
    struct vmo *vmo; // one reference
    uint64_t start, end;
};

static status_t find_hole(struct region *region, vaddr_t start, vaddr_t end, struct hole *hole) {
    if ((region->flags & REGION_LOCKED) || !region->vmo)
        return -EINVAL;
    if ((region->flags & (REGION_SHARED | REGION_WRITE)) != (REGION_SHARED | REGION_WRITE))
        return -EACCES;
    vmo_get(region->vmo);
    *hole = (struct hole){region->vmo, region_offset_of(region, start), region_offset_of(region, end)};
    return 0;
}

// --- changing flags ---

struct flag_change {
    uint32_t set, clear;
};

static status_t change_flags(struct aspace *aspace, struct region *region, struct range range,
                             struct flag_change change) REQUIRES(&aspace->lock) {
    uint32_t flags = (region->flags & ~change.clear) | change.set;
    if (flags == region->flags)
        return 0;
    if (region->start < range.start && !(region = region_split(aspace, region, range.start)))
        return -ENOMEM;
    if (region->end > range.end && !region_split(aspace, region, range.end))
        return -ENOMEM;
    size_t size = region->end - region->start;
    region_account(aspace, region->flags, size, -1);
    region_account(aspace, flags, size, 1);
    region->flags = flags;
    return 0;
}

static bool flags_of_advice(int advice, struct flag_change *change) {
    switch (advice) {
    case MADV_DONTFORK:
        *change = (struct flag_change){REGION_NO_FORK, 0};
        return true;
    case MADV_DOFORK:
        *change = (struct flag_change){0, REGION_NO_FORK};
        return true;
    case MADV_WIPEONFORK:
        *change = (struct flag_change){REGION_WIPE_ON_FORK, 0};
        return true;
    case MADV_KEEPONFORK:
        *change = (struct flag_change){0, REGION_WIPE_ON_FORK};
        return true;
    case MADV_DONTDUMP:
        *change = (struct flag_change){REGION_NO_DUMP, 0};
        return true;
    case MADV_DODUMP:
        *change = (struct flag_change){0, REGION_NO_DUMP};
        return true;
    case MADV_HUGEPAGE:
        *change = (struct flag_change){REGION_HUGE, REGION_NO_HUGE};
        return true;
    case MADV_NOHUGEPAGE:
        *change = (struct flag_change){REGION_NO_HUGE, REGION_HUGE};
        return true;
    default:
        return false;
    }
}

// --- one region's part ---

static status_t advise_region(struct aspace *aspace, struct region *region, struct range range, int advice)
    REQUIRES(&aspace->lock) {
    struct flag_change change;
    if (flags_of_advice(advice, &change)) {
        if (advice == MADV_WIPEONFORK && (region->vmo || !region_is_private(region)))
            return -EINVAL;
        if ((advice == MADV_DOFORK || advice == MADV_DODUMP) && (region->flags & REGION_SPECIAL))
            return -EINVAL;
        return change_flags(aspace, region, range, change);
    }
    switch (advice) {
    case MADV_DONTNEED:
        if (region->flags & (REGION_LOCKED | REGION_SPECIAL))
            return -EINVAL;
        return discard(aspace, range);
    case MADV_DONTNEED_LOCKED:
        return region->flags & REGION_SPECIAL ? -EINVAL : discard(aspace, range);
    case MADV_FREE:
        // There is no memory pressure to wait for: freed at once, which the call allows.
        if (!region_is_private(region) || region->vmo)
            return -EINVAL;
        return region->flags & REGION_LOCKED ? -EINVAL : discard(aspace, range);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return region->flags & (REGION_LOCKED | REGION_SPECIAL) ? -EINVAL : 0;
    default: // NORMAL, RANDOM, SEQUENTIAL, WILLNEED, MERGEABLE, UNMERGEABLE: hints without effect here
        return 0;
    }
}

static bool is_known(int advice) {
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_COLD:
    case MADV_PAGEOUT:
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
    case MADV_DONTNEED_LOCKED:
        return true;
    default:
        return false;
    }
}

static status_t advise_range(struct aspace *aspace, vaddr_t start, vaddr_t end, int advice) {
    status_t result = 0, status = 0;
    rwlock_write(&aspace->lock);
    for (vaddr_t at = start; at < end && status == 0;) {
        struct region *region = region_from(aspace, at);
        if (!region || region->start >= end) {
            result = -ENOMEM; // a hole: the rest is done all the same
            break;
        }
        if (region->start > at) {
            result = -ENOMEM;
            at = region->start;
        }
        vaddr_t stop = MIN(region->end, end);
        status = advise_region(aspace, region, (struct range){at, stop}, advice);
        at = stop;
    }
    region_merge_range(aspace, start, end);
    rwlock_write_unlock(&aspace->lock);
    return status < 0 ? status : result;
}

static status_t punch_range(struct aspace *aspace, vaddr_t start, vaddr_t end) {
    status_t status = 0;
    for (vaddr_t at = start; at < end && status == 0;) {
        struct hole hole;
        rwlock_read(&aspace->lock);
        struct region *region = region_at(aspace, at);
        vaddr_t stop = region ? MIN(region->end, end) : end;
        status = region ? find_hole(region, at, stop, &hole) : -ENOMEM;
        rwlock_read_unlock(&aspace->lock);
        if (status < 0)
            break;
        status = vmo_punch(hole.vmo, hole.start, hole.end);
        vmo_put(hole.vmo);
        at = stop;
    }
    return status;
}

status_t aspace_advise(struct aspace *aspace, vaddr_t start, size_t size, int advice) {
    if (!is_known(advice) || !IS_ALIGNED(start, PAGE_SIZE))
        return -EINVAL;
    size_t rounded = ALIGN_UP(size, PAGE_SIZE);
    vaddr_t end = start + rounded;
    if ((size && !rounded) || end < start)
        return -EINVAL;
    if (rounded == 0)
        return 0;
    if (end > USER_TOP)
        return -ENOMEM;
    switch (advice) {
    case MADV_REMOVE:
        return punch_range(aspace, start, end);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE: {
        status_t status = aspace_populate(aspace, start, end, advice == MADV_POPULATE_WRITE);
        return status == -EACCES ? -EFAULT : status == -EFAULT ? -ENOMEM : status == -ENXIO ? -EFAULT : status;
    }
    default:
        return advise_range(aspace, start, end, advice);
    }
}

// --- populate, lock ---

// The page's entry, 0: none. Under the lock, for another thread may be unmapping the table that holds it.
static pte_t entry_at(struct aspace *aspace, vaddr_t address) {
    rwlock_read(&aspace->lock);
    pte_slot_t *slot = page_slot(aspace, address);
    pte_t pte = slot ? slot_load(slot) : 0;
    rwlock_read_unlock(&aspace->lock);
    return pte;
}

status_t aspace_populate(struct aspace *aspace, vaddr_t start, vaddr_t end, bool write) {
    for (vaddr_t at = start; at < end; at += PAGE_SIZE) {
        pte_t pte = entry_at(aspace, at);
        if (pte && arch_pte_is_present(pte) && (!write || arch_pte_is_writable(pte)))
            continue;
        // A write to a shared page of a pager, or to a page that others share, takes a second fault.
        for (unsigned tries = 0; tries < 2; tries++) {
            status_t status = aspace_fault(aspace, at, write ? FAULT_WRITE : FAULT_READ);
            if (status < 0)
                return status;
            pte = entry_at(aspace, at);
            if (!write || !pte || arch_pte_is_writable(pte))
                break;
        }
        if (thread_is_killed())
            return -EINTR;
        sched_preempt_point();
    }
    return 0;
}

// Faults in what the regions in the range allow; holes and forbidden memory are passed over.
static void populate_allowed(struct aspace *aspace, vaddr_t start, vaddr_t end) {
    for (vaddr_t at = start; at < end;) {
        rwlock_read(&aspace->lock);
        struct region *region = region_from(aspace, at);
        bool done = !region || region->start >= end;
        vaddr_t from = done ? end : MAX(at, region->start), to = done ? end : MIN(end, region->end);
        uint32_t flags = done ? 0 : region->flags;
        rwlock_read_unlock(&aspace->lock);
        if (flags & REGION_PROT)
            (void)!aspace_populate(aspace, from, to, (flags & (REGION_WRITE | REGION_SHARED)) == REGION_WRITE);
        at = to;
    }
}

static struct flag_change change_for(enum lock_mode mode) {
    return mode == LOCK_NONE ? (struct flag_change){0, REGION_LOCKED} : (struct flag_change){REGION_LOCKED, 0};
}

status_t aspace_lock(struct aspace *aspace, vaddr_t start, size_t size, enum lock_mode mode) {
    vaddr_t end = start + size;
    status_t status = 0;
    struct flag_change change = change_for(mode);
    rwlock_write(&aspace->lock);
    for (vaddr_t at = start; at < end && status == 0;) {
        struct region *region = region_at(aspace, at);
        if (!region) {
            status = -ENOMEM;
            break;
        }
        vaddr_t stop = MIN(region->end, end);
        status = change_flags(aspace, region, (struct range){at, stop}, change);
        at = stop;
    }
    region_merge_range(aspace, start, end);
    rwlock_write_unlock(&aspace->lock);
    if (status == 0 && mode == LOCK_NOW)
        populate_allowed(aspace, start, end);
    return status;
}

status_t aspace_lock_all(struct aspace *aspace, enum lock_mode mode) {
    struct flag_change change = change_for(mode);
    rwlock_write(&aspace->lock);
    for (struct region *region = region_from(aspace, 0); region; region = region_next(region))
        if (!(region->flags & REGION_SPECIAL))
            (void)!change_flags(aspace, region, (struct range){region->start, region->end}, change);
    region_merge_range(aspace, 0, USER_TOP);
    rwlock_write_unlock(&aspace->lock);
    if (mode == LOCK_NOW)
        populate_allowed(aspace, 0, USER_TOP);
    return 0;
}

// --- msync, mincore ---

status_t aspace_sync(struct aspace *aspace, vaddr_t start, size_t size, int flags) {
    vaddr_t end = start + ALIGN_UP(size, PAGE_SIZE);
    status_t result = 0;
    for (vaddr_t at = start; at < end;) {
        struct hole part = {0};
        rwlock_read(&aspace->lock);
        struct region *region = region_from(aspace, at);
        if (!region || region->start >= end) {
            rwlock_read_unlock(&aspace->lock);
            return -ENOMEM;
        }
        if (region->start > at) {
            result = -ENOMEM;
            at = region->start;
        }
        vaddr_t stop = MIN(region->end, end);
        if ((flags & MS_INVALIDATE) && (region->flags & REGION_LOCKED)) {
            rwlock_read_unlock(&aspace->lock);
            return -EBUSY;
        }
        if ((flags & MS_SYNC) && region->vmo && !region_is_private(region)) {
            vmo_get(region->vmo);
            part = (struct hole){region->vmo, region_offset_of(region, at), region_offset_of(region, stop)};
        }
        rwlock_read_unlock(&aspace->lock);
        if (part.vmo) {
            status_t status = vmo_sync(part.vmo, part.start, part.end);
            vmo_put(part.vmo);
            if (status < 0)
                return status;
        }
        at = stop;
    }
    return result;
}

static bool page_is_resident(struct aspace *aspace, struct region *region, vaddr_t address)
    REQUIRES_SHARED(&aspace->lock) {
    pte_slot_t *block = block_slot(aspace, address);
    pte_t entry = block ? slot_load(block) : 0;
    if (is_huge_leaf(entry))
        return true;
    pte_slot_t *slot = page_slot(aspace, address);
    if (slot && slot_load(slot))
        return true;
    if (!region->vmo)
        return false;
    spin_lock(&region->vmo->lock);
    bool there = vmo_peek(region->vmo, region_offset_of(region, address) >> PAGE_SHIFT) != nullptr;
    spin_unlock(&region->vmo->lock);
    return there;
}

status_t aspace_resident(struct aspace *aspace, vaddr_t start, size_t pages, uint8_t *out) {
    status_t status = 0;
    rwlock_read(&aspace->lock);
    for (size_t i = 0; i < pages; i++) {
        struct region *region = region_at(aspace, start + i * PAGE_SIZE);
        if (!region) {
            status = -ENOMEM;
            break;
        }
        out[i] = page_is_resident(aspace, region, start + i * PAGE_SIZE);
    }
    rwlock_read_unlock(&aspace->lock);
    return status;
}
