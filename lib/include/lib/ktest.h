// SPDX-License-Identifier: MPL-2.0
// Tests that run inside the kernel, on the real machine: `selftest` on the command line runs them all and switches off,
// `selftest=name` those whose name begins so. Output is TAP.
//
//   KTEST(timer_fires) {
//       KTEST_CHECK(clock_now() > 0);
//   }
//
// A test runs in a thread of its own turn, may block, and leaves nothing behind.
#pragma once

#include <lib/types.h>

struct ktest {
    const char *name;
    void (*run)(void);
};

// Marks the running test as failed and says where.
void ktest_fail(const char *file, int line, const char *what);
// The running test does not apply to this machine.
void ktest_skip(const char *why);

#define KTEST(test_name)                                                                                \
    static void ktest_##test_name(void);                                                                \
    static const struct ktest ktest_entry_##test_name                                                   \
        __attribute__((section(".ktest"), used, retain, aligned(8))) = {#test_name, ktest_##test_name}; \
    static void ktest_##test_name(void)

#define KTEST_CHECK(cond) ((cond) ? (void)0 : ktest_fail(__FILE_NAME__, __LINE__, #cond))
// As above, and ends the test.
#define KTEST_REQUIRE(cond)                             \
    do {                                                \
        if (!(cond)) {                                  \
            ktest_fail(__FILE_NAME__, __LINE__, #cond); \
            return;                                     \
        }                                               \
    } while (0)
