// SPDX-License-Identifier: MPL-2.0
// Shared by the tests of kernel/mm: a booted page allocator over the host port's arena, and leak checks.
#pragma once

#include <lib/status.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <tap.h>

[[maybe_unused]] static void mm_test_boot(void) {
    page_init();
}

struct mm_test_counts {
    uint64_t anonymous, cached, tables;
};

[[maybe_unused]] static struct mm_test_counts mm_test_counts(void) {
    struct page_stats stats;
    page_stats(&stats);
    return (struct mm_test_counts){stats.anonymous, stats.cached, stats.tables};
}

// No page of a process, a VMO or a page table more than before.
[[maybe_unused]] static void mm_test_no_leak(struct mm_test_counts before, const char *what) {
    struct mm_test_counts now = mm_test_counts();
    is(now.anonymous, before.anonymous, "%s: no anonymous page leaked", what);
    is(now.cached, before.cached, "%s: no page of an object leaked", what);
    is(now.tables, before.tables, "%s: no page table leaked", what);
}
