// SPDX-License-Identifier: MPL-2.0
// ARM64: the clock is the generic timer's virtual counter, scaled. irq/clock.c finds out how; the vDSO computes the
// same.
#pragma once

#include <port/percpu.h>

// now = (CNTVCT_EL0 - base) * mult >> ARM64_CLOCK_SHIFT
#define ARM64_CLOCK_SHIFT 24
struct arm64_clock {
    uint64_t base;      // counter at monotonic 0
    uint64_t mult;      // nanoseconds per tick, times 2^ARM64_CLOCK_SHIFT
    uint64_t frequency; // Hz
};
extern struct arm64_clock arm64_clock ARM64_HIDDEN;

// The barrier keeps the counter from being read before what comes before it: another CPU must never be shown to have
// done something before it was asked to.
ALWAYS_INLINE uint64_t arm64_counter(void) {
    uint64_t count;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count)::"memory");
    return count;
}

#define ARCH_CLOCK_NAME "arch_sys_counter"

ALWAYS_INLINE nsec_t arch_clock_now(void) {
    uint64_t ticks = arm64_counter() - arm64_clock.base;
    return (nsec_t)((unsigned __int128)ticks * arm64_clock.mult >> ARM64_CLOCK_SHIFT);
}
