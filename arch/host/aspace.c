// SPDX-License-Identifier: MPL-2.0
// Host port: address spaces are never loaded; TLB flushes are counted, so that tests can demand them.
#include <arch/mmu.h>

void arch_aspace_init(struct arch_aspace *aspace, paddr_t root) {
    aspace->root = root;
}
void arch_aspace_fini(struct arch_aspace *aspace) {}
void arch_tlb_flush_range(struct arch_aspace *aspace, vaddr_t start, vaddr_t end) {
    host_tlb_flushes++;
    if (host_tlb_flush_hook)
        host_tlb_flush_hook(aspace, start, end);
}
void arch_tlb_flush_all(struct arch_aspace *aspace) {
    arch_tlb_flush_range(aspace, 0, USER_TOP);
}
