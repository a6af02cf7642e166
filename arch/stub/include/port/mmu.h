// SPDX-License-Identifier: MPL-2.0
// Porting guide: page table entries and the direct map. 4 KiB pages, four levels of 512 entries; the walker is generic.
// If the format of entries differs between levels (arm64's table and page bits), `level` tells.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

#define ARCH_USER_TOP 0x800000000000ul
#define ARCH_PTE_SOFT_BITS 3 // that many bits which the walker of the processor ignores

// Embedded in struct aspace: root, an id for ASIDs, the CPUs that have it loaded.
struct arch_aspace {
    paddr_t root;
};

// The format below is made up.
#define STUB_PTE(bit) (1ul << (bit))
ALWAYS_INLINE uint64_t arch_pte_table(paddr_t table) {
    return table | STUB_PTE(0);
}
// Set accessed, and dirty if writable, at once. Memory type by PROT_MAP_DEVICE and PROT_MAP_WRITE_COMBINE.
ALWAYS_INLINE uint64_t arch_pte_page(paddr_t page, unsigned prot, unsigned level) {
    return page | STUB_PTE(0) | STUB_PTE(1) | (uint64_t)(prot & 0xe) << 1 | STUB_PTE(6);
}
ALWAYS_INLINE bool arch_pte_is_present(uint64_t pte) {
    return (pte & STUB_PTE(0)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_leaf(uint64_t pte, unsigned level) {
    return (pte & 3) == 3;
}
ALWAYS_INLINE paddr_t arch_pte_address(uint64_t pte) {
    return pte & 0xfffffffff000ul;
}
ALWAYS_INLINE bool arch_pte_is_writable(uint64_t pte) {
    return (pte & STUB_PTE(2)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_executable(uint64_t pte) {
    return (pte & STUB_PTE(3)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_user(uint64_t pte) {
    return (pte & STUB_PTE(4)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_dirty(uint64_t pte) {
    return (pte & STUB_PTE(5)) != 0;
}
ALWAYS_INLINE bool arch_pte_is_accessed(uint64_t pte) {
    return (pte & STUB_PTE(6)) != 0;
}
ALWAYS_INLINE uint64_t arch_pte_clear_write(uint64_t pte) {
    return pte & ~STUB_PTE(2);
}
ALWAYS_INLINE uint64_t arch_pte_set_write(uint64_t pte) {
    return pte | STUB_PTE(2) | STUB_PTE(5);
}
ALWAYS_INLINE uint64_t arch_pte_clear_dirty(uint64_t pte) {
    return pte & ~STUB_PTE(5);
}
// Not present for the processor; not zero, address and soft bits readable.
ALWAYS_INLINE uint64_t arch_pte_hide(uint64_t pte) {
    return pte & ~STUB_PTE(0);
}
ALWAYS_INLINE uint64_t arch_pte_part(uint64_t block, paddr_t page) {
    return (block & ~0xfffffffff000ul) | page;
}
ALWAYS_INLINE uint64_t arch_pte_set_soft(uint64_t pte, unsigned bits) {
    return (pte & ~(7ul << 8)) | (uint64_t)bits << 8;
}
ALWAYS_INLINE unsigned arch_pte_soft(uint64_t pte) {
    return (unsigned)(pte >> 8) & 7;
}

// False is always right; true saves a flush.
#define ARCH_PTE_SPLIT_LIVE false
// A barrier, if walks do not see stores in program order or remember that there was nothing.
ALWAYS_INLINE void arch_pte_publish_kernel(void) {}

// All RAM at one offset, mapped by boot code: global, not executable.
ALWAYS_INLINE void *arch_phys_to_virt(paddr_t paddr) {
    return (void *)paddr;
}
ALWAYS_INLINE paddr_t arch_virt_to_phys(const void *address) {
    return (paddr_t)address;
}
// The root whose upper half all address spaces share (or the kernel's own register's, as on arm64).
ALWAYS_INLINE uint64_t *arch_kernel_root(void) {
    return nullptr;
}
// Free virtual range of the kernel half, its tables made at boot down to level 2.
ALWAYS_INLINE vaddr_t arch_vmap_start(void) {
    return 0;
}
ALWAYS_INLINE vaddr_t arch_vmap_end(void) {
    return 0;
}

ALWAYS_INLINE void arch_tlb_flush_local(vaddr_t address) {}

// Bits of mmap's and mprotect's PROT_ arguments that only this architecture has, if the CPUs can do it: which, and what
// they ask of arch_pte_page (PROT_MAP_GUARDED for ARM64's PROT_BTI).
ALWAYS_INLINE unsigned long arch_prot_extra(void) {
    return 0;
}
ALWAYS_INLINE unsigned arch_prot_map(unsigned long prot) {
    return 0;
}

#define ARCH_CODE_COHERENT false
// A processor whose instruction cache does not see stores cleans the page to where fetches read from, and
// invalidates the instruction caches of all CPUs.
ALWAYS_INLINE void arch_page_sync_code(const void *page) {}

// As fast as the processor can, without vector registers (they are the user's).
ALWAYS_INLINE void arch_page_zero(void *page) {
    __builtin_memset(page, 0, PAGE_SIZE);
}
ALWAYS_INLINE void arch_page_copy(void *to, const void *from) {
    __builtin_memcpy(to, from, PAGE_SIZE);
}
