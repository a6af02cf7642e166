// SPDX-License-Identifier: MPL-2.0
// Looking into an address space from outside: other processes' memory, futex keys, /proc/PID/maps.
#include "aspace_priv.h"
#include "page_priv.h"

#include <arch/upcall.h>
#include <lib/string.h>

// The entry that maps the address, at whatever level; 0: none. *offset: of the address in the page it gives.
static pte_t find_entry(struct aspace *aspace, vaddr_t address, size_t *offset) {
    pte_slot_t *block = block_slot(aspace, address);
    pte_t entry = block ? slot_load(block) : 0;
    *offset = address & (HUGE_PAGE_SIZE - 1);
    if (!is_table(entry))
        return entry;
    *offset = address & PAGE_MASK;
    return slot_load(&table_of(entry)[table_index(address, 0)]);
}

// ptrace's way past a region's rights: a private copy may be written whatever mprotect says, as a debugger sets its
// breakpoints. The region is locked for reading.
static status_t force_fault(struct aspace *aspace, struct region *region, vaddr_t address, bool write)
    REQUIRES_SHARED(&aspace->lock) {
    if (write && !region_is_private(region))
        return -EACCES;
    return fault_resolve(aspace, region, address, write ? FAULT_WRITE : FAULT_READ);
}

static status_t bring_in(struct aspace *aspace, vaddr_t address, bool write, bool force) {
    status_t status = aspace_fault(aspace, address, write ? FAULT_WRITE : FAULT_READ);
    if (status != -EACCES || !force)
        return status;
    rwlock_read(&aspace->lock);
    struct region *region = region_at(aspace, address);
    status = region ? force_fault(aspace, region, address, write) : -EFAULT;
    rwlock_read_unlock(&aspace->lock);
    return status;
}

// Copies within one page if an entry of sufficient rights is there. False: it must be faulted in.
static bool copy_part(struct aspace *aspace, vaddr_t address, void *buffer, size_t size, bool write) {
    bool done = false;
    rwlock_read(&aspace->lock);
    size_t offset;
    pte_t pte = region_at(aspace, address) ? find_entry(aspace, address, &offset) : 0;
    if (pte && arch_pte_is_present(pte) && (!write || arch_pte_is_writable(pte))) {
        struct page *page = pte_page(pte);
        // Truncation may take the entry, and its reference, at any time.
        if (refcount_try_up(&page->ref)) {
            size_t again;
            done = find_entry(aspace, address, &again) == pte;
            char *memory = (char *)page_to_virt(page) + offset;
            if (done && write) {
                memcpy(memory, buffer, size);
                if (arch_pte_is_executable(pte)) // a breakpoint
                    arch_page_sync_code(page_to_virt(page));
            } else if (done)
                memcpy(buffer, memory, size);
            page_put(page);
        }
    }
    rwlock_read_unlock(&aspace->lock);
    return done;
}

ssize_t aspace_access(struct aspace *aspace, vaddr_t address, void *buffer, size_t size, bool write, bool force) {
    size_t done = 0;
    unsigned tries = 0;
    status_t status = 0;
    while (done < size) {
        vaddr_t at = address + done;
        size_t step = MIN(size - done, PAGE_SIZE - (at & PAGE_MASK));
        if (at >= USER_TOP) {
            status = -EFAULT;
            break;
        }
        if (copy_part(aspace, at, (char *)buffer + done, step, write)) {
            done += step;
            tries = 0;
            continue;
        }
        // A forced write to read-only memory leaves an entry that is writable only until the next mprotect; several
        // rounds are normal (absent, read-only, copied), endless ones are a hidden page.
        status = tries++ < 8 ? bring_in(aspace, at, write, force) : -EFAULT;
        if (status < 0)
            break;
    }
    return done > 0 || status == 0 ? (ssize_t)done : -EFAULT;
}

status_t aspace_get_page(struct aspace *aspace, vaddr_t address, bool write, struct page **out) {
    for (;;) {
        status_t status = 0;
        bool found = false;
        rwlock_read(&aspace->lock);
        pte_slot_t *block = block_slot(aspace, address);
        // References are to small pages.
        if (block && is_huge_leaf(slot_load(block))) {
            rwlock_read_unlock(&aspace->lock);
            rwlock_write(&aspace->lock);
            block = block_slot(aspace, address);
            if (block && is_huge_leaf(slot_load(block)) &&
                !split_block(aspace, block, ALIGN_DOWN(address, HUGE_PAGE_SIZE)))
                status = -ENOMEM;
            rwlock_write_unlock(&aspace->lock);
            if (status < 0)
                return status;
            continue;
        }
        pte_slot_t *slot = page_slot(aspace, address);
        pte_t pte = slot ? slot_load(slot) : 0;
        if (pte && arch_pte_is_present(pte) && (!write || arch_pte_is_writable(pte)) &&
            refcount_try_up(&pte_page(pte)->ref)) {
            found = slot_load(slot) == pte;
            if (found)
                *out = pte_page(pte);
            else
                page_put(pte_page(pte));
        }
        rwlock_read_unlock(&aspace->lock);
        if (found)
            return 0;
        status = aspace_fault(aspace, address, write ? FAULT_WRITE : FAULT_READ);
        if (status < 0)
            return status;
    }
}

status_t aspace_memory_key(struct aspace *aspace, vaddr_t address, struct memory_key *key) {
    status_t status = 0;
    rwlock_read(&aspace->lock);
    struct region *region = region_at(aspace, address);
    if (!region)
        status = -EFAULT;
    else if (region_is_private(region))
        *key = (struct memory_key){aspace, address};
    else
        *key = (struct memory_key){region->vmo, region_offset_of(region, address)};
    rwlock_read_unlock(&aspace->lock);
    return status;
}

void aspace_for_each_region(struct aspace *aspace, bool (*visit)(const struct region *region, void *context),
                            void *context) {
    rwlock_read(&aspace->lock);
    for (struct region *region = region_from(aspace, 0); region; region = region_next(region))
        if (!visit(region, context))
            break;
    rwlock_read_unlock(&aspace->lock);
}

bool page_has_others(struct page *page) {
    bool anonymous = atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_ANONYMOUS;
    return refcount_value(&page->ref) > (page->vmo && !anonymous ? 2 : 1);
}

static void count_page(struct region_usage *out, struct page *page) {
    if (page == page_zero)
        return;
    unsigned flags = atomic_load_explicit(&page->flags, memory_order_relaxed);
    out->resident++;
    bool anonymous = flags & PAGE_ANONYMOUS;
    bool shared = page_has_others(page);
    out->anonymous += anonymous;
    out->shared += shared;
    out->shared_anonymous += anonymous && shared;
}

void region_usage(const struct region *region, struct region_usage *out) {
    *out = (struct region_usage){0};
    pte_slot_t *block;
    for (vaddr_t at = region->start; (block = next_block(region->aspace, &at, region->end));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, region->end);
        pte_t entry = slot_load(block);
        if (is_huge_leaf(entry)) {
            uint64_t pages = (stop - at) >> PAGE_SHIFT;
            out->resident += pages;
            out->anonymous += pages;
            at = stop;
            continue;
        }
        for (; at < stop; at += PAGE_SIZE) {
            pte_t pte = slot_load(&table_of(entry)[table_index(at, 0)]);
            if (pte)
                count_page(out, pte_page(pte));
        }
    }
}
