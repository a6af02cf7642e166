// SPDX-License-Identifier: MPL-2.0
// ARM64: translation table entries, direct map, TLB. See arch/mmu.h.
//
// Accessed, and dirty if writable, are set at once by software: the CPU's own management of them (FEAT_HAFDBS) is off.
// User entries belong to an ASID and the kernel never executes them; kernel entries are global and user mode never
// executes them. So one of the two execute-never bits always is set.
#pragma once

#include <lib/types.h>
#include <port/elf.h>
#include <port/mmu_bits.h>
#include <stdatomic.h>

#define ARCH_USER_TOP 0x0001000000000000ul
#define ARCH_PTE_SOFT_BITS 3

struct arch_aspace {
    paddr_t root;
    _Atomic uint64_t asid; // generation << 16 | ASID of the last roll-over that it took part in; 0: never loaded
};

#define ARM64_HIDDEN __attribute__((visibility("hidden")))
extern uintptr_t arm64_direct_map ARM64_HIDDEN;
extern uint64_t *arm64_kernel_root ARM64_HIDDEN; // TTBR1's
#define ARM64_VMAP_START 0xffffe00000000000ul
#define ARM64_VMAP_SIZE (512ul << 30)

// cpu/page.c
void arm64_page_zero(void *page);
void arm64_page_copy(void *to, const void *from);
void arm64_page_sync_code(const void *page);

// --- entries ---
ALWAYS_INLINE uint64_t arch_pte_table(paddr_t table) {
    return table | ARM64_PTE_VALID | ARM64_PTE_TABLE;
}

ALWAYS_INLINE uint64_t arch_pte_page(paddr_t page, unsigned prot, unsigned level) {
    uint64_t pte = page | ARM64_PTE_VALID | ARM64_PTE_ACCESSED;
    if (level == 0)
        pte |= ARM64_PTE_TABLE;
    if (prot & 2) // PROT_MAP_WRITE
        pte |= ARM64_PTE_DIRTY;
    else
        pte |= ARM64_PTE_READ_ONLY;
    if (prot & 8) // PROT_MAP_USER
        pte |= ARM64_PTE_USER | ARM64_PTE_NOT_GLOBAL | ARM64_PTE_KERNEL_NO_EXECUTE;
    else
        pte |= ARM64_PTE_USER_NO_EXECUTE;
    if (!(prot & 4)) // PROT_MAP_EXEC
        pte |= ARM64_PTE_USER_NO_EXECUTE | ARM64_PTE_KERNEL_NO_EXECUTE;
    if (prot & 128) // PROT_MAP_GUARDED, asked for only where the CPU has BTI
        pte |= ARM64_PTE_GUARDED;
    if (prot & 16) // PROT_MAP_DEVICE
        return pte | ARM64_PTE_ATTRIBUTES(ARM64_DEVICE);
    if (prot & 32) // PROT_MAP_WRITE_COMBINE
        return pte | ARM64_PTE_ATTRIBUTES(ARM64_UNCACHED) | ARM64_PTE_INNER_SHAREABLE;
    return pte | ARM64_PTE_ATTRIBUTES(ARM64_NORMAL) | ARM64_PTE_INNER_SHAREABLE;
}

ALWAYS_INLINE bool arch_pte_is_present(uint64_t pte) {
    return (pte & ARM64_PTE_VALID) != 0;
}
ALWAYS_INLINE bool arch_pte_is_leaf(uint64_t pte, unsigned level) {
    return arch_pte_is_present(pte) && (level == 0 || (pte & ARM64_PTE_TABLE) == 0);
}
ALWAYS_INLINE paddr_t arch_pte_address(uint64_t pte) {
    return pte & ARM64_PTE_ADDRESS;
}
// (The processor has no write bit but its opposite, which an empty entry does not have either.)
ALWAYS_INLINE bool arch_pte_is_writable(uint64_t pte) {
    return (pte & (ARM64_PTE_ACCESSED | ARM64_PTE_READ_ONLY)) == ARM64_PTE_ACCESSED;
}
ALWAYS_INLINE bool arch_pte_is_user(uint64_t pte) {
    return (pte & ARM64_PTE_USER) != 0;
}
ALWAYS_INLINE bool arch_pte_is_executable(uint64_t pte) {
    return (~pte & (ARM64_PTE_USER_NO_EXECUTE | ARM64_PTE_KERNEL_NO_EXECUTE)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_dirty(uint64_t pte) {
    return (pte & ARM64_PTE_DIRTY) != 0;
}
ALWAYS_INLINE bool arch_pte_is_accessed(uint64_t pte) {
    return (pte & ARM64_PTE_ACCESSED) != 0;
}
ALWAYS_INLINE uint64_t arch_pte_clear_write(uint64_t pte) {
    return pte | ARM64_PTE_READ_ONLY;
}
ALWAYS_INLINE uint64_t arch_pte_set_write(uint64_t pte) {
    return (pte & ~ARM64_PTE_READ_ONLY) | ARM64_PTE_DIRTY;
}
ALWAYS_INLINE uint64_t arch_pte_clear_dirty(uint64_t pte) {
    return pte & ~ARM64_PTE_DIRTY;
}
// All other bits of an entry that is not valid are software's.
ALWAYS_INLINE uint64_t arch_pte_hide(uint64_t pte) {
    return pte & ~ARM64_PTE_VALID;
}
ALWAYS_INLINE uint64_t arch_pte_part(uint64_t block, paddr_t page) {
    return (block & ~ARM64_PTE_ADDRESS) | ARM64_PTE_TABLE | page;
}
ALWAYS_INLINE uint64_t arch_pte_set_soft(uint64_t pte, unsigned bits) {
    return (pte & ~ARM64_PTE_SOFT) | (uint64_t)bits << ARM64_PTE_SOFT_SHIFT;
}
ALWAYS_INLINE unsigned arch_pte_soft(uint64_t pte) {
    return (unsigned)((pte & ARM64_PTE_SOFT) >> ARM64_PTE_SOFT_SHIFT);
}

// A TLB must not see a block and its parts' table at once (no CPU is asked whether it has FEAT_BBM).
#define ARCH_PTE_SPLIT_LIVE false

// The stores are out before the next access, of this CPU's or of one that hears of the mapping from us, is translated.
ALWAYS_INLINE void arch_pte_publish_kernel(void) {
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
}

// --- direct map ---
ALWAYS_INLINE void *arch_phys_to_virt(paddr_t paddr) {
    return (void *)(arm64_direct_map + paddr);
}
ALWAYS_INLINE paddr_t arch_virt_to_phys(const void *address) {
    return (uintptr_t)address - arm64_direct_map;
}
ALWAYS_INLINE uint64_t *arch_kernel_root(void) {
    return arm64_kernel_root;
}
ALWAYS_INLINE vaddr_t arch_vmap_start(void) {
    return ARM64_VMAP_START;
}
ALWAYS_INLINE vaddr_t arch_vmap_end(void) {
    return ARM64_VMAP_START + ARM64_VMAP_SIZE;
}

// --- TLB ---
// Under the ASID that is loaded. If that is not the address's (a debugger writes to another process), nothing is lost:
// the CPUs that have the stricter entry fault and come here themselves. The return from the fault is the ISB.
ALWAYS_INLINE void arch_tlb_flush_local(vaddr_t address) {
    uint64_t ttbr;
    __asm__ volatile("mrs %0, ttbr0_el1" : "=r"(ttbr));
    uint64_t operand = (ttbr & 0xffffUL << ARM64_TTBR_ASID_SHIFT) | (address >> 12 & 0xfffffffffffUL);
    __asm__ volatile("dsb nshst\n\ttlbi vale1, %0\n\tdsb nsh" ::"r"(operand) : "memory");
}

// --- branch target identification ---
#define PROT_BTI 0x10ul

ALWAYS_INLINE unsigned long arch_prot_extra(void) {
    return arch_elf_hwcap2() & ARM64_HWCAP2_BTI ? PROT_BTI : 0;
}
ALWAYS_INLINE unsigned arch_prot_map(unsigned long prot) {
    return prot & arch_prot_extra() ? 128 /* PROT_MAP_GUARDED */ : 0;
}

// --- pages ---
#define ARCH_CODE_COHERENT false // some are; cpu/page.c looks
ALWAYS_INLINE void arch_page_sync_code(const void *page) {
    arm64_page_sync_code(page);
}
ALWAYS_INLINE void arch_page_zero(void *page) {
    arm64_page_zero(page);
}
ALWAYS_INLINE void arch_page_copy(void *to, const void *from) {
    arm64_page_copy(to, from);
}
