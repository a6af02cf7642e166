// SPDX-License-Identifier: MPL-2.0
// Self-tests that need the real processor: user copies that fault, page table entries, the assembly string functions,
// what the entry code keeps.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/test_user.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <lib/ktest.h>
#include <lib/string.h>

// --- string functions against the obvious loops ---

enum { TEXT = 224 };
static uint8_t large[2][2048];

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

KTEST(arm64_memmove) {
    for (size_t size = 0; size <= 100; size++)
        for (size_t to = 0; to <= 48; to++)
            if (!move_is_right(24, to, size)) {
                ktest_fail(__FILE_NAME__, (int)size, "memmove of this many bytes");
                return;
            }
}

KTEST(arm64_memcpy_memset) {
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

// Cleared by whole cache lines.
KTEST(arm64_memset_large) {
    for (size_t at = 0; at < 70; at += 3)
        for (size_t size = 500; size < 700; size += 7) {
            memset(large[0], 0x77, sizeof(large[0]));
            memset(large[0] + at, 0, size);
            size_t zeros = 0;
            for (size_t i = 0; i < size; i++)
                zeros += large[0][at + i] == 0;
            KTEST_REQUIRE(zeros == size && large[0][at + size] == 0x77 && (at == 0 || large[0][at - 1] == 0x77));
        }
}

KTEST(arm64_memcmp) {
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
KTEST(arm64_user_copy_stops_at_the_byte) {
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

KTEST(arm64_user_values_and_strings) {
    char text[32];
    uint64_t value = 1;
    uint32_t old = 0;
    test_user_map();
    memset(test_user.data, 'a', PAGE_SIZE);
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(USER_END - 8)) == 0 && value == 0x6161616161616161ul);
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(USER_END - 7)) == -EFAULT);
    KTEST_CHECK(put_user(5, (uint16_t __user *)user(USER_END - 1)) == -EFAULT);
    KTEST_CHECK(put_user(0x6263, (uint16_t __user *)user(USER_END - 2)) == 0 && test_user.data[4094] == 0x63);
    KTEST_CHECK(put_user(value, (uint64_t __user *)user(USER_PAGE + 3)) == 0); // crooked
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

// Addresses that are nobody's, the kernel's, tagged, at an edge; all functions refuse them and touch nothing.
KTEST(arm64_user_addresses_that_lie) {
    const uintptr_t bad[] = {0,
                             ARCH_USER_TOP - 1,
                             ARCH_USER_TOP,
                             ARCH_USER_TOP + USER_PAGE,
                             (1ul << 55) - 4,
                             1ul << 55,
                             0x5a00000000000000ul + USER_PAGE,
                             0xff00000000000000ul + USER_PAGE,
                             (uintptr_t)large,
                             (uintptr_t)kernel_start,
                             (uintptr_t)arch_phys_to_virt(0),
                             ~0ul - 7,
                             ~0ul};
    char text[80] = "untouched";
    uint64_t value;
    uint32_t old;
    test_user_map();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        void __user *at = user(bad[i]);
        bool refused = get_user(value, (uint64_t __user *)at) == -EFAULT;
        refused &= put_user(1, (uint64_t __user *)at) == -EFAULT;
        refused &= copy_from_user(&value, at, sizeof(value)) == -EFAULT;
        refused &= copy_to_user(at, text, 24) == -EFAULT;
        refused &= copy_from_user_partial(text, at, sizeof(text)) == sizeof(text);
        refused &= copy_to_user_partial(at, text, sizeof(text)) == sizeof(text);
        refused &= clear_user_partial(at, sizeof(text)) == sizeof(text);
        refused &= string_from_user(text + 16, at, 40) == -EFAULT;
        refused &= user_cmpxchg_u32(at, 0, 1, &old) == -EFAULT && user_xchg_u32(at, 1, &old) == -EFAULT;
        if (!refused || strcmp(text, "untouched") != 0)
            ktest_fail(__FILE_NAME__, (int)i, "one of these addresses was not refused");
    }
    test_user_unmap();
}

// A range that begins below USER_TOP and ends beyond, or goes round, copies nothing.
KTEST(arm64_user_ranges_that_wrap) {
    char text[16];
    KTEST_CHECK(copy_from_user_partial(text, user(ARCH_USER_TOP - 8), 16) == 16);
    KTEST_CHECK(copy_from_user_partial(text, user(USER_PAGE), ~0ul) == ~0ul);
    KTEST_CHECK(clear_user_partial(user(8), ~0ul - 4) == ~0ul - 4);
}

// After a flush a changed entry is seen, whether by page or as a whole, loaded or not.
KTEST(arm64_tlb_flush) {
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

KTEST(arm64_page_table_entries) {
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

// --- the exception table ---

KTEST(arm64_exception_table_is_sorted) {
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

KTEST(arm64_backtrace) {
    uintptr_t addresses[16];
    unsigned count = arch_backtrace(0, addresses, 16);
    KTEST_CHECK(count >= 2); // who runs the tests, at least; signed addresses are shown as they were
    for (unsigned i = 0; i < count; i++)
        KTEST_CHECK(addresses[i] >= (uintptr_t)kernel_start && addresses[i] < (uintptr_t)kernel_text_end);
    KTEST_CHECK(arch_backtrace(0x1000, addresses, 16) == 0);                   // user's
    KTEST_CHECK(arch_backtrace(0xdead000000000000, addresses, 16) == 0);       // nobody's
    KTEST_CHECK(arch_backtrace((uintptr_t)addresses + 1, addresses, 16) == 0); // crooked
}

// --- pointer authentication ---

// The return address in a function's own frame record, as it lies on the stack.
__attribute__((noinline)) static uintptr_t stored_return_address(void) {
    uintptr_t *record = __builtin_frame_address(0);
    __asm__ volatile("" ::: "x30", "memory"); // not a leaf
    return record[1];
}

KTEST(arm64_return_addresses_are_signed) {
    if (!arm64_features.pauth) {
        ktest_skip("no pointer authentication");
        return;
    }
    KTEST_CHECK(stored_return_address() < (uintptr_t)kernel_start); // else an address could pass for its signature
    KTEST_CHECK((stored_return_address() | ~(ARCH_USER_TOP - 1)) >= (uintptr_t)kernel_start);
}

// --- registers ---

// A fault in the kernel that is resolved to its fixup leaves all registers but what the code itself changes.
KTEST(arm64_kernel_fault_keeps_registers) {
    static uint64_t before[31], after[31];
    uint64_t x19 = 0x1919191919191919, missed = 0;
    for (unsigned i = 0; i < 31; i++)
        before[i] = 0xabcd000000000000 + i;
    test_user_map();
    __asm__ volatile("mov x16, %4\n\tmov x17, %2\n\t"
                     "ldp x0, x1, [x16]\n\tldp x2, x3, [x16, #16]\n\tldp x4, x5, [x16, #32]\n\t"
                     "ldp x6, x7, [x16, #48]\n\tldp x8, x9, [x16, #64]\n\tldp x10, x11, [x16, #80]\n\t"
                     "ldp x12, x13, [x16, #96]\n\tldp x14, x15, [x16, #112]\n\tldr x18, [x16, #144]\n\t"
                     "mov x30, %3\n"
                     "1: ldtr x15, [x30]\n\t" ARM64_EXTABLE(1b, "2f") //
                     "mov %0, #1\n"
                     "2: stp x0, x1, [x17]\n\tstp x2, x3, [x17, #16]\n\tstp x4, x5, [x17, #32]\n\t"
                     "stp x6, x7, [x17, #48]\n\tstp x8, x9, [x17, #64]\n\tstp x10, x11, [x17, #80]\n\t"
                     "stp x12, x13, [x17, #96]\n\tstp x14, x15, [x17, #112]\n\tstr x18, [x17, #144]"
                     : "+r"(missed), "+r"(x19)
                     : "r"(after), "r"((uintptr_t)USER_END), "r"(before)
                     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18", "x30", "memory");
    test_user_unmap();
    KTEST_CHECK(missed == 0 && x19 == 0x1919191919191919);
    for (unsigned i = 0; i < 19; i++)
        if (i != 16 && i != 17 && after[i] != before[i])
            ktest_fail(__FILE_NAME__, (int)i, "this register");
    KTEST_CHECK(arch_irq_is_enabled());
}

KTEST(arm64_interrupt_mask) {
    unsigned long outer = arch_irq_save();
    KTEST_CHECK(!arch_irq_is_enabled());
    unsigned long inner = arch_irq_save();
    arch_irq_restore(inner);
    KTEST_CHECK(!arch_irq_is_enabled());
    arch_irq_restore(outer);
    KTEST_CHECK(arch_irq_is_enabled());
}

// Restarting gives back the first argument, which the result had overwritten, and the call number.
KTEST(arm64_system_call_restart) {
    struct arch_frame frame = {.regs = {[0] = (uint64_t)-512, [8] = 63}, .pc = 0x1004, .orig_x0 = 3, .syscall = 63};
    KTEST_CHECK(arch_frame_syscall_number(&frame) == 63 && arch_frame_syscall_arg(&frame, 0) == 3);
    arch_frame_restart_syscall(&frame, 128);
    KTEST_CHECK(frame.pc == 0x1000 && frame.regs[0] == 3 && frame.regs[8] == 128);
    KTEST_CHECK(arch_frame_syscall_number(&frame) == -1);
    frame.syscall = 0x7700000000ul + 172; // the high half of x8 counts for nothing
    KTEST_CHECK(arch_frame_syscall_number(&frame) == 172);
}

// --- bugs that must end in a panic; run when they are named (kernel/init/ktest_fatal.c) ---

KTEST(fatal_user_access) {
    test_user_map();
    *(volatile char *)USER_PAGE = 1; // with PAN
    test_user_unmap();
    ktest_fail(__FILE_NAME__, __LINE__, "nobody noticed");
}

KTEST(fatal_call_within_a_function) {
    ((void (*)(void))((uintptr_t)arch_backtrace + 8))(); // with BTI
    ktest_fail(__FILE_NAME__, __LINE__, "nobody noticed");
}
