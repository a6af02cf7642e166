// SPDX-License-Identifier: MPL-2.0
// Fork: a copy-on-write twin of an address space.
//
// Every present entry is copied with one more reference on its page; entries of private regions lose their write right
// on both sides. Pages of VMOs are copied too: a child that runs on needs them at once, and eight instructions are
// cheaper than a fault. That is done with vmo->lock held and both regions on the VMO's list, so that truncation,
// before or after, sees either none or both.
//
// The parent's other threads may write through stale TLB entries until the one flush at the end; the child
// has not run by then, so it sees a state that the parent had.
#include "aspace_priv.h"
#include "page_priv.h"

#include <lib/assert.h>
#include <sched/sched.h>

struct copy {
    struct aspace *child;
    bool write_protected; // some entry of the parent's
    int64_t resident;
};

ALWAYS_INLINE void copy_page(struct copy *copy, pte_slot_t *from, pte_slot_t *to, bool private) {
    pte_t pte = slot_load(from);
    struct page *page = pte_page(pte);
    page_get(page);
    if (page != page_zero)
        copy->resident++;
    if (private && arch_pte_is_writable(pte)) {
        // Only the accessed and dirty bits may change under us, and private memory has no use for them.
        pte = arch_pte_clear_write(pte);
        slot_store(from, pte);
        copy->write_protected = true;
    }
    slot_store(to, pte);
}

// One block. -ENOMEM: no table for the child.
static status_t copy_block(struct copy *copy, pte_slot_t *from, vaddr_t start, vaddr_t end, bool private) {
    pte_t entry = slot_load(from);
    if (is_huge_leaf(entry)) {
        pte_slot_t *to = block_slot_make(copy->child, start);
        if (!to)
            return -ENOMEM;
        huge_get(pte_page(entry));
        copy->resident += PTE_PER_TABLE;
        if (arch_pte_is_writable(entry)) {
            entry = arch_pte_clear_write(entry);
            slot_store(from, entry);
            copy->write_protected = true;
        }
        slot_store(to, entry);
        return 0;
    }
    bool huge;
    pte_slot_t *to = page_slot_make(copy->child, start, &huge);
    if (!to)
        return -ENOMEM;
    pte_slot_t *table = table_of(entry);
    unsigned first = table_index(start, 0), stop = first + (unsigned)((end - start) >> PAGE_SHIFT);
    for (unsigned i = first; (i = skip_empty(table, i, stop)) < stop; i++)
        copy_page(copy, &table[i], &to[i - first], private);
    return 0;
}

static status_t copy_entries(struct copy *copy, struct region *region) {
    struct aspace *parent = region->aspace;
    pte_slot_t *block;
    for (vaddr_t at = region->start; (block = next_block(parent, &at, region->end));) {
        vaddr_t stop = MIN(ALIGN_DOWN(at, HUGE_PAGE_SIZE) + HUGE_PAGE_SIZE, region->end);
        region_lock_object(region);
        status_t status = copy_block(copy, block, at, stop, region_is_private(region));
        region_unlock_object(region);
        if (status < 0)
            return status;
        at = stop;
        sched_preempt_point();
    }
    return 0;
}

static status_t copy_region(struct aspace *child, struct copy *copy, struct region *region) REQUIRES(&child->lock) {
    if (region->flags & REGION_NO_FORK)
        return 0;
    struct region *twin = region_clone(region);
    if (!twin)
        return -ENOMEM;
    twin->flags &= ~(uint32_t)REGION_LOCKED;
    region_link(child, twin);
    region_account(child, twin->flags, twin->end - twin->start, 1);
    return region->flags & REGION_WIPE_ON_FORK ? 0 : copy_entries(copy, region);
}

static void copy_fields(struct aspace *child, const struct aspace *parent) {
    child->mmap_top = parent->mmap_top;
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    child->stack_top = parent->stack_top;
    child->vdso = parent->vdso;
    child->sigreturn = parent->sigreturn;
    child->arg_start = parent->arg_start;
    child->arg_end = parent->arg_end;
    child->env_start = parent->env_start;
    child->env_end = parent->env_end;
    child->code_start = parent->code_start;
    child->code_end = parent->code_end;
    child->data_start = parent->data_start;
    child->data_end = parent->data_end;
    atomic_store_explicit(&child->membarrier, parent->membarrier, memory_order_relaxed);
    child->limit_address_space = parent->limit_address_space;
    child->limit_data = parent->limit_data;
    child->limit_stack = parent->limit_stack;
    child->limit_locked = parent->limit_locked;
    for (unsigned i = 0; i < ARRAY_SIZE(child->auxv); i++)
        child->auxv[i] = parent->auxv[i];
}

struct aspace *aspace_fork(struct aspace *parent) {
    struct aspace *child = aspace_create(parent->charge.account);
    if (!child)
        return nullptr;
    if (!charge_cover(&child->charge, aspace_used_pages(parent))) {
        aspace_put(child);
        return nullptr;
    }
    struct copy copy = {.child = child};
    status_t status = 0;
    rwlock_write(&parent->lock);
    rwlock_write(&child->lock); // nobody else knows it
    copy_fields(child, parent);
    for (struct rb_node *node = rb_first(&parent->regions); node && status == 0; node = rb_next(node))
        status = copy_region(child, &copy, RB_ENTRY(node, struct region, node));
    rwlock_write_unlock(&child->lock);
    if (copy.write_protected)
        arch_tlb_flush_all(&parent->arch);
    rwlock_write_unlock(&parent->lock);
    atomic_store_explicit(&child->resident_pages, copy.resident, memory_order_relaxed);
    if (status == 0)
        return child;
    aspace_put(child);
    return nullptr;
}
