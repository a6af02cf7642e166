// SPDX-License-Identifier: MPL-2.0
// Shares of the CPU: groups of threads that get time in proportion to a weight when others want the CPU, too.
//
// On each CPU time is dealt out in rounds. In a round a group may run for its weight's part of ROUND; what it uses
// beyond that is taken off its next round. A group that has used up its part runs only when nobody else is ready on
// that CPU who still has something to use up: its threads wait at the lowest level (and do not age). A round
// ends when nobody else is ready (so groups that compete among themselves share all of the CPU in proportion
// to their weights), and after ROUND at the latest (so that a group keeps its part beside threads without a weight).
// Real-time threads are not held back.
#pragma once

#include <arch/cpu.h>
#include <lib/types.h>

#define CPU_SHARE_WHOLE 10000u // a weight that is the whole CPU
#define CPU_SHARE_ROUND 100000000ll

struct cpu_share {
    const struct cpu_share *above; // whose weight counts where this has none; null: nobody's
    _Atomic uint32_t weight;       // 1 … CPU_SHARE_WHOLE; 0: none of its own
    // Each is changed on its CPU alone, with the run queue locked.
    struct {
        uint64_t round;
        nsec_t used; // in that round, with what was used too much before
    } cpus[CPU_MAX];
};

void cpu_share_init(struct cpu_share *share, const struct cpu_share *above);
