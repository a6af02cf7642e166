// SPDX-License-Identifier: MPL-2.0
// Making all CPUs forget translations: broadcast TLB invalidation, without interrupts.
//
// Before: DSB ISHST, so that a walk which begins after the invalidation sees the changed entries. After: DSB ISH,
// which waits until all CPUs are done, with the accesses that they had already translated too. An invalidation by
// address also drops the tables on the way, so the same serves for freed tables. Beyond some pages the whole ASID goes:
// each instruction is a message to every CPU.
//
// Which ASID it is, and why one that a roll-over changes at the same time does no harm: aspace.c.
#include "cpu/sysreg.h"
#include <arch/mmu.h>

enum { PAGES_MAX = 32 };
#define TLBI(operation, operand) __asm__ volatile("tlbi " operation ", %0" ::"r"(operand) : "memory")
#define TLBI_PAGE(address) ((address) >> PAGE_SHIFT & ((1ul << 44) - 1))

static void flush_kernel(vaddr_t start, vaddr_t end) {
    dsb_ishst();
    if (end - start > PAGES_MAX * PAGE_SIZE)
        __asm__ volatile("tlbi vmalle1is" ::: "memory");
    else
        for (vaddr_t at = start; at < end; at += PAGE_SIZE)
            TLBI("vaae1is", TLBI_PAGE(at));
    dsb_ish();
    isb();
}

void arch_tlb_flush_range(struct arch_aspace *aspace, vaddr_t start, vaddr_t end) {
    if (aspace == nullptr) {
        flush_kernel(start, end);
        return;
    }
    dsb_ishst();
    uint64_t asid = atomic_load_explicit(&aspace->asid, memory_order_relaxed) << ARM64_TTBR_ASID_SHIFT;
    if (asid == 0)
        return; // never loaded
    if (end - start > PAGES_MAX * PAGE_SIZE)
        TLBI("aside1is", asid);
    else
        for (vaddr_t at = start; at < end; at += PAGE_SIZE)
            TLBI("vae1is", asid | TLBI_PAGE(at));
    dsb_ish();
}

void arch_tlb_flush_all(struct arch_aspace *aspace) {
    arch_tlb_flush_range(aspace, 0, ~0ul);
}
