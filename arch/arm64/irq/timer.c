// SPDX-License-Identifier: MPL-2.0
// Each CPU's one-shot timer: the generic timer's virtual one. It interrupts as long as the counter is at or above the
// compare value, so it is always on, and stopped by a value that the counter does not reach.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include "irq/irq_priv.h"
#include <arch/time.h>
#include <arch/upcall.h>
#include <lib/assert.h>

#define CONTROL_ENABLE 1u
#define NEVER UINT64_MAX
#define TICKS_SHIFT 56

// Ticks per nanosecond, times 2^TICKS_SHIFT; rounded up, as the clock's factor is rounded down: not before its time.
static uint64_t ticks_per_nsec;

uint64_t timer_value(nsec_t deadline) {
    if (deadline <= 0)
        return arm64_clock.base;
    if (deadline == NSEC_NEVER)
        return NEVER;
    return arm64_clock.base + (uint64_t)((unsigned __int128)deadline * ticks_per_nsec >> TICKS_SHIFT) + 1;
}

void arch_timer_set(nsec_t deadline) {
    sysreg_write(CNTV_CVAL_EL0, timer_value(deadline));
}

void timer_interrupt(bool from_user) {
    if (!(sysreg_read(CNTV_CTL_EL0) & TIMER_STATUS))
        return; // set anew while it was on its way
    sysreg_write(CNTV_CVAL_EL0, NEVER);
    sched_timer_interrupt(from_user);
    isb(); // the line is low before the interrupt ends, or it comes once more
}

// 2^(24 + 56) / mult in steps of 64 bits.
static uint64_t reciprocal(uint64_t mult) {
    static_assert(ARM64_CLOCK_SHIFT + TICKS_SHIFT == 63 + 17);
    uint64_t high = (1ull << 63) / mult, rest = (1ull << 63) % mult;
    return (high << 17) + (rest << 17) / mult + 1;
}

void timer_init_cpu(void) {
    if (machine.timer.id < 16 || machine.timer.id >= GIC_PRIVATE_LINES)
        panic("boot: no virtual timer: firmware names no interrupt for it");
    if (ticks_per_nsec == 0)
        ticks_per_nsec = reciprocal(arm64_clock.mult);
    arch_timer_set(NSEC_NEVER);
    sysreg_write(CNTV_CTL_EL0, CONTROL_ENABLE);
    isb();
    gic_enable(machine.timer.id, machine.timer.edge);
}
