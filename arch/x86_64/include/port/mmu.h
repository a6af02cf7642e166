// SPDX-License-Identifier: MPL-2.0
// x86-64: page table entries, direct map, TLB. See arch/mmu.h.
#pragma once

#include <lib/types.h>
#include <port/percpu.h>
#include <stdatomic.h>

// Below the canonical hole, and one page less, so that no user instruction ends at the hole.
#define ARCH_USER_TOP 0x7ffffffff000ul

#define X86_PTE_PRESENT 0x1ul
#define X86_PTE_WRITE 0x2ul
#define X86_PTE_USER 0x4ul
#define X86_PTE_WRITE_THROUGH 0x8ul // with the PAT of cpu/: write combining
#define X86_PTE_CACHE_DISABLE 0x10ul
#define X86_PTE_ACCESSED 0x20ul
#define X86_PTE_DIRTY 0x40ul
#define X86_PTE_HUGE 0x80ul
#define X86_PTE_GLOBAL 0x100ul
#define X86_PTE_NO_EXEC (1ul << 63)
#define X86_PTE_ADDRESS 0x000ffffffffff000ul
// Ignored by the processor: bits 9-11.
#define X86_PTE_SOFT_SHIFT 9
#define ARCH_PTE_SOFT_BITS 3
#define X86_PTE_SOFT (7ul << X86_PTE_SOFT_SHIFT)

struct arch_aspace {
    paddr_t root;
    _Atomic uint64_t id;             // never used twice: tells whether a PCID still means this space; 0: dying
    _Atomic uint64_t cpus;           // that have ever loaded it
    _Atomic uint64_t tlb_generation; // grows with each flush; a CPU that holds an older one flushes
    _Atomic uint64_t tlb_slot; // offset of its slot in the struct x86_tlb of the CPU that gave it one last: a guess
};

extern uintptr_t x86_direct_map X86_HIDDEN;
extern uint64_t *x86_kernel_root X86_HIDDEN;
#define X86_VMAP_START 0xffffe00000000000ul
#define X86_VMAP_SIZE (512ul << 30)

ALWAYS_INLINE uint64_t arch_pte_table(paddr_t table) {
    return table | X86_PTE_PRESENT | X86_PTE_WRITE | X86_PTE_USER | X86_PTE_ACCESSED;
}

// Accessed, and dirty if writable, are set at once: nothing here needs the processor's walk to do it.
ALWAYS_INLINE uint64_t arch_pte_page(paddr_t page, unsigned prot, unsigned level) {
    uint64_t pte = page | X86_PTE_PRESENT | X86_PTE_ACCESSED;
    if (prot & 2) // PROT_MAP_WRITE
        pte |= X86_PTE_WRITE | X86_PTE_DIRTY;
    if (!(prot & 4)) // PROT_MAP_EXEC
        pte |= X86_PTE_NO_EXEC;
    if (prot & 8) // PROT_MAP_USER
        pte |= X86_PTE_USER;
    if (prot & 16) // PROT_MAP_DEVICE
        pte |= X86_PTE_CACHE_DISABLE | X86_PTE_WRITE_THROUGH;
    if (prot & 32) // PROT_MAP_WRITE_COMBINE
        pte |= X86_PTE_WRITE_THROUGH;
    if (prot & 64) // PROT_MAP_GLOBAL
        pte |= X86_PTE_GLOBAL;
    return level > 0 ? pte | X86_PTE_HUGE : pte;
}

ALWAYS_INLINE bool arch_pte_is_present(uint64_t pte) {
    return (pte & X86_PTE_PRESENT) != 0;
}
ALWAYS_INLINE bool arch_pte_is_leaf(uint64_t pte, unsigned level) {
    return arch_pte_is_present(pte) && (level == 0 || (pte & X86_PTE_HUGE) != 0);
}
ALWAYS_INLINE paddr_t arch_pte_address(uint64_t pte) {
    return pte & X86_PTE_ADDRESS;
}
ALWAYS_INLINE bool arch_pte_is_writable(uint64_t pte) {
    return (pte & X86_PTE_WRITE) != 0;
}
ALWAYS_INLINE bool arch_pte_is_user(uint64_t pte) {
    return (pte & X86_PTE_USER) != 0;
}
ALWAYS_INLINE bool arch_pte_is_executable(uint64_t pte) {
    return (pte & X86_PTE_NO_EXEC) == 0;
}
ALWAYS_INLINE bool arch_pte_is_dirty(uint64_t pte) {
    return (pte & X86_PTE_DIRTY) != 0;
}
ALWAYS_INLINE bool arch_pte_is_accessed(uint64_t pte) {
    return (pte & X86_PTE_ACCESSED) != 0;
}
ALWAYS_INLINE uint64_t arch_pte_clear_write(uint64_t pte) {
    return pte & ~X86_PTE_WRITE;
}
ALWAYS_INLINE uint64_t arch_pte_set_write(uint64_t pte) {
    return pte | X86_PTE_WRITE | X86_PTE_DIRTY;
}
ALWAYS_INLINE uint64_t arch_pte_hide(uint64_t pte) {
    return pte & ~X86_PTE_PRESENT;
}
ALWAYS_INLINE uint64_t arch_pte_clear_dirty(uint64_t pte) {
    return pte & ~X86_PTE_DIRTY;
}
ALWAYS_INLINE uint64_t arch_pte_part(uint64_t block, paddr_t page) {
    return (block & ~(X86_PTE_ADDRESS | X86_PTE_HUGE)) | page;
}
ALWAYS_INLINE uint64_t arch_pte_set_soft(uint64_t pte, unsigned bits) {
    return (pte & ~X86_PTE_SOFT) | (uint64_t)bits << X86_PTE_SOFT_SHIFT;
}
ALWAYS_INLINE unsigned arch_pte_soft(uint64_t pte) {
    return (unsigned)((pte & X86_PTE_SOFT) >> X86_PTE_SOFT_SHIFT);
}

// A TLB may hold both, as they say the same; walks see stores in order.
#define ARCH_PTE_SPLIT_LIVE true
ALWAYS_INLINE void arch_pte_publish_kernel(void) {}

ALWAYS_INLINE void *arch_phys_to_virt(paddr_t paddr) {
    return (void *)(x86_direct_map + paddr);
}
ALWAYS_INLINE paddr_t arch_virt_to_phys(const void *address) {
    return (uintptr_t)address - x86_direct_map;
}
ALWAYS_INLINE uint64_t *arch_kernel_root(void) {
    return x86_kernel_root;
}
ALWAYS_INLINE vaddr_t arch_vmap_start(void) {
    return X86_VMAP_START;
}
ALWAYS_INLINE vaddr_t arch_vmap_end(void) {
    return X86_VMAP_START + X86_VMAP_SIZE;
}

ALWAYS_INLINE void arch_tlb_flush_local(vaddr_t address) {
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

// Nothing beyond reading, writing, executing.
ALWAYS_INLINE unsigned long arch_prot_extra(void) {
    return 0;
}
ALWAYS_INLINE unsigned arch_prot_map(unsigned long prot) {
    (void)prot;
    return 0;
}

// Instruction fetches see all stores.
#define ARCH_CODE_COHERENT true
ALWAYS_INLINE void arch_page_sync_code(const void *page) {}

// Eight bytes a step: the byte forms are no faster on processors without fast short strings, and
// an emulator counts each step.
ALWAYS_INLINE void arch_page_zero(void *page) {
    size_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0ul) : "memory");
}

ALWAYS_INLINE void arch_page_copy(void *to, const void *from) {
    size_t count = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count)::"memory");
}
