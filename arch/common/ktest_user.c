// SPDX-License-Identifier: MPL-2.0
// Self-tests: accesses to user memory that work, that fault half-way and that are refused, on a page of a made-up
// address space (test_user.c); and the table that faults are looked up in.
#include <arch/uaccess.h>
#include <common/extable.h>
#include <common/port.h>
#include <common/test_user.h>
#include <lib/ktest.h>
#include <lib/string.h>

enum { TEXT = 224 };

static void pattern(uint8_t *to, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(i * 7 + seed);
}

// Whatever the size and however far the page reaches, the count of missing bytes is exact, and the rest arrived.
KTEST(cpu_user_copy_stops_at_the_byte) {
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

KTEST(cpu_user_values_and_strings) {
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
KTEST(cpu_user_addresses_that_lie) {
    const uintptr_t bad[] = {0,
                             ARCH_USER_TOP - 1,
                             ARCH_USER_TOP,
                             ARCH_USER_TOP + USER_PAGE,
                             (1ul << 55) - 4,
                             1ul << 55,
                             0x5a00000000000000ul + USER_PAGE,
                             0xff00000000000000ul + USER_PAGE,
                             (uintptr_t)&test_user,
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
KTEST(cpu_user_ranges_that_wrap) {
    char text[16];
    KTEST_CHECK(copy_from_user_partial(text, user(ARCH_USER_TOP - 8), 16) == 16);
    KTEST_CHECK(copy_from_user_partial(text, user(USER_PAGE), ~0ul) == ~0ul);
    KTEST_CHECK(clear_user_partial(user(8), ~0ul - 4) == ~0ul - 4);
}

KTEST(cpu_exception_table_is_sorted) {
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
