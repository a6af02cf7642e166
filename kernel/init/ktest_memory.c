// SPDX-License-Identifier: MPL-2.0
// In-kernel tests: the kernel's own mappings are what docs/boot.md says.

#include <arch/boot.h>
#include <arch/mmu.h>
#include <lib/ktest.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmap.h>

extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];

// The leaf entry of a kernel address, 0 if it is not mapped.
static pte_t leaf_of(vaddr_t address) {
    pte_t *table = arch_kernel_root();
    for (unsigned level = PTE_LEVELS; level-- > 0;) {
        pte_t pte = table[address >> (PAGE_SHIFT + 9 * level) & (PTE_PER_TABLE - 1)];
        if (!arch_pte_is_present(pte))
            return 0;
        if (arch_pte_is_leaf(pte, level))
            return pte;
        table = arch_phys_to_virt(arch_pte_address(pte));
    }
    return 0;
}

KTEST(memory_image_is_never_writable_and_executable) {
    for (vaddr_t at = (vaddr_t)kernel_start; at < (vaddr_t)kernel_end; at += PAGE_SIZE) {
        pte_t pte = leaf_of(at);
        if (pte == 0)
            continue; // guard pages
        KTEST_REQUIRE(!arch_pte_is_user(pte));
        KTEST_REQUIRE(arch_pte_is_executable(pte) == (at < (vaddr_t)kernel_text_end));
        KTEST_REQUIRE(arch_pte_is_writable(pte) == (at >= (vaddr_t)kernel_rodata_end));
    }
}

KTEST(memory_direct_map_is_not_executable) {
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type != BOOT_MEMORY_USABLE || range->start == range->end)
            continue;
        pte_t pte = leaf_of((vaddr_t)arch_phys_to_virt(range->start));
        KTEST_CHECK(pte != 0 && !arch_pte_is_executable(pte) && !arch_pte_is_user(pte));
    }
}

KTEST(memory_nothing_at_address_zero) {
    KTEST_CHECK(leaf_of(0) == 0);
    KTEST_CHECK(leaf_of(PAGE_SIZE) == 0);
    KTEST_CHECK(arch_kernel_root()[0] == 0);
}

KTEST(memory_stack_has_a_guard_page) {
    char *stack = thread_stack_alloc();
    KTEST_REQUIRE(stack != nullptr);
    KTEST_CHECK(leaf_of((vaddr_t)stack) != 0);
    KTEST_CHECK(leaf_of((vaddr_t)stack - 1) == 0);
    thread_stack_free(stack);
}

KTEST(memory_zeroed_pages_are_zero) {
    static const char zeros[64];
    for (int i = 0; i < 64; i++) {
        struct page *page = page_alloc_one(ALLOC_ZERO);
        KTEST_REQUIRE(page != nullptr);
        char *bytes = page_to_virt(page);
        for (size_t at = 0; at < PAGE_SIZE; at += sizeof zeros)
            KTEST_CHECK(memcmp(bytes + at, zeros, sizeof zeros) == 0);
        memset(bytes, 0xa5, PAGE_SIZE);
        page_put(page);
    }
}

KTEST(memory_kmalloc_blocks_do_not_overlap) {
    enum { COUNT = 100 };
    static unsigned char *blocks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        blocks[i] = kmalloc((size_t)i * 37 + 1);
        KTEST_REQUIRE(blocks[i] != nullptr);
        memset(blocks[i], i, (size_t)i * 37 + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < (size_t)i * 37 + 1; at++)
            KTEST_REQUIRE(blocks[i][at] == i);
        kfree(blocks[i]);
    }
}
