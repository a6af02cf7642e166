// SPDX-License-Identifier: MPL-2.0
// Many words to or from user memory in one go: check the range, open the window, access word by word, close it.
// A fault that cannot be resolved goes to the label with the window closed.
#pragma once

#include <arch/uaccess.h>

ALWAYS_INLINE void user_window_open(void) {
    __asm__ volatile(X86_STAC ::: "memory");
}
ALWAYS_INLINE void user_window_close(void) {
    __asm__ volatile(X86_CLAC ::: "memory");
}

// base: uintptr_t; offset: a constant.
#define USER_WINDOW_PUT(base, offset, value, bad)                         \
    __asm__ goto("1: movq %0, %c2(%1)\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                        \
                 : "er"((uint64_t)(value)), "r"(base), "i"(offset)        \
                 : "memory"                                               \
                 : bad)

#define USER_WINDOW_GET(base, offset, bad)                                    \
    ({                                                                        \
        uint64_t got_;                                                        \
        __asm__ goto("1: movq %c2(%1), %0\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                     : "=r"(got_)                                             \
                     : "r"(base), "i"(offset)                                 \
                     : "memory"                                               \
                     : bad);                                                  \
        got_;                                                                 \
    })
