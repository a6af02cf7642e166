// SPDX-License-Identifier: MPL-2.0
// x86-64: the clock is the time stamp counter, scaled. boot/tsc.c finds out how; the vDSO computes the same.
#pragma once

#include <port/cpu.h>

// now = (rdtsc - base) * mult >> X86_CLOCK_SHIFT
#define X86_CLOCK_SHIFT 32
struct x86_clock {
    uint64_t base;      // time stamp at monotonic 0
    uint64_t mult;      // nanoseconds per tick, times 2^X86_CLOCK_SHIFT
    uint64_t frequency; // Hz
};
extern struct x86_clock x86_clock X86_HIDDEN;

#define ARCH_CLOCK_NAME "tsc"

ALWAYS_INLINE nsec_t arch_clock_now(void) {
    uint64_t ticks = arch_cycles() - x86_clock.base;
    return (nsec_t)((unsigned __int128)ticks * x86_clock.mult >> X86_CLOCK_SHIFT);
}
