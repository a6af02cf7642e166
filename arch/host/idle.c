// SPDX-License-Identifier: MPL-2.0
// Host port: the idle CPU. Time jumps to the armed timer; with none armed the test would hang, so it dies.
#include <arch/cpu.h>
#include <arch/time.h>
#include <arch/upcall.h>
#include <lib/assert.h>
#include <port/clock.h>

void host_cpu_idle(void) {
    nsec_t deadline = host_timer_deadline();
    if (deadline == NSEC_NEVER)
        panic("host: all threads wait and no timer is armed");
    if (deadline > arch_clock_now())
        host_clock_advance(deadline - arch_clock_now());
    arch_timer_set(NSEC_NEVER);
    sched_timer_interrupt(false);
}
