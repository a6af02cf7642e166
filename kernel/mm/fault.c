// SPDX-License-Identifier: MPL-2.0
// Page faults.
//
//   private anonymous   read: the zero page · write: a zeroed page, or 2 MiB of them
//   private over a VMO  read: the VMO's page, read-only, and its resident neighbours · write: a copy
//   shared              the VMO's page, with the region's rights, and its resident neighbours
//   present, write      sole owner: made writable · else: copied
//
// All under aspace.lock for reading, so faults of several threads run side by side: an entry is set by
// compare-and-exchange, and whoever loses simply returns; the access is tried again. A VMO's page is looked up and
// its entry set in one hold of vmo->lock (see vmo.c).
//
// Whose copy-on-write it is: an entry of a private region is writable only if its page has that entry as its only
// reference; fork makes both sides read-only. A page of a VMO has the VMO's reference as well, so it never counts as
// sole.
#include "aspace_priv.h"
#include "page_priv.h"
#include "vmo_priv.h"

#include <arch/upcall.h>
#include <lib/assert.h>
#include <sched/thread.h>

#define FAULT_AROUND 16 // pages, aligned

static void count_resident(struct aspace *aspace, int64_t pages) {
    atomic_fetch_add_explicit(&aspace->resident_pages, pages, memory_order_relaxed);
}

// Whoever pays for the space's memory pays for so many pages more.
static bool may_add(struct aspace *aspace, int64_t pages) {
    return charge_cover(&aspace->charge, aspace_used_pages(aspace) + pages);
}

static struct page *anonymous_page(unsigned flags) {
    struct page *page = page_alloc_one(flags | ALLOC_USER);
    if (LIKELY(page)) {
        atomic_store_explicit(&page->flags, PAGE_ANONYMOUS, memory_order_relaxed);
        this_cpu(page_counters).anonymous++;
    }
    return page;
}

// --- 2 MiB pages ---

// The whole block lies in the region, and the region wants huge pages.
static bool huge_fits(const struct region *region, vaddr_t address) {
    vaddr_t block = ALIGN_DOWN(address, HUGE_PAGE_SIZE);
    if (block < region->start || block + HUGE_PAGE_SIZE > region->end)
        return false;
    if (region->flags & (REGION_NO_HUGE | REGION_GROWS_DOWN))
        return false;
    if (region->flags & REGION_HUGE)
        return true;
    // By default only where memory is plentiful, and not for mappings that say they will stay mostly empty.
    return !(region->flags & REGION_NORESERVE) && page_free_estimate() > page_total / 4;
}

// True if a huge page was mapped, by us or another thread.
static bool try_huge(struct region *region, vaddr_t address) {
    pte_slot_t *slot = block_slot_make(region->aspace, address);
    if (!slot || slot_load(slot) != 0)
        return slot && is_huge_leaf(slot_load(slot));
    if (!may_add(region->aspace, PTE_PER_TABLE))
        return false;
    struct page *page = page_alloc(9, ALLOC_USER | ALLOC_ZERO);
    if (!page)
        return false;
    atomic_store_explicit(&page->flags, PAGE_HEAD | PAGE_ANONYMOUS, memory_order_relaxed);
    this_cpu(page_counters).anonymous += PTE_PER_TABLE;
    unsigned prot = region_prot_read(region) | (region->flags & REGION_WRITE);
    if (slot_replace(slot, 0, user_entry(page, prot, 1)))
        count_resident(region->aspace, PTE_PER_TABLE);
    else
        page_put(page);
    return is_huge_leaf(slot_load(slot));
}

// A fault on a huge leaf: a write to one that is shared by fork, or a stale TLB entry. On return either it is
// writable, or it was split and the fault will come again for a small page.
static status_t huge_fault(struct region *region, vaddr_t address, unsigned access) {
    pte_slot_t *slot = block_slot(region->aspace, address);
    pte_t block = slot ? slot_load(slot) : 0;
    if (!is_huge_leaf(block))
        return 0;
    if (UNLIKELY(is_changing(block))) {
        slot_wait(slot, block);
        return 0;
    }
    if (!(access & FAULT_WRITE) || arch_pte_is_writable(block)) {
        arch_tlb_flush_local(address);
        return 0;
    }
    if (huge_is_sole(pte_page(block))) {
        slot_replace(slot, block, arch_pte_set_write(block));
        arch_tlb_flush_local(address);
        return 0;
    }
    return split_block(region->aspace, slot, address) ? 0 : -ENOMEM;
}

// --- small pages ---

static status_t map_anonymous(struct region *region, pte_slot_t *slot, unsigned access) {
    struct page *page = page_zero;
    unsigned prot = region_prot_read(region);
    if (access & FAULT_WRITE) {
        page = anonymous_page(ALLOC_ZERO);
        if (!page)
            return -ENOMEM;
        prot |= PROT_MAP_WRITE;
    } else {
        page_get(page);
    }
    if (UNLIKELY(!slot_replace(slot, 0, user_entry(page, prot, 0))))
        page_put(page);
    else if (access & FAULT_WRITE)
        count_resident(region->aspace, 1);
    return 0;
}

// The entry leads to `page` from now on. False: another fault, or truncation, was faster. No thread reads the old page
// when another may write to the new one.
static bool replace_page(struct region *region, pte_slot_t *slot, pte_t pte, struct page *page, vaddr_t start) {
    pte_t made = user_entry(page, region_prot_read(region) | PROT_MAP_WRITE, 0), changing = pte_changing(pte);
    if (!slot_replace(slot, pte, changing))
        return false;
    arch_tlb_flush_range(&region->aspace->arch, start, start + PAGE_SIZE);
    return slot_replace(slot, changing, made);
}

// A write to a present, read-only page of a private region.
static status_t copy_on_write(struct region *region, pte_slot_t *slot, pte_t pte, vaddr_t address) {
    struct page *old = pte_page(pte);
    vaddr_t start = ALIGN_DOWN(address, PAGE_SIZE);
    if (refcount_value(&old->ref) == 1) {
        // Nobody else can get at it: entries are only copied with aspace.lock held for writing.
        slot_replace(slot, pte, arch_pte_set_write(pte));
        arch_tlb_flush_local(address);
        return 0;
    }
    struct page *page = anonymous_page(old == page_zero ? ALLOC_ZERO : 0);
    if (!page)
        return -ENOMEM;
    if (old != page_zero) {
        // Truncation may take the entry, and with it the page, away while we look.
        if (!refcount_try_up(&old->ref)) {
            page_put(page);
            return 0;
        }
        arch_page_copy(page_to_virt(page), page_to_virt(old));
        page_put(old);
    }
    if (!replace_page(region, slot, pte, page, start)) {
        page_put(page);
        return 0;
    }
    if (old == page_zero)
        count_resident(region->aspace, 1);
    page_put(old); // the entry's reference
    return 0;
}

// A write to a present, read-only page of a shared region: it was clean, or is shared with a clone. Marks and the right
// go together, in one hold of the lock, as they are taken away.
static status_t make_dirty(struct region *region, pte_slot_t *slot, pte_t pte, vaddr_t address) {
    struct vmo *vmo = region->vmo;
    struct page *page = pte_page(pte);
    status_t status = 0;
    if (vmo->pager && vmo->pager->make_writable)
        return -EAGAIN; // may block
    spin_lock(&vmo->lock);
    if (slot_load(slot) != pte) {
        // The page is gone, or another thread was faster.
    } else if (page_is_shared(page)) {
        status = vmo_own_locked(vmo, region_offset_of(region, address) >> PAGE_SHIFT, &page); // comes again
    } else {
        if (vmo->pager)
            atomic_fetch_or_explicit(&page->flags, PAGE_DIRTY, memory_order_relaxed);
        slot_replace(slot, pte, arch_pte_set_write(pte));
    }
    spin_unlock(&vmo->lock);
    arch_tlb_flush_local(address);
    return status;
}

// Fills an empty slot; false: it was not empty.
ALWAYS_INLINE bool map_neighbour(pte_slot_t *slot, struct page *page, unsigned prot) {
    if (slot_load(slot))
        return false;
    page_get(page);
    if (slot_replace(slot, 0, user_entry(page, prot, 0)))
        return true;
    page_put(page);
    return false;
}

// Maps what is resident around the address, empty slots only. The slot's table is the faulting one's.
static void map_around(struct vmo *vmo, struct region *region, pte_slot_t *slot, vaddr_t address) REQUIRES(&vmo->lock) {
    // Mostly nobody asks which pages of a shared mapping are written to: writable at once.
    bool writable = !region_is_private(region) && !vmo->traps_writes;
    unsigned prot = region_prot_read(region) | (writable ? region->flags & REGION_WRITE : 0);
    vaddr_t window = ALIGN_DOWN(address, FAULT_AROUND * PAGE_SIZE);
    vaddr_t at = MAX(window, region->start), end = MIN(window + FAULT_AROUND * PAGE_SIZE, region->end);
    uint64_t pages = ALIGN_UP(atomic_load_explicit(&vmo->size, memory_order_relaxed), PAGE_SIZE) >> PAGE_SHIFT;
    slot -= (address - at) >> PAGE_SHIFT;
    uint64_t index = region_offset_of(region, at) >> PAGE_SHIFT, last = index + ((end - at) >> PAGE_SHIFT);
    int64_t mapped = 0;
    last = MIN(last, pages);
    while (index < last) {
        unsigned count;
        struct page *const *there = vmo_peek_many(vmo, index, &count);
        count = (unsigned)MIN((uint64_t)count, last - index);
        for (unsigned i = 0; there && i < count; i++)
            mapped += there[i] && map_neighbour(&slot[i], there[i], prot);
        slot += count;
        index += count;
    }
    count_resident(region->aspace, mapped);
}

// The VMO's page at the address was not there: make it, unless its pager would have to (-EAGAIN).
static status_t bring_in(struct vmo *vmo, uint64_t index) {
    if (vmo->pager)
        return -EAGAIN;
    struct page *page;
    status_t status = vmo_get_page(vmo, index, true, &page);
    if (status == 0)
        page_put(page);
    return status == -ENOSPC ? -EIO : status; // SIGBUS, as on Linux when a tmpfs is full
}

// A private write to a page of a VMO that is not mapped yet.
static status_t map_copy(struct region *region, pte_slot_t *slot, struct page *from) {
    struct page *page = anonymous_page(0);
    if (!page)
        return -ENOMEM;
    arch_page_copy(page_to_virt(page), page_to_virt(from));
    unsigned prot = region_prot_read(region) | PROT_MAP_WRITE;
    if (slot_replace(slot, 0, user_entry(page, prot, 0)))
        count_resident(region->aspace, 1);
    else
        page_put(page);
    return 0;
}

static status_t map_object(struct region *region, pte_slot_t *slot, vaddr_t address, unsigned access) {
    struct vmo *vmo = region->vmo;
    uint64_t index = region_offset_of(region, address) >> PAGE_SHIFT;
    bool write = access & FAULT_WRITE, private = region_is_private(region);
    for (;;) {
        spin_lock(&vmo->lock);
        if (index << PAGE_SHIFT >= atomic_load_explicit(&vmo->size, memory_order_relaxed)) {
            spin_unlock(&vmo->lock);
            return -ENXIO;
        }
        struct page *page = vmo_peek(vmo, index);
        if (page && private && write) {
            page_get(page);
            spin_unlock(&vmo->lock);
            status_t status = map_copy(region, slot, page);
            page_put(page);
            return status;
        }
        if (page) {
            map_around(vmo, region, slot, ALIGN_DOWN(address, PAGE_SIZE));
            spin_unlock(&vmo->lock);
            return 0; // a write to a clean page of a pager's comes again
        }
        spin_unlock(&vmo->lock);
        status_t status = bring_in(vmo, index);
        if (status < 0)
            return status;
    }
}

status_t fault_resolve(struct aspace *aspace, struct region *region, vaddr_t address, unsigned access) {
    bool huge = false;
    if (UNLIKELY(!may_add(aspace, 1)))
        return -ENOMEM;
    if (region_is_anonymous(region) && huge_fits(region, address) && try_huge(region, address))
        return huge_fault(region, address, access);
    pte_slot_t *slot = page_slot_make(aspace, address, &huge);
    if (!slot)
        return huge ? huge_fault(region, address, access) : -ENOMEM;
    pte_t pte = slot_load(slot);
    if (!pte)
        return region->vmo ? map_object(region, slot, address, access) : map_anonymous(region, slot, access);
    if (UNLIKELY(is_changing(pte))) {
        slot_wait(slot, pte);
        return 0;
    }
    if (!(access & FAULT_WRITE) || arch_pte_is_writable(pte)) {
        arch_tlb_flush_local(address); // another thread was faster, or the TLB was stale
        return 0;
    }
    return region_is_private(region) ? copy_on_write(region, slot, pte, address)
                                     : make_dirty(region, slot, pte, address);
}

// --- from the outside ---

static status_t check_rights(const struct region *region, unsigned access) {
    uint32_t need = access & FAULT_WRITE ? REGION_WRITE : access & FAULT_EXEC ? REGION_EXEC : 0;
    // As on x86 hardware, memory that may be written or executed may be read.
    if (!need)
        return region->flags & REGION_PROT ? 0 : -EACCES;
    return region->flags & need ? 0 : -EACCES;
}

// Grows the stack region above the address down to it. 0: try again.
static status_t grow_stack(struct aspace *aspace, vaddr_t address) {
    status_t status = -EFAULT;
    vaddr_t start = ALIGN_DOWN(address, PAGE_SIZE);
    rwlock_write(&aspace->lock);
    struct region *region = region_from(aspace, address);
    if (region && region->start <= address) {
        status = 0; // another thread did it
    } else if (region && (region->flags & REGION_GROWS_DOWN) && start >= MMAP_MIN_ADDRESS) {
        struct region *below = region_prev(region);
        size_t more = region->start - start;
        bool clear = !below || start >= below->end + STACK_GUARD_GAP ||
                     ((below->flags & REGION_GROWS_DOWN) && start >= below->end) || !(below->flags & REGION_PROT);
        if (below && start < below->end)
            clear = false;
        if (clear && region->end - start <= aspace->limit_stack && aspace_may_grow(aspace, region->flags, more)) {
            region_account(aspace, region->flags, more, 1);
            region_set_bounds(region, start, region->end);
            status = 0;
        }
    }
    rwlock_write_unlock(&aspace->lock);
    return status;
}

// The page must come from a pager, or the pager must be asked before it is written: without the space's lock.
static status_t ask_pager(struct vmo *vmo, uint64_t index, bool write) {
    struct page *page;
    status_t status = write ? vmo_get_page_for_write(vmo, index, &page) : vmo_get_page(vmo, index, true, &page);
    if (status == 0)
        page_put(page);
    vmo_put(vmo);
    return status == -ENOSPC || status == -EDQUOT ? -EIO : status;
}

// After ask_pager said yes to a write: the entry becomes writable if the page is still the VMO's and dirty.
static void finish_dirty(struct aspace *aspace, struct region *region, vaddr_t address) REQUIRES_SHARED(&aspace->lock) {
    struct vmo *vmo = region->vmo;
    pte_slot_t *slot = page_slot(aspace, address);
    if (!slot)
        return;
    spin_lock(&vmo->lock);
    pte_t pte = slot_load(slot);
    struct page *page = vmo_peek(vmo, region_offset_of(region, address) >> PAGE_SHIFT);
    if (pte && page == pte_page(pte) && (atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_DIRTY))
        slot_replace(slot, pte, arch_pte_set_write(pte));
    spin_unlock(&vmo->lock);
    arch_tlb_flush_local(address);
}

status_t aspace_fault(struct aspace *aspace, vaddr_t address, unsigned access) {
    if (address >= USER_TOP)
        return -EFAULT;
    bool asked = false;
    for (;;) {
        rwlock_read(&aspace->lock);
        struct region *region = region_at(aspace, address);
        if (UNLIKELY(!region)) {
            rwlock_read_unlock(&aspace->lock);
            status_t status = grow_stack(aspace, address);
            if (status < 0)
                return status;
            continue;
        }
        status_t status = check_rights(region, access);
        if (asked && status == 0 && (access & FAULT_WRITE) && region->vmo && !region_is_private(region))
            finish_dirty(aspace, region, address);
        if (status == 0)
            status = fault_resolve(aspace, region, address, access);
        struct vmo *vmo = status == -EAGAIN ? region->vmo : nullptr;
        uint64_t index = vmo ? region_offset_of(region, address) >> PAGE_SHIFT : 0;
        bool shared = !region_is_private(region);
        if (vmo)
            vmo_get(vmo);
        rwlock_read_unlock(&aspace->lock);
        if (!vmo)
            return status;
        status = ask_pager(vmo, index, shared && (access & FAULT_WRITE));
        if (status < 0)
            return status;
        asked = true;
    }
}

bool trap_kernel_page_fault(vaddr_t address, unsigned access) {
    struct thread *thread = arch_current();
    struct aspace *aspace = thread && thread->aspace ? aspace_current() : nullptr;
    return aspace && aspace_fault(aspace, address, access) == 0;
}
