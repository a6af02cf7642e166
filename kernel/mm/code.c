// SPDX-License-Identifier: MPL-2.0
// Instructions in pages. Where instruction fetches do not see stores by themselves, a page is made visible to them when
// an executable entry to it is made, and marked (PAGE_CODE), so that it happens once: a library's pages, mapped by
// hundreds of processes, cost it one time.
//
// The mark goes when the kernel writes to the page: write() to a file, truncation (page_was_written, after the
// bytes), or when the page is freed. Stores of user mode do not take it away: a program that makes instructions at run
// time tells the caches itself, as it must under Linux; but what it wrote before it first asked for PROT_EXEC is
// seen. A copy is another page, unmarked. A debugger's store (aspace_access) goes to pages that are executable already,
// so it is made visible at once.
//
// Two CPUs may do a page at the same time, which is harmless. A mark that is seen says that the work was done: it is
// set with release order after it, and read with acquire order.
//
// write() on another CPU at the same time must not leave a mark on bytes that fetches do not see:
//
//   the writer                        who maps the page
//   stores the bytes                  sets the mark
//   full fence                        full fence
//   mark there? takes it away         makes the page visible, once more
//
// With both fences either the writer sees the mark, or what is made visible after it has the new bytes.
#include "page_priv.h"

static void sync_one(struct page *page) {
    if (atomic_load_explicit(&page->flags, memory_order_acquire) & PAGE_CODE)
        return;
    arch_page_sync_code(page_to_virt(page));
    atomic_fetch_or_explicit(&page->flags, PAGE_CODE, memory_order_release);
    if (atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_ANONYMOUS)
        return; // no file's, so write() does not reach it
    atomic_thread_fence(memory_order_seq_cst);
    arch_page_sync_code(page_to_virt(page));
}

void page_sync_code(struct page *page, unsigned level) {
    for (unsigned i = 0; i < (level == 0 ? 1 : PTE_PER_TABLE); i++)
        sync_one(page + i);
}
