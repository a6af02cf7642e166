// SPDX-License-Identifier: MPL-2.0
// See common/test_signal.h.
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <common/test_signal.h>
#include <common/test_user.h>
#include <lib/ktest.h>
#include <lib/status.h>
#include <lib/string.h>

static uint8_t info[128];

struct arch_frame *test_frame(void) {
    return arch_thread_frame(arch_current());
}

status_t test_signal_push(uintptr_t stack_top, uint64_t flags) {
    struct arch_signal signal = {.number = TEST_SIGNAL,
                                 .flags = flags,
                                 .handler = TEST_HANDLER,
                                 .restorer = TEST_RESTORER,
                                 .blocked = TEST_BLOCKED,
                                 .stack_top = stack_top,
                                 .siginfo = info,
                                 .altstack_base = TEST_ALTSTACK,
                                 .altstack_size = TEST_ALTSTACK_SIZE};
    for (unsigned i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(i + 1);
    return arch_signal_push(&signal);
}

status_t test_signal_pop(void) {
    uint64_t blocked = 0;
    vaddr_t base = 0;
    size_t size = 0;
    int flags = 0;
    status_t status = arch_signal_pop(&blocked, &base, &size, &flags);
    if (status == 0)
        KTEST_CHECK(blocked == TEST_BLOCKED && base == TEST_ALTSTACK && size == TEST_ALTSTACK_SIZE);
    return status;
}

void test_signal_bad_stacks(uintptr_t end) {
    struct arch_frame before = *test_frame();
    const uintptr_t bad[] = {USER_PAGE + 64, 64, end + PAGE_SIZE, 0xffffffff80200000ul, 0x8000000000000000ul, ~0ul};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        KTEST_CHECK(test_signal_push(bad[i], 0) == -EFAULT);
        arch_frame_set_sp(test_frame(), bad[i]);
        KTEST_CHECK(test_signal_push(0, 0) == -EFAULT);
        KTEST_CHECK(i == 0 || test_signal_pop() != 0); // the first has too little room, but only for a push
        arch_frame_set_sp(test_frame(), arch_frame_sp(&before));
        KTEST_CHECK(memcmp(&before, test_frame(), sizeof(before)) == 0);
    }
}

uint64_t test_word(uintptr_t address) {
    uint64_t value = 0;
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(address)) == 0);
    return value;
}

void test_word_set(uintptr_t address, uint64_t value) {
    KTEST_CHECK(put_user(value, (uint64_t __user *)user(address)) == 0);
}
