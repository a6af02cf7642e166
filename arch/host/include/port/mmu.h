// SPDX-License-Identifier: MPL-2.0
// Host port: "physical memory" is an arena of this process, from address 0 of a fake physical space; page
// table entries are a made-up format. Tests count TLB flushes instead of doing them.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

#define ARCH_USER_TOP 0x7ffffffff000ul
#define ARCH_PTE_SOFT_BITS 3
#define HOST_ARENA_SIZE (256ul << 20) // reserved lazily by the host: only what is touched costs

struct arch_aspace {
    paddr_t root;
};

extern uint8_t *host_arena; // mapped before main()
extern uint64_t host_kernel_root[512];
extern unsigned long host_tlb_flushes;
struct arch_aspace;
extern void (*host_tlb_flush_hook)(struct arch_aspace *aspace, uintptr_t start, uintptr_t end); // may be null

// Bits 0-7: present, write, exec, user, leaf, accessed, dirty, global; 8-10 soft; 12-51 address.
ALWAYS_INLINE uint64_t arch_pte_table(paddr_t table) {
    return table | 1;
}
ALWAYS_INLINE uint64_t arch_pte_page(paddr_t page, unsigned prot, unsigned level) {
    return page | 1 | (prot & 2 ? 0x42 : 0) | (prot & 4) | (prot & 8) | 0x30 | (prot & 64 ? 0x80 : 0);
}
ALWAYS_INLINE bool arch_pte_is_present(uint64_t pte) {
    return pte & 1;
}
ALWAYS_INLINE bool arch_pte_is_leaf(uint64_t pte, unsigned level) {
    return (pte & 0x11) == 0x11;
}
ALWAYS_INLINE paddr_t arch_pte_address(uint64_t pte) {
    return pte & 0xffffffffff000ul;
}
ALWAYS_INLINE bool arch_pte_is_writable(uint64_t pte) {
    return pte & 2;
}
ALWAYS_INLINE bool arch_pte_is_user(uint64_t pte) {
    return pte & 8;
}
ALWAYS_INLINE bool arch_pte_is_executable(uint64_t pte) {
    return pte & 4;
}
ALWAYS_INLINE bool arch_pte_is_dirty(uint64_t pte) {
    return pte & 0x40;
}
ALWAYS_INLINE bool arch_pte_is_accessed(uint64_t pte) {
    return pte & 0x20;
}
ALWAYS_INLINE uint64_t arch_pte_clear_write(uint64_t pte) {
    return pte & ~2ul;
}
ALWAYS_INLINE uint64_t arch_pte_set_write(uint64_t pte) {
    return pte | 0x42;
}
ALWAYS_INLINE uint64_t arch_pte_hide(uint64_t pte) {
    return pte & ~1ul;
}
ALWAYS_INLINE uint64_t arch_pte_clear_dirty(uint64_t pte) {
    return pte & ~0x40ul;
}
ALWAYS_INLINE uint64_t arch_pte_part(uint64_t block, paddr_t page) {
    return (block & ~0xffffffffff000ul) | page;
}
ALWAYS_INLINE uint64_t arch_pte_set_soft(uint64_t pte, unsigned bits) {
    return (pte & ~0x700ul) | (uint64_t)bits << 8;
}
ALWAYS_INLINE unsigned arch_pte_soft(uint64_t pte) {
    return (pte >> 8) & 7;
}

// The stricter of both, so that the tests see it.
#define ARCH_PTE_SPLIT_LIVE false
ALWAYS_INLINE void arch_pte_publish_kernel(void) {}

// Nothing beyond reading, writing, executing.
ALWAYS_INLINE unsigned long arch_prot_extra(void) {
    return 0;
}
ALWAYS_INLINE unsigned arch_prot_map(unsigned long prot) {
    (void)prot;
    return 0;
}

// Nothing is executed; tests look that it is asked for.
#define ARCH_CODE_COHERENT false
extern void (*host_sync_code_hook)(const void *page); // may be null
ALWAYS_INLINE void arch_page_sync_code(const void *page) {
    if (host_sync_code_hook)
        host_sync_code_hook(page);
}

ALWAYS_INLINE void *arch_phys_to_virt(paddr_t paddr) {
    return host_arena + paddr;
}
ALWAYS_INLINE paddr_t arch_virt_to_phys(const void *address) {
    return (paddr_t)((const uint8_t *)address - host_arena);
}
ALWAYS_INLINE uint64_t *arch_kernel_root(void) {
    return host_kernel_root;
}
ALWAYS_INLINE vaddr_t arch_vmap_start(void) {
    return 0xffffe00000000000ul;
}
ALWAYS_INLINE vaddr_t arch_vmap_end(void) {
    return 0xffffe08000000000ul;
}
ALWAYS_INLINE void arch_tlb_flush_local(vaddr_t address) {
    host_tlb_flushes++;
}
ALWAYS_INLINE void arch_page_zero(void *page) {
    __builtin_memset(page, 0, PAGE_SIZE);
}
ALWAYS_INLINE void arch_page_copy(void *to, const void *from) {
    __builtin_memcpy(to, from, PAGE_SIZE);
}
