// SPDX-License-Identifier: MPL-2.0
// A value that the compiler does not know.
#pragma once

#include <lib/types.h>

// 0, for a function that ends another one by a tail call. Were its result known, the caller would come back for it.
ALWAYS_INLINE long opaque_zero(void) {
    long zero = 0;
    __asm__("" : "+r"(zero));
    return zero;
}
