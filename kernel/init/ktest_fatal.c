// SPDX-License-Identifier: MPL-2.0
// In-kernel tests that must not come back: bugs which the port has to notice, each ending in a panic that says so. They
// run only when they are named (`selftest=fatal_…`); tools/test-boot reads the panic.

#include <lib/ktest.h>
#include <lib/types.h>

extern char kernel_start[];

static void survived(void) {
    ktest_fail(__FILE_NAME__, __LINE__, "nobody noticed");
}

// Uses more stack than there is, a little at a time.
__attribute__((noinline)) static int deeper(volatile char *above) {
    volatile char room[256];
    room[0] = above[0];
    return room[0] == 0 ? 0 : deeper(room) + room[0];
}

KTEST(fatal_stack_overflow) {
    volatile char start = 1;
    deeper(&start);
    survived();
}

KTEST(fatal_null_pointer) {
    volatile char *volatile nowhere = nullptr;
    nowhere[8] = 1;
    survived();
}

KTEST(fatal_write_to_code) {
    *(volatile char *)kernel_start = 1;
    survived();
}

KTEST(fatal_call_of_data) {
    static uint32_t data[16];
    __asm__ volatile("" : : "r"(data) : "memory");
    ((void (*)(void))(uintptr_t)data)();
    survived();
}
