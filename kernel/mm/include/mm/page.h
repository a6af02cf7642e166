// SPDX-License-Identifier: MPL-2.0
// Physical pages: the page array, the buddy allocator, per-CPU caches of single pages.
#pragma once

#include <arch/mmu.h>
#include <lib/list.h>
#include <lib/refcount.h>

struct memory_account;
struct vmo;

enum page_flags {
    PAGE_ZEROED = 1,      // on a free list: known to be all zero
    PAGE_SLAB = 2,        // belongs to a slab
    PAGE_TABLE = 4,       // is a page table
    PAGE_DIRTY = 8,       // page cache: differs from the backing store
    PAGE_HEAD = 16,       // first page of a block of `order`
    PAGE_RESERVED = 32,   // never freed (kernel image, firmware, the shared zero page)
    PAGE_BUDDY = 64,      // head of a block on one of the buddy's free lists
    PAGE_RAW = 128,       // with PAGE_BUDDY: the block's other struct pages were never written yet
    PAGE_ANONYMOUS = 256, // private memory of processes (counted)
    PAGE_CODE = 512,      // instruction fetches see what it holds
    PAGE_WRITING = 1024,  // page cache: it was dirty, and its pager is storing it
    PAGE_SHARED = 2048,   // in several memory objects (vmo_clone.c): not to be written to
    PAGE_CHARGED = 4096,  // kmalloc: `payer` pays for the block
};

// One per page frame, 32 bytes. A page that is mapped by an entry, or sits in a VMO, holds one reference
// for each; the last one frees it.
struct page {
    struct refcount ref;
    _Atomic uint16_t flags; // enum page_flags
    uint8_t order;          // of the block, if PAGE_HEAD
    uint8_t reserved;
    union {
        struct list_node node; // free lists; owner's lists
        struct {
            struct vmo *vmo; // page cache: whose page …
            uint64_t index;  // … and which one
        };
        struct {
            struct memory_account *payer; // PAGE_SHARED, PAGE_CHARGED: who pays for it (one reference) …
            _Atomic uint64_t holders;     // … and how many objects have it
        };
        struct {
            void *slab; // PAGE_SLAB: the slab's own
            uint64_t slab_private;
        };
    };
    uint64_t extra; // owner's
};
static_assert(sizeof(struct page) == 32);

extern struct page *page_array; // indexed by page frame number; has holes where there is no RAM

ALWAYS_INLINE paddr_t page_to_phys(const struct page *page) {
    return (paddr_t)(page - page_array) << PAGE_SHIFT;
}
ALWAYS_INLINE struct page *phys_to_page(paddr_t paddr) {
    return &page_array[paddr >> PAGE_SHIFT];
}
ALWAYS_INLINE void *page_to_virt(const struct page *page) {
    return arch_phys_to_virt(page_to_phys(page));
}
ALWAYS_INLINE struct page *virt_to_page(const void *address) {
    return phys_to_page(arch_virt_to_phys(address));
}

// True if the address has a struct page: it is RAM (usable, the kernel image or the initrd).
bool phys_is_ram(paddr_t paddr);

enum alloc_flags {
    ALLOC_ZERO = 1,   // pages are zero (from the pre-zeroed pool if possible)
    ALLOC_ATOMIC = 2, // may use the reserve; never blocks (dpc context)
    ALLOC_USER = 4,   // counts against limits: fails earlier, leaves the kernel its reserve
};

#define PAGE_ORDER_MAX 10 // 4 MiB

// 2^order pages, naturally aligned, with one reference; nullptr if there are none. Does not block.
struct page *page_alloc(unsigned order, unsigned flags);
// A single page: the per-CPU fast path.
struct page *page_alloc_one(unsigned flags);
ALWAYS_INLINE void page_get(struct page *page) {
    refcount_up(&page->ref);
}
void page_free(struct page *page); // the last reference is gone
ALWAYS_INLINE void page_put(struct page *page) {
    if (refcount_down(&page->ref))
        page_free(page);
}

// Counters in pages, for /proc/meminfo and leak checks. Exact when the machine is quiet.
struct page_stats {
    uint64_t total, free, zeroed, slab, tables, cached, anonymous;
};
void page_stats(struct page_stats *out);
// Once, at boot, from boot_info. Before it: page_boot_alloc only.
void page_init(void);
// Page frames for good, taken out of boot_info's usable ranges; contents undefined. Panics if there are none.
paddr_t page_boot_alloc(size_t pages);
// Gives whole pages inside [start, end), reserved at boot (the initrd), to the allocator.
void page_free_range(paddr_t start, paddr_t end);
// A page full of zeros that nobody may write; mapped for reads of untouched private memory.
extern struct page *page_zero;
