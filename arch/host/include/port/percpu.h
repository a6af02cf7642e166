// SPDX-License-Identifier: MPL-2.0
// Host port: the per-CPU variable itself is CPU 0's copy, and the only one.
#pragma once

#include <lib/types.h>

ALWAYS_INLINE uintptr_t arch_percpu_base(void) {
    return 0;
}
ALWAYS_INLINE uintptr_t arch_percpu_base_of(unsigned cpu) {
    return 0;
}
