// SPDX-License-Identifier: MPL-2.0
// Each CPU's one-shot timer: the local APIC's, in TSC-deadline mode where there is one, else counting down.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/percpu.h>
#include <arch/time.h>
#include <arch/upcall.h>

#define MSR_TSC_DEADLINE 0x6e0u
#define NSEC_PER_SEC 1000000000ull

static struct {
    bool use_deadline;
    uint64_t ticks_per_nsec; // of the timer (or the time stamp), times 2^32
    nsec_t longest;          // that the counter can wait for
} timer_source;

static nsec_t timer_deadline PER_CPU = NSEC_NEVER;

// No more than half of what the counter holds: a deadline in 200 years does not come around to the past.
static uint64_t to_ticks(uint64_t nsec) {
    unsigned __int128 ticks = (unsigned __int128)nsec * timer_source.ticks_per_nsec >> 32;
    return ticks > INT64_MAX ? INT64_MAX : (uint64_t)ticks;
}

static void program(nsec_t deadline) {
    if (timer_source.use_deadline) {
        // Rounded up: not before its time. 0 would disarm.
        uint64_t tsc = deadline <= 0 ? 1 : x86_clock.base + to_ticks((uint64_t)deadline) + 1;
        msr_write(MSR_TSC_DEADLINE, deadline == NSEC_NEVER ? 0 : tsc);
        return;
    }
    if (deadline == NSEC_NEVER) {
        apic_timer_oneshot(0);
        return;
    }
    nsec_t delay = deadline - arch_clock_now();
    if (delay > timer_source.longest)
        delay = timer_source.longest; // timer_interrupt goes on from there
    apic_timer_oneshot(delay <= 0 ? 1 : (uint32_t)to_ticks((uint64_t)delay) + 1);
}

void arch_timer_set(nsec_t deadline) {
    this_cpu(timer_deadline) = deadline;
    program(deadline);
}

void timer_interrupt(bool from_user) {
    nsec_t deadline = this_cpu(timer_deadline);
    if (deadline == NSEC_NEVER)
        return; // stopped while it was on its way
    if (arch_clock_now() < deadline) {
        program(deadline); // the counter was too short for it, or ran a little fast
        return;
    }
    this_cpu(timer_deadline) = NSEC_NEVER;
    sched_timer_interrupt(from_user);
}

void timer_init_cpu(void) {
    if (timer_source.ticks_per_nsec == 0) {
        timer_source.use_deadline = x86_features.tsc_deadline;
        uint64_t frequency = timer_source.use_deadline ? x86_clock.frequency : x86_apic_timer_frequency;
        timer_source.ticks_per_nsec = (frequency << 28) / NSEC_PER_SEC << 4; // up to 64 GHz
        timer_source.longest = (nsec_t)(0xf0000000ull * NSEC_PER_SEC / frequency);
    }
    apic_timer_mode(timer_source.use_deadline);
    arch_timer_set(NSEC_NEVER);
}
