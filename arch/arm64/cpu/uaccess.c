// SPDX-License-Identifier: MPL-2.0
// Atomic changes of a user word (arch/uaccess.h). What else is there is in common/uaccess.c.
#include "cpu/user_window.h"
#include <arch/uaccess.h>
#include <sched/sched.h>

// The exclusive pair fails when anybody else writes near the word, which a hostile program can make happen for as long
// as it likes. So the tries are counted, and after so many others get the CPU.
#define EXCLUSIVE_TRIES "128"

// One round. Stores `value` if the word is `expected`, or in any case if `always`; *old is what was there. Orders as a
// full barrier. 0; -EFAULT; -EAGAIN: too many tries.
static status_t exclusive_round(uintptr_t address, bool always, uint32_t expected, uint32_t value, uint32_t *old) {
    uint32_t found, failed = 1, tries;
    arm64_window_open();
    __asm__ goto("mov %w2, #" EXCLUSIVE_TRIES "\n"
                 "1: ldxr %w0, [%3]\n\t" USER_FAULT(1b, "%l[bad]") //
                 "cbnz %w4, 2f\n\t"
                 "cmp %w0, %w5\n\t"
                 "mov %w1, #0\n\t"
                 "b.ne 3f\n"
                 "2: stlxr %w1, %w6, [%3]\n\t" USER_FAULT(2b, "%l[bad]") //
                 "cbz %w1, 3f\n\t"
                 "sub %w2, %w2, #1\n\t"
                 "cbnz %w2, 1b\n"
                 "3: dmb ish"
                 : "=&r"(found), "+&r"(failed), "=&r"(tries)
                 : "r"(address), "r"((uint32_t)always), "r"(expected), "r"(value)
                 : "memory", "cc"
                 : bad);
    arm64_window_close();
    *old = found;
    return failed ? -EAGAIN : 0;
bad:
    return -EFAULT;
}

static status_t exclusive(uint32_t __user *ptr, bool always, uint32_t expected, uint32_t value, uint32_t *old) {
    uintptr_t address = (uintptr_t)ptr;
    status_t status;
    if (!user_range_ok(address, sizeof(*ptr)))
        return -EFAULT;
    while ((status = exclusive_round(address, always, expected, value, old)) == -EAGAIN)
        sched_yield();
    return status;
}

status_t user_cmpxchg_u32(uint32_t __user *ptr, uint32_t expected, uint32_t value, uint32_t *old) {
    return exclusive(ptr, false, expected, value, old);
}

status_t user_xchg_u32(uint32_t __user *ptr, uint32_t value, uint32_t *old) {
    return exclusive(ptr, true, 0, value, old);
}
