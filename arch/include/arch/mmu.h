// SPDX-License-Identifier: MPL-2.0
// Page tables. All ports have 4 KiB pages and four levels of 512 entries over 48 bits; the walker
// itself is generic (kernel/mm/pagetable.c) and uses the entry primitives that a port supplies.
//
// User addresses lie in [0, USER_TOP). The kernel's are shared by all address spaces: a port either has them in the
// upper half of every root (made once at boot, never changed, copied into each new root) or in a root of their own.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

enum {
    PROT_MAP_READ = 1,
    PROT_MAP_WRITE = 2,
    PROT_MAP_EXEC = 4,
    PROT_MAP_USER = 8,
    PROT_MAP_DEVICE = 16,        // uncached
    PROT_MAP_WRITE_COMBINE = 32, // framebuffers
    PROT_MAP_GLOBAL = 64,        // kernel mappings
    PROT_MAP_GUARDED = 128,      // code: indirect branches must go to landing pads; only where the port asks for it
};

typedef uint64_t pte_t;

struct arch_aspace; // embedded in struct aspace as `arch`: root, ASIDs, CPUs that have it loaded

#include <port/mmu.h>

#define PTE_PER_TABLE 512
#define PTE_LEVELS 4 // level 3 is the root, level 0 maps 4 KiB, level 1 may map 2 MiB
#define HUGE_PAGE_SIZE (2ul << 20)

// User addresses are below this.
#define USER_TOP ARCH_USER_TOP

// --- entries. A zero entry is empty. ---
ALWAYS_INLINE pte_t arch_pte_table(paddr_t table);                              // an entry to a lower table
ALWAYS_INLINE pte_t arch_pte_page(paddr_t page, unsigned prot, unsigned level); // level 0 or 1
ALWAYS_INLINE bool arch_pte_is_present(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_leaf(pte_t pte, unsigned level); // present, and maps memory
ALWAYS_INLINE paddr_t arch_pte_address(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_writable(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_user(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_executable(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_dirty(pte_t pte);
ALWAYS_INLINE bool arch_pte_is_accessed(pte_t pte);
ALWAYS_INLINE pte_t arch_pte_clear_write(pte_t pte); // for copy-on-write
ALWAYS_INLINE pte_t arch_pte_set_write(pte_t pte);   // also marks dirty
ALWAYS_INLINE pte_t arch_pte_clear_dirty(pte_t pte);
// Not present, but not empty: address and soft bits are kept (PROT_NONE on a page that is there). To be shown again by
// setting what arch_pte_page would have.
ALWAYS_INLINE pte_t arch_pte_hide(pte_t pte);
// The entry of `page`, one of a 2 MiB entry's 512 pages: its rights and all else that the block has, hidden or not.
ALWAYS_INLINE pte_t arch_pte_part(pte_t block, paddr_t page);
// Bits that software may use in an entry, present or hidden, 0 … (1 << ARCH_PTE_SOFT_BITS) - 1.
ALWAYS_INLINE pte_t arch_pte_set_soft(pte_t pte, unsigned bits);
ALWAYS_INLINE unsigned arch_pte_soft(pte_t pte);

// Whether a live 2 MiB entry may be replaced by a table that translates the same, without being taken away and flushed
// in between.
//   #define ARCH_PTE_SPLIT_LIVE true or false
// After kernel entries became valid: no CPU's next access faults on them. (User entries need none of it: a fault that
// comes too early finds them there.)
ALWAYS_INLINE void arch_pte_publish_kernel(void);

// --- protection bits of mmap and mprotect that not every port has ---
// Those that mprotect takes beside the common ones, and the PROT_MAP_ bits (PROT_MAP_GUARDED) that they ask for.
ALWAYS_INLINE unsigned long arch_prot_extra(void);
ALWAYS_INLINE unsigned arch_prot_map(unsigned long prot);

// --- direct map: all RAM at a (randomised) kernel address ---
ALWAYS_INLINE void *arch_phys_to_virt(paddr_t paddr);
ALWAYS_INLINE paddr_t arch_virt_to_phys(const void *direct_map_address);
// The kernel's own root table, for the generic walker.
ALWAYS_INLINE pte_t *arch_kernel_root(void);
// Kernel virtual range free for vmap (kernel stacks, device memory, modules).
ALWAYS_INLINE vaddr_t arch_vmap_start(void);
ALWAYS_INLINE vaddr_t arch_vmap_end(void);

// --- address spaces ---
// `root` is a zeroed page. Fills the kernel half. No locks needed.
void arch_aspace_init(struct arch_aspace *aspace, paddr_t root);
// On return no CPU has it loaded, so its tables may be freed. No thread runs in it any more; CPUs that run kernel
// threads may have kept it. Interrupts on.
void arch_aspace_fini(struct arch_aspace *aspace);
// Loading one: arch_aspace_switch, arch/switch.h.

// --- TLB ---
// Make all CPUs forget [start, end) of a user address space (nullptr: of the kernel). Returns when they have.
// Pages may be freed only after this. Must be called with interrupts enabled or on one CPU; may be
// called with spinlocks held: the others answer from their interrupt handler, which takes no lock.
void arch_tlb_flush_range(struct arch_aspace *aspace, vaddr_t start, vaddr_t end);
void arch_tlb_flush_all(struct arch_aspace *aspace);
// This CPU only: after an entry became *less* strict, where a spurious fault elsewhere is harmless.
ALWAYS_INLINE void arch_tlb_flush_local(vaddr_t address);

// Instructions that were written to the page are seen by all CPUs' fetches from then on. Asked for before an executable
// user entry is made, once for each page (kernel/mm/code.c), unless
//   #define ARCH_CODE_COHERENT true: fetches see all stores.
ALWAYS_INLINE void arch_page_sync_code(const void *page);

// Fills a page with zeros / copies a page, at direct-map addresses, as fast as the CPU can.
ALWAYS_INLINE void arch_page_zero(void *page);
ALWAYS_INLINE void arch_page_copy(void *to, const void *from);
