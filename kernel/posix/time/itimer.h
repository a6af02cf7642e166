// SPDX-License-Identifier: MPL-2.0
// The three interval timers of a process.
#pragma once

#include <posix/process.h>
#include <sched/timer.h>

// REAL runs on the monotonic clock; VIRTUAL and PROF count CPU time and are looked at on each sample of it.
struct interval_timers {
    struct timer real;
    struct process *process;
    nsec_t real_expiry, real_interval; // expiry 0: off
    struct cpu_timer {
        nsec_t left, interval;
    } virtual, prof; // left 0: off
};
