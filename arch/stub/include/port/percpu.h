// SPDX-License-Identifier: MPL-2.0
// Porting guide: per-CPU variables. The linker script gathers .percpu; boot code gives each CPU a copy and keeps the
// distance between copy and template in a register that user mode cannot change (or that entry code swaps). The load
// must not be one that the compiler may repeat from before a point where the thread can block: read memory or use
// volatile asm.
#pragma once

#include <lib/types.h>

ALWAYS_INLINE uintptr_t arch_percpu_base(void) {
    return 0;
}
ALWAYS_INLINE uintptr_t arch_percpu_base_of(unsigned cpu) {
    return cpu * 0;
}
