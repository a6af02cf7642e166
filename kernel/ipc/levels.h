// SPDX-License-Identifier: MPL-2.0
// How many callers of each level wait, so that the highest is known at once however many there are. Pure data
// structure: the port's lock protects it.
#pragma once

#include <lib/types.h>

enum { LEVELS = 32 };

struct levels {
    uint32_t present; // bit n: count[n] is not 0
    uint32_t count[LEVELS];
};

ALWAYS_INLINE void levels_add(struct levels *levels, unsigned level) {
    levels->present |= 1u << level;
    levels->count[level]++;
}
ALWAYS_INLINE void levels_remove(struct levels *levels, unsigned level) {
    if (--levels->count[level] == 0)
        levels->present &= ~(1u << level);
}
// 0 also if there is none: a loan of level 0 is no loan.
ALWAYS_INLINE unsigned levels_top(const struct levels *levels) {
    return levels->present ? 31 - (unsigned)__builtin_clz(levels->present) : 0;
}
