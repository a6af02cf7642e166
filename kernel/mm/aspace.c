// SPDX-License-Identifier: MPL-2.0
// Address spaces: creation and end, mapping, unmapping, protection, the break. See mm/aspace.h.
//
// Lock order: aspace.lock, then vmo.lock. Regions that are taken out are freed after aspace.lock is released, since
// that may drop the last reference to a file.
#include "aspace_priv.h"
#include "page_priv.h"

#include <abi/fcntl.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/upcall.h>
#include <sched/sched.h>

CHARGED_CACHE(aspace_cache, struct aspace);

struct aspace *aspace_create(struct memory_account *account) {
    struct aspace *aspace = charged_alloc_zero(&aspace_cache);
    if (!aspace)
        return nullptr;
    struct page *root = table_alloc(nullptr);
    if (!root) {
        charged_free(&aspace_cache, aspace);
        return nullptr;
    }
    refcount_init(&aspace->ref, 1);
    charge_init(&aspace->charge, account);
    rwlock_init(&aspace->lock);
    arch_aspace_init(&aspace->arch, page_to_phys(root));
    atomic_store_explicit(&aspace->table_pages, 1, memory_order_relaxed);
    aspace->mmap_top = USER_TOP - (128ul << 20);
    aspace->limit_address_space = aspace->limit_data = aspace->limit_stack = aspace->limit_locked = UINT64_MAX;
    return aspace;
}

void region_list_free(struct region_list *dead) {
    struct region *region, *following;
    LIST_FOR_EACH_SAFE(region, following, &dead->head, vmo_node)
    region_free(region);
    list_init(&dead->head);
}

// Not one by one with all the bookkeeping: nobody looks at the tree any more, only VMOs at their lists.
static void destroy_regions(struct aspace *aspace) NO_THREAD_SAFETY {
    struct region_list dead = {LIST_INIT(dead.head)};
    for (struct rb_node *node = rb_first(&aspace->regions); node;) {
        struct region *region = RB_ENTRY(node, struct region, node);
        node = rb_next(node);
        region_lock_object(region);
        list_remove(&region->vmo_node);
        region_unlock_object(region);
        pagetable_drop(aspace, region->start, region->end,
                       node ? RB_ENTRY(node, struct region, node)->start : TABLES_TOP);
        list_push_back(&dead.head, &region->vmo_node);
    }
    region_list_free(&dead);
}

void aspace_put(struct aspace *aspace) {
    if (!refcount_down(&aspace->ref))
        return;
    // No thread runs in it and no other holder is left; VMOs may still come in through their lists.
    paddr_t root = aspace->arch.root;
    arch_aspace_fini(&aspace->arch); // no CPU has it loaded any more
    aspace->arch.root = root;
    destroy_regions(aspace);
    this_cpu(page_counters).tables--;
    page_put(phys_to_page(root));
    charge_fini(&aspace->charge);
    charged_free(&aspace_cache, aspace);
}

int64_t aspace_peak_resident(struct aspace *aspace) {
    int64_t now = atomic_load_explicit(&aspace->resident_pages, memory_order_relaxed);
    if (now > aspace->peak_resident)
        aspace->peak_resident = now;
    return aspace->peak_resident;
}

bool aspace_may_grow(struct aspace *aspace, uint32_t flags, size_t size) {
    uint64_t mapped = (uint64_t)atomic_load_explicit(&aspace->mapped_pages, memory_order_relaxed) << PAGE_SHIFT;
    uint64_t data = (uint64_t)atomic_load_explicit(&aspace->data_pages, memory_order_relaxed) << PAGE_SHIFT;
    if (mapped + size > aspace->limit_address_space)
        return false;
    return !region_is_data(flags) || data + size <= aspace->limit_data;
}

// --- unmapping ---

status_t unmap_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, struct region_list *dead) {
    ASSERT(end <= USER_TOP);
    struct region *region = region_from(aspace, start);
    if (!region || region->start >= end)
        return 0;
    status_t status = region_split_range(aspace, start, end);
    if (status < 0)
        return status;
    struct unmap unmap;
    unmap_begin(&unmap, aspace);
    // Entries first: if a huge leaf cannot be split, the regions are all still there.
    status = unmap_range(&unmap, start, end);
    if (status < 0) {
        unmap_finish(&unmap);
        return status;
    }
    for (region = region_from(aspace, start); region && region->start < end;) {
        struct region *next = region_next(region);
        region_account(aspace, region->flags, region->end - region->start, -1);
        region_unlink(aspace, region);
        list_push_back(&dead->head, &region->vmo_node);
        region = next;
    }
    struct rb_node *last = rb_last(&aspace->regions);
    struct region *below = region ? region_prev(region) : last ? RB_ENTRY(last, struct region, node) : nullptr;
    region_note_gap(aspace, region ? region->start : USER_TOP);
    unmap_tables(&unmap, start, end, below ? below->end : 0, region ? region->start : TABLES_TOP);
    aspace_peak_resident(aspace);
    unmap_finish(&unmap);
    return 0;
}

// Page-aligned, not empty, inside user space.
static status_t check_range(vaddr_t start, size_t size, vaddr_t *end) {
    if (!IS_ALIGNED(start, PAGE_SIZE) || size == 0 || size > USER_TOP || start > USER_TOP - size)
        return -EINVAL;
    *end = start + ALIGN_UP(size, PAGE_SIZE);
    return *end <= USER_TOP ? 0 : -EINVAL;
}

status_t aspace_unmap(struct aspace *aspace, vaddr_t start, size_t size) {
    vaddr_t end;
    status_t status = check_range(start, size, &end);
    if (status < 0)
        return status;
    struct region_list dead = {LIST_INIT(dead.head)};
    rwlock_write(&aspace->lock);
    status = unmap_locked(aspace, start, end, &dead);
    rwlock_write_unlock(&aspace->lock);
    region_list_free(&dead);
    return status;
}

// --- mapping ---

static status_t choose_address(struct aspace *aspace, const struct map_request *request, size_t size, vaddr_t *out)
    REQUIRES(&aspace->lock) {
    vaddr_t hint = request->address;
    if (request->fixed) {
        if (!IS_ALIGNED(hint, PAGE_SIZE))
            return -EINVAL;
        if (size > USER_TOP || hint > USER_TOP - size)
            return -ENOMEM;
        if (hint < MMAP_MIN_ADDRESS)
            return -EPERM;
        struct region *there = region_from(aspace, hint);
        if (request->no_replace && there && there->start < hint + size)
            return -EEXIST;
        *out = hint;
        return 0;
    }
    hint = ALIGN_DOWN(hint, PAGE_SIZE);
    vaddr_t top = request->low ? LOW_TOP : USER_TOP;
    if (hint >= MMAP_MIN_ADDRESS && size <= top && hint <= top - size) {
        struct region *there = region_from(aspace, hint);
        size_t gap = there && (there->flags & REGION_GROWS_DOWN) ? STACK_GUARD_GAP : 0;
        if (!there || there->start >= hint + size + gap) {
            *out = hint;
            return 0;
        }
    }
    bool huge = !request->vmo && size >= HUGE_PAGE_SIZE;
    *out = region_find_gap(aspace, size, request->low, huge ? HUGE_PAGE_SIZE : PAGE_SIZE);
    return *out ? 0 : -ENOMEM;
}

// Joins the new memory to a neighbour without a region of its own; the usual case for heaps and thread stacks.
static bool extend_neighbour(struct aspace *aspace, const struct region *want) REQUIRES(&aspace->lock) {
    if (want->vmo || want->file || (want->flags & (REGION_SPECIAL | REGION_GROWS_DOWN)))
        return false;
    struct region *above = region_from(aspace, want->start);
    struct rb_node *last = rb_last(&aspace->regions);
    struct region *below = above ? region_prev(above) : last ? RB_ENTRY(last, struct region, node) : nullptr;
    if (below && below->end == want->start && !below->vmo && below->flags == want->flags && !below->file &&
        below->name == want->name) {
        below->end = want->end;
        region_merge(aspace, below);
        return true;
    }
    if (above && above->start == want->end && !above->vmo && above->flags == want->flags && !above->file &&
        above->name == want->name) {
        region_set_bounds(above, want->start, above->end);
        return true;
    }
    return false;
}

// A shared mapping and the seals: checked with the VMO's lock held, together with becoming a mapping.
static status_t link_checked(struct aspace *aspace, struct region *region) REQUIRES(&aspace->lock) {
    struct vmo *vmo = region->vmo;
    if (vmo && (region->flags & REGION_SHARED) && (vmo->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))) {
        if (region->flags & REGION_WRITE)
            return -EPERM;
        region->flags &= ~(uint32_t)REGION_MAY_WRITE;
    }
    region_link(aspace, region);
    return 0;
}

static status_t add_region(struct aspace *aspace, const struct map_request *request, vaddr_t start, vaddr_t end)
    REQUIRES(&aspace->lock) {
    struct region want = {.start = start,
                          .end = end,
                          .flags = request->flags,
                          .vmo = request->vmo,
                          .offset = request->vmo ? request->offset : 0,
                          .aspace = aspace,
                          .file = request->file,
                          .name = request->name};
    if (aspace->lock_future)
        want.flags |= REGION_LOCKED;
    region_account(aspace, want.flags, end - start, 1);
    if (extend_neighbour(aspace, &want))
        return 0;
    status_t status = -ENOMEM;
    struct region *region = aspace->region_count < REGION_COUNT_MAX ? region_clone(&want) : nullptr;
    if (region)
        status = link_checked(aspace, region);
    if (status < 0) {
        region_account(aspace, want.flags, end - start, -1);
        if (region)
            region_free(region);
        return status;
    }
    if (want.vmo)
        region_merge(aspace, region);
    return 0;
}

// Overcommit: a single private mapping larger than all memory is refused, unless it says that it is a reservation.
static bool is_obvious_overcommit(const struct map_request *request, size_t size) {
    return region_is_data(request->flags) && !(request->flags & REGION_NORESERVE) && size >> PAGE_SHIFT > page_total;
}

static status_t map_locked(struct aspace *aspace, const struct map_request *request, size_t size, vaddr_t *address,
                           struct region_list *dead) REQUIRES(&aspace->lock) {
    if (!aspace_may_grow(aspace, request->flags, size) || is_obvious_overcommit(request, size))
        return -ENOMEM;
    vaddr_t start;
    status_t status = choose_address(aspace, request, size, &start);
    if (status == 0 && request->fixed)
        status = unmap_locked(aspace, start, start + size, dead);
    if (status == 0)
        status = add_region(aspace, request, start, start + size);
    if (status == 0)
        *address = start;
    return status;
}

status_t aspace_map(struct aspace *aspace, const struct map_request *request, vaddr_t *address) {
    if (request->size == 0)
        return -EINVAL;
    size_t size = ALIGN_UP(request->size, PAGE_SIZE);
    if (size < request->size || size > USER_TOP)
        return -ENOMEM;
    struct region_list dead = {LIST_INIT(dead.head)};
    rwlock_write(&aspace->lock);
    status_t status = map_locked(aspace, request, size, address, &dead);
    bool populate = request->populate || (aspace->lock_future && !aspace->lock_future_on_fault);
    rwlock_write_unlock(&aspace->lock);
    region_list_free(&dead);
    if (status == 0 && populate) // what cannot be had now will be tried again at the access
        (void)!aspace_populate(aspace, *address, *address + size, request->flags & REGION_WRITE);
    return status;
}

// --- protection ---

// The entries of a region get its new rights; private pages become writable only if they are nobody else's.
static pte_t protected_pte(const struct region *region, pte_t pte, unsigned level) {
    struct page *page = pte_page(pte);
    unsigned prot = region_prot_read(region);
    if (region->flags & REGION_WRITE) {
        bool was = arch_pte_is_present(pte) && arch_pte_is_writable(pte);
        bool sole = region_is_private(region) && page != page_zero &&
                    (level == 1 ? huge_is_sole(page) : refcount_value(&page->ref) == 1);
        bool free_to_write = !region_is_private(region) && !region->vmo->traps_writes;
        if (was || sole || free_to_write)
            prot |= PROT_MAP_WRITE;
    }
    pte_t result = user_entry(page, prot, level);
    return region->flags & REGION_PROT ? result : arch_pte_hide(result);
}

// Returns true if a CPU's TLB may hold more rights than the entry now gives.
static bool protect_slot(const struct region *region, pte_slot_t *slot, unsigned level) {
    pte_t pte = slot_load(slot);
    while (pte) {
        pte_t changed = protected_pte(region, pte, level);
        if (slot_replace(slot, pte, changed)) {
            if (!arch_pte_is_present(pte))
                return false;
            return !arch_pte_is_present(changed) || (arch_pte_is_writable(pte) && !arch_pte_is_writable(changed)) ||
                   (arch_pte_is_executable(pte) && !arch_pte_is_executable(changed));
        }
        pte = slot_load(slot);
    }
    return false;
}

// Applies the rights of `region`, which just changed, to [start, end) of its entries. `stale`: a TLB may hold entries
// that are wrong now, whatever becomes of the rights.
static status_t protect_entries(struct region *region, vaddr_t start, vaddr_t end, bool stale) {
    struct aspace *aspace = region->aspace;
    status_t status = 0;
    pte_slot_t *block;
    for (vaddr_t at = start; (block = next_block(aspace, &at, end));) {
        vaddr_t base = ALIGN_DOWN(at, HUGE_PAGE_SIZE), stop = MIN(base + HUGE_PAGE_SIZE, end);
        pte_t entry = slot_load(block);
        if (is_huge_leaf(entry) && at == base && stop == base + HUGE_PAGE_SIZE) {
            stale |= protect_slot(region, block, 1);
        } else if (is_huge_leaf(entry) && !split_block(aspace, block, base)) {
            status = -ENOMEM;
            break;
        } else {
            pte_slot_t *slot = &table_of(slot_load(block))[table_index(at, 0)];
            for (; at < stop; at += PAGE_SIZE, slot++)
                stale |= protect_slot(region, slot, 0);
        }
        at = stop;
    }
    if (stale)
        arch_tlb_flush_range(&aspace->arch, start, end);
    return status;
}

static status_t protect_region(struct aspace *aspace, struct region *region, uint32_t prot) REQUIRES(&aspace->lock) {
    uint32_t flags = (region->flags & ~(uint32_t)REGION_PROT_ALL) | prot;
    bool guard_changes = (flags ^ region->flags) & REGION_GUARDED;
    size_t size = region->end - region->start;
    if (region_is_data(flags) && !region_is_data(region->flags)) {
        uint64_t data = (uint64_t)atomic_load_explicit(&aspace->data_pages, memory_order_relaxed) << PAGE_SHIFT;
        if (data + size > aspace->limit_data)
            return -ENOMEM;
    }
    region_account(aspace, region->flags, size, -1);
    region_account(aspace, flags, size, 1);
    region->flags = flags;
    return protect_entries(region, region->start, region->end, guard_changes);
}

// Changes rights from `start` on, region by region, until `end` or a hole.
static status_t protect_locked(struct aspace *aspace, vaddr_t start, vaddr_t end, uint32_t prot)
    REQUIRES(&aspace->lock) {
    vaddr_t at = start;
    while (at < end) {
        struct region *region = region_at(aspace, at);
        if (!region)
            return -ENOMEM;
        vaddr_t stop = MIN(region->end, end);
        if ((prot & REGION_WRITE) && (region->flags & REGION_SHARED) && !(region->flags & REGION_MAY_WRITE))
            return -EACCES;
        if ((prot & REGION_EXEC) && (region->flags & REGION_NO_EXEC))
            return -EACCES;
        if ((region->flags & REGION_PROT_ALL) != prot) {
            if (region->start < at && !(region = region_split(aspace, region, at)))
                return -ENOMEM;
            if (stop < region->end && !region_split(aspace, region, stop))
                return -ENOMEM;
            status_t status = protect_region(aspace, region, prot);
            region_merge(aspace, region);
            if (status < 0)
                return status;
        }
        at = stop;
    }
    return 0;
}

status_t aspace_protect(struct aspace *aspace, vaddr_t start, size_t size, uint32_t prot) {
    if (!IS_ALIGNED(start, PAGE_SIZE))
        return -EINVAL;
    size_t rounded = ALIGN_UP(size, PAGE_SIZE);
    if (size == 0)
        return 0;
    if (rounded == 0 || start + rounded <= start || start + rounded > USER_TOP)
        return -ENOMEM;
    rwlock_write(&aspace->lock);
    status_t status = protect_locked(aspace, start, start + rounded, prot);
    rwlock_write_unlock(&aspace->lock);
    return status;
}

// --- the break ---

static bool grow_break(struct aspace *aspace, vaddr_t old_end, vaddr_t new_end) REQUIRES(&aspace->lock) {
    uint32_t flags = REGION_READ | REGION_WRITE | REGION_MAY_WRITE;
    struct region *above = region_from(aspace, old_end);
    size_t gap = above && (above->flags & REGION_GROWS_DOWN) ? STACK_GUARD_GAP : PAGE_SIZE;
    if (new_end > USER_TOP || (above && above->start < new_end + gap))
        return false;
    if (!aspace_may_grow(aspace, flags, new_end - old_end))
        return false;
    struct map_request request = {.flags = flags, .name = "[heap]"};
    return !is_obvious_overcommit(&request, new_end - old_end) && add_region(aspace, &request, old_end, new_end) == 0;
}

vaddr_t aspace_brk(struct aspace *aspace, vaddr_t wanted) {
    struct region_list dead = {LIST_INIT(dead.head)};
    rwlock_write(&aspace->lock);
    vaddr_t old_end = ALIGN_UP(aspace->brk_end, PAGE_SIZE), new_end = ALIGN_UP(wanted, PAGE_SIZE);
    bool good = wanted >= aspace->brk_start && new_end >= wanted &&
                wanted - aspace->brk_start + (aspace->data_end - aspace->data_start) <= aspace->limit_data;
    if (good && new_end > old_end)
        good = grow_break(aspace, old_end, new_end);
    else if (good && new_end < old_end)
        good = unmap_locked(aspace, new_end, old_end, &dead) == 0;
    if (good)
        aspace->brk_end = wanted;
    bool populate = good && aspace->lock_future && !aspace->lock_future_on_fault && new_end > old_end;
    vaddr_t result = aspace->brk_end;
    rwlock_write_unlock(&aspace->lock);
    region_list_free(&dead);
    if (populate)
        (void)!aspace_populate(aspace, old_end, new_end, true);
    return result;
}
