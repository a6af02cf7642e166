// SPDX-License-Identifier: MPL-2.0
// The functions of arch/uaccess.h: range check here, the copying in user_copy.S.
#include "cpu/cpu_priv.h"
#include "cpu/user_window.h"
#include <arch/uaccess.h>
#include <lib/assert.h>
#include <sched/sched.h>

size_t copy_from_user_partial(void *to, const void __user *from, size_t size) {
    return user_range_ok((uintptr_t)from, size) ? arm64_copy_from_user(to, (const void *)(uintptr_t)from, size) : size;
}

size_t copy_to_user_partial(void __user *to, const void *from, size_t size) {
    return user_range_ok((uintptr_t)to, size) ? arm64_copy_to_user((void *)(uintptr_t)to, from, size) : size;
}

size_t clear_user_partial(void __user *to, size_t size) {
    return user_range_ok((uintptr_t)to, size) ? arm64_clear_user((void *)(uintptr_t)to, size) : size;
}

// The lowest byte of the result that is not 0 marks the first zero byte of the word.
static uint64_t zero_bytes(uint64_t word) {
    const uint64_t ones = 0x0101010101010101ul;
    return (word - ones) & ~word & (ones << 7);
}

// Eight bytes a step until the string ends, the buffer does, or a word cannot be read (it may lie half in an unmapped
// page); the rest byte by byte.
ssize_t string_from_user(char *to, const char __user *from, size_t size) {
    uintptr_t address = (uintptr_t)from;
    size_t done = 0;
    while (done + 8 <= size) {
        uint64_t word;
        if (get_user(word, (const uint64_t __user *)(address + done)) != 0)
            break;
        __builtin_memcpy(to + done, &word, 8);
        uint64_t zeros = zero_bytes(word);
        if (zeros != 0)
            return (ssize_t)(done + (size_t)__builtin_ctzl(zeros) / 8);
        done += 8;
    }
    for (; done < size; done++) {
        char c;
        if (get_user(c, from + done) != 0)
            return -EFAULT;
        to[done] = c;
        if (c == '\0')
            return (ssize_t)done;
    }
    return -ENAMETOOLONG;
}

// The exclusive pair fails when anybody else writes near the word, which a hostile program can make happen for as long
// as it likes. So the tries are counted, and after so many others get the CPU.
#define EXCLUSIVE_TRIES "128"

// One round. Stores `value` if the word is `expected`, or in any case if `always`; *old is what was there. Orders as a
// full barrier. 0; -EFAULT; -EAGAIN: too many tries.
static status_t exclusive_round(uintptr_t address, bool always, uint32_t expected, uint32_t value, uint32_t *old) {
    uint32_t found, failed = 1, tries;
    user_window_open();
    __asm__ goto("mov %w2, #" EXCLUSIVE_TRIES "\n"
                 "1: ldxr %w0, [%3]\n\t" ARM64_EXTABLE(1b, "%l[bad]") //
                 "cbnz %w4, 2f\n\t"
                 "cmp %w0, %w5\n\t"
                 "mov %w1, #0\n\t"
                 "b.ne 3f\n"
                 "2: stlxr %w1, %w6, [%3]\n\t" ARM64_EXTABLE(2b, "%l[bad]") //
                 "cbz %w1, 3f\n\t"
                 "sub %w2, %w2, #1\n\t"
                 "cbnz %w2, 1b\n"
                 "3: dmb ish"
                 : "=&r"(found), "+&r"(failed), "=&r"(tries)
                 : "r"(address), "r"((uint32_t)always), "r"(expected), "r"(value)
                 : "memory", "cc"
                 : bad);
    user_window_close();
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
