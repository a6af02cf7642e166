// SPDX-License-Identifier: MPL-2.0
// Porting guide: address spaces and the TLB. Read arch/x86_64/cpu/tlb.c for a protocol without queue or lock.
#include <arch/mmu.h>

// Copy the kernel's upper half into the root, unless the kernel has a root register of its own. Take a new id.
void arch_aspace_init(struct arch_aspace *aspace, paddr_t root) {
    aspace->root = root;
}

// On return no CPU has the root loaded, not even lazily under a kernel thread, and no CPU will use what it
// remembers under the space's ASID for another: the caller frees the tables without a further flush.
void arch_aspace_fini(struct arch_aspace *aspace) {}

// Order: raise the generation, then look which CPUs have the space loaded; a loading CPU does it the other
// way round. CPUs that wait here must answer others meanwhile. Broadcast instructions (arm64) need none of this.
void arch_tlb_flush_range(struct arch_aspace *aspace, vaddr_t start, vaddr_t end) {}
void arch_tlb_flush_all(struct arch_aspace *aspace) {}
