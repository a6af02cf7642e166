// SPDX-License-Identifier: MPL-2.0
// Self-tests: page table entries and flushes of the TLB; the interrupt mask; backtraces.
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <common/port.h>
#include <common/test_user.h>
#include <lib/ktest.h>

KTEST(cpu_page_table_entries) {
    pte_t pte = arch_pte_page(0x123456000, PROT_MAP_READ | PROT_MAP_USER, 0);
    KTEST_CHECK(arch_pte_is_present(pte) && arch_pte_is_leaf(pte, 0) && !arch_pte_is_leaf(pte, 1));
    KTEST_CHECK(arch_pte_address(pte) == 0x123456000 && arch_pte_is_user(pte));
    KTEST_CHECK(!arch_pte_is_writable(pte) && !arch_pte_is_executable(pte) && !arch_pte_is_dirty(pte));
    pte_t writable = arch_pte_set_write(pte);
    KTEST_CHECK(arch_pte_is_writable(writable) && arch_pte_is_dirty(writable));
    KTEST_CHECK(!arch_pte_is_writable(arch_pte_clear_write(writable)) &&
                !arch_pte_is_dirty(arch_pte_clear_dirty(writable)));
    for (unsigned bits = 0; bits < 1u << ARCH_PTE_SOFT_BITS; bits++) {
        pte_t soft = arch_pte_set_soft(writable, bits);
        KTEST_CHECK(arch_pte_soft(soft) == bits && arch_pte_address(soft) == 0x123456000);
        KTEST_CHECK(arch_pte_set_soft(soft, 0) == writable);
    }
    pte_t hidden = arch_pte_hide(writable);
    KTEST_CHECK(!arch_pte_is_present(hidden) && hidden != 0 && arch_pte_address(hidden) == 0x123456000);
    pte_t huge = arch_pte_page(0x40000000, PROT_MAP_READ | PROT_MAP_EXEC, 1);
    KTEST_CHECK(arch_pte_is_leaf(huge, 1) && arch_pte_is_executable(huge) && !arch_pte_is_user(huge));
    pte_t table = arch_pte_table(0x5000);
    KTEST_CHECK(arch_pte_is_present(table) && !arch_pte_is_leaf(table, 1) && arch_pte_address(table) == 0x5000);
}

// After a flush a changed entry is seen, whether by page or as a whole, loaded or not.
KTEST(cpu_tlb_flush) {
    char c = 0;
    test_user_map();
    uint64_t *entry = test_user_entry();
    uint64_t mapped = *entry;
    KTEST_CHECK(get_user(c, (char __user *)user(USER_PAGE)) == 0);
    *entry = 0;
    arch_tlb_flush_range(&test_user.aspace, USER_PAGE, USER_END);
    KTEST_CHECK(get_user(c, (char __user *)user(USER_PAGE)) == -EFAULT);
    *entry = mapped;
    KTEST_CHECK(put_user('x', (char __user *)user(USER_PAGE)) == 0);
    *entry = arch_pte_clear_write(mapped);
    arch_tlb_flush_all(&test_user.aspace);
    KTEST_CHECK(put_user('x', (char __user *)user(USER_PAGE)) == -EFAULT);
    KTEST_CHECK(get_user(c, (char __user *)user(USER_PAGE)) == 0 && c == 'x');
    test_user_unmap();
}

KTEST(cpu_interrupt_mask) {
    unsigned long outer = arch_irq_save();
    KTEST_CHECK(!arch_irq_is_enabled());
    unsigned long inner = arch_irq_save();
    arch_irq_restore(inner);
    KTEST_CHECK(!arch_irq_is_enabled());
    arch_irq_restore(outer);
    KTEST_CHECK(arch_irq_is_enabled());
}

KTEST(cpu_backtrace) {
    uintptr_t addresses[16];
    unsigned count = arch_backtrace(0, addresses, 16);
    KTEST_CHECK(count >= 2); // who runs the tests, at least; signed addresses are shown as they were
    for (unsigned i = 0; i < count; i++)
        KTEST_CHECK(addresses[i] >= (uintptr_t)kernel_start && addresses[i] < (uintptr_t)kernel_text_end);
    KTEST_CHECK(arch_backtrace(0x1000, addresses, 16) == 0);                   // user's
    KTEST_CHECK(arch_backtrace(0xdead000000000000, addresses, 16) == 0);       // nobody's
    KTEST_CHECK(arch_backtrace((uintptr_t)addresses + 1, addresses, 16) == 0); // crooked
}
