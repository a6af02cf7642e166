// SPDX-License-Identifier: MPL-2.0
// Self-tests that need the real processor: user copies that fault, vector state across switches, page table entries,
// the assembly string functions.
#include "cpu/cpu_priv.h"
#include "cpu/test_user.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <lib/ktest.h>
#include <lib/string.h>

// --- string functions against the obvious loops ---

enum { TEXT = 224 };

static void pattern(uint8_t *to, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(i * 7 + seed);
}

// One copy of `size` bytes within a buffer, at two offsets that may overlap, against a byte loop.
static bool move_is_right(size_t from, size_t to, size_t size) {
    uint8_t got[TEXT], want[TEXT], copy[TEXT];
    pattern(got, TEXT, 3);
    pattern(want, TEXT, 3);
    pattern(copy, TEXT, 3);
    for (size_t i = 0; i < size; i++)
        want[to + i] = copy[from + i];
    void *result = memmove(got + to, got + from, size);
    for (size_t i = 0; i < TEXT; i++)
        if (got[i] != want[i])
            return false;
    return result == got + to;
}

KTEST(x86_memmove) {
    for (size_t size = 0; size <= 100; size++)
        for (size_t to = 0; to <= 48; to++)
            if (!move_is_right(24, to, size)) {
                ktest_fail(__FILE_NAME__, (int)size, "memmove of this many bytes");
                return;
            }
}

KTEST(x86_memcpy_memset) {
    uint8_t from[TEXT], to[TEXT];
    pattern(from, TEXT, 9);
    for (size_t size = 0; size <= 200; size++) {
        pattern(to, TEXT, 1);
        memcpy(to + 5, from + 3, size);
        bool good = to[4] == (uint8_t)(4 * 7 + 1) && to[5 + size] == (uint8_t)((5 + size) * 7 + 1);
        for (size_t i = 0; i < size; i++)
            good &= to[5 + i] == from[3 + i];
        pattern(to, TEXT, 1);
        memset(to + 5, 0xa5, size);
        good &= to[4] == (uint8_t)(4 * 7 + 1) && to[5 + size] == (uint8_t)((5 + size) * 7 + 1);
        for (size_t i = 0; i < size; i++)
            good &= to[5 + i] == 0xa5;
        if (!good) {
            ktest_fail(__FILE_NAME__, (int)size, "memcpy or memset of this many bytes");
            return;
        }
    }
}

KTEST(x86_memcmp) {
    uint8_t a[TEXT], b[TEXT];
    pattern(a, TEXT, 2);
    for (size_t at = 0; at < 40; at++) {
        memcpy(b, a, TEXT);
        KTEST_CHECK(memcmp(a, b, 40) == 0);
        b[at]++;
        int want = a[at] < b[at] ? -1 : 1;
        int got = memcmp(a, b, 40);
        KTEST_CHECK(got != 0 && (got < 0) == (want < 0));
        KTEST_CHECK((memcmp(b, a, 40) < 0) == (want > 0));
        KTEST_CHECK(memcmp(a, b, at) == 0);
    }
}

// --- user copies: on a page of a made-up address space (test_user.c) ---

// Whatever the size and however far the page reaches, the count of missing bytes is exact, and the rest arrived.
KTEST(x86_user_copy_stops_at_the_byte) {
    uint8_t kernel[TEXT], back[TEXT];
    pattern(kernel, TEXT, 5);
    test_user_map();
    for (size_t size = 0; size <= 150; size++)
        for (size_t good = 0; good <= size; good += size > 40 ? 7 : 1) {
            uintptr_t at = USER_END - good;
            memset(test_user.data, 0, sizeof(test_user.data));
            bool right = copy_to_user_partial(user(at), kernel, size) == size - good;
            right &= memcmp(test_user.data + PAGE_SIZE - good, kernel, good) == 0;
            memset(back, 0, TEXT);
            right &= copy_from_user_partial(back, user(at), size) == size - good && memcmp(back, kernel, good) == 0;
            right &= clear_user_partial(user(at), size) == size - good;
            right &= good == 0 || test_user.data[PAGE_SIZE - 1] == 0;
            if (!right) {
                ktest_fail(__FILE_NAME__, (int)size, "a copy of this many bytes that faults");
                test_user_unmap();
                return;
            }
        }
    test_user_unmap();
}

KTEST(x86_user_values_and_strings) {
    char text[32];
    uint64_t value = 1;
    uint32_t old = 0;
    test_user_map();
    memset(test_user.data, 'a', PAGE_SIZE);
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(USER_END - 8)) == 0 && value == 0x6161616161616161ul);
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(USER_END - 7)) == -EFAULT);
    KTEST_CHECK(put_user(5, (uint16_t __user *)user(USER_END - 1)) == -EFAULT);
    KTEST_CHECK(put_user(0x6263, (uint16_t __user *)user(USER_END - 2)) == 0 && test_user.data[4094] == 0x63);
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(0xffffffff80200000ul)) == -EFAULT);
    KTEST_CHECK(copy_from_user(text, user(ARCH_USER_TOP - 4), 8) == -EFAULT);
    KTEST_CHECK(string_from_user(text, user(USER_END - 5), sizeof(text)) == -EFAULT);
    KTEST_CHECK(string_from_user(text, user(USER_PAGE), sizeof(text)) == -ENAMETOOLONG);
    test_user.data[4095] = 0;
    KTEST_CHECK(string_from_user(text, user(USER_END - 12), sizeof(text)) == 11 && strlen(text) == 11);
    KTEST_CHECK(string_from_user(text, user(USER_END - 12), 11) == -ENAMETOOLONG);
    KTEST_CHECK(put_user(7, (uint32_t __user *)user(USER_PAGE)) == 0);
    KTEST_CHECK(user_cmpxchg_u32((uint32_t __user *)user(USER_PAGE), 7, 9, &old) == 0 && old == 7);
    KTEST_CHECK(user_cmpxchg_u32((uint32_t __user *)user(USER_PAGE), 7, 1, &old) == 0 && old == 9);
    KTEST_CHECK(user_xchg_u32((uint32_t __user *)user(USER_PAGE), 3, &old) == 0 && old == 9);
    KTEST_CHECK(user_cmpxchg_u32((uint32_t __user *)user(USER_END), 7, 1, &old) == -EFAULT);
    KTEST_CHECK(user_xchg_u32((uint32_t __user *)user(USER_END), 7, &old) == -EFAULT);
    test_user_unmap();
}

// After a flush a changed entry is seen, whether by page or as a whole, loaded or not.
KTEST(x86_tlb_flush) {
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

// --- page table entries ---

KTEST(x86_page_table_entries) {
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

// --- vector state ---

static void xmm_set(uint64_t value) {
    __asm__ volatile("movq %0, %%xmm5" ::"r"(value));
}
static uint64_t xmm_get(void) {
    uint64_t value;
    __asm__ volatile("movq %%xmm5, %0" : "=r"(value));
    return value;
}

// Two pretended threads with a state each and one without take turns on this CPU.
KTEST(x86_vector_state_is_each_threads_own) {
    struct arch_thread none = {.fpu_cpu = -1}, a = none, b = none;
    KTEST_REQUIRE(vector_attach(&a) && vector_attach(&b));
    unsigned long irq = arch_irq_save();
    bool right = true;
    vector_switch(&none, &a);
    xmm_set(111);
    vector_switch(&a, &b);
    right &= xmm_get() == 0;
    xmm_set(222);
    vector_switch(&b, &none);
    right &= (read_cr0() & 8) != 0; // off: the next use would trap
    vector_switch(&none, &b);       // still in the registers
    right &= xmm_get() == 222;
    vector_switch(&b, &a);
    right &= xmm_get() == 111;
    a.fpu_cpu = 63; // as if it had run elsewhere meanwhile: what the registers hold is stale
    vector_switch(&a, &none);
    a.fpu_cpu = 63;
    __asm__ volatile("clts");
    xmm_set(333);
    vector_switch(&none, &a);
    right &= xmm_get() == 111;
    vector_switch(&a, &none);
    arch_irq_restore(irq);
    arch_vector_area_free(a.fpu, vector_area_size);
    arch_vector_area_free(b.fpu, vector_area_size);
    KTEST_CHECK(right);
}

// --- the exception table ---

KTEST(x86_exception_table_is_sorted) {
    extern const struct {
        int32_t instruction, fixup;
    } extable_start[], extable_end[];
    uintptr_t last = 0;
    KTEST_CHECK(extable_end > extable_start);
    for (size_t i = 0; i < (size_t)(extable_end - extable_start); i++) {
        uintptr_t at = (uintptr_t)&extable_start[i].instruction + (uintptr_t)extable_start[i].instruction;
        KTEST_CHECK(at > last && at >= (uintptr_t)kernel_start && at < (uintptr_t)kernel_text_end);
        KTEST_CHECK(extable_find(at) != 0 && extable_find(at + 1) == 0);
        last = at;
    }
}

KTEST(x86_backtrace) {
    uintptr_t addresses[16];
    unsigned count = arch_backtrace(0, addresses, 16);
    KTEST_CHECK(count >= 1);
    KTEST_CHECK(arch_backtrace(0x1000, addresses, 16) == 0);                   // user's
    KTEST_CHECK(arch_backtrace(0xdead000000000000, addresses, 16) == 0);       // nobody's
    KTEST_CHECK(arch_backtrace((uintptr_t)addresses + 1, addresses, 16) == 0); // crooked
}
