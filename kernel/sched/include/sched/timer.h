// SPDX-License-Identifier: MPL-2.0
// One-shot timers on the monotonic clock, per CPU, ordered in a tree; the hardware is programmed for the
// earliest only (tickless). Callbacks run as dpcs: thread context rules of sched/dpc.h.
#pragma once

#include <lib/rbtree.h>
#include <lib/types.h>

struct timer {
    struct rb_node node;
    nsec_t deadline;
    void (*fire)(struct timer *timer);
    int16_t cpu;      // queue it is on, -1: not armed
    int16_t last_cpu; // queue it was last on: its callback may run there
};

void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
// Arms or re-arms. A past deadline fires soon. Thread or dpc context.
void timer_set(struct timer *timer, nsec_t deadline);
// Disarms. true: it had not fired and now will not. false: not armed, or its callback has begun; on
// return the callback does not run any more (waits for it), unless called from the callback itself. So hold no
// lock that the callback takes.
bool timer_cancel(struct timer *timer);
// When the next of a CPU's timers fires; NSEC_NEVER: none is set.
nsec_t timer_next(unsigned cpu);
// The monotonic clock.
nsec_t clock_now(void);
