// SPDX-License-Identifier: MPL-2.0
// Many words to or from user memory in one go: check the range, open the window, access word by word, close it.
// A fault that cannot be resolved goes to the label with the window closed.
#pragma once

#include "arm64_priv.h"
#include <arch/uaccess.h>
#include <port/patch.h>

// base: uintptr_t; offset: a constant.
#define USER_WINDOW_PUT(base, offset, value, bad)                          \
    __asm__ goto("1: str %x0, [%1, %2]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                         \
                 : "rZ"((uint64_t)(value)), "r"(base), "i"(offset)         \
                 : "memory"                                                \
                 : bad)

#define USER_WINDOW_GET(base, offset, bad)                                    \
    ({                                                                        \
        uint64_t got_;                                                        \
        __asm__ goto("1: ldr %0, [%1, %2]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                     : "=r"(got_)                                             \
                     : "r"(base), "i"(offset)                                 \
                     : "memory"                                               \
                     : bad);                                                  \
        got_;                                                                 \
    })
