// SPDX-License-Identifier: MPL-2.0
// The wall clock: the monotonic clock plus an offset that settimeofday changes.
#pragma once

#include <lib/list.h>
#include <sched/timer.h>
#include <stdatomic.h>

extern _Atomic nsec_t realtime_offset; // realtime minus monotonic; do not write

// Nanoseconds since 1970. Any context.
ALWAYS_INLINE nsec_t clock_realtime(void) {
    return clock_now() + atomic_load_explicit(&realtime_offset, memory_order_relaxed);
}
// At boot: sets the wall clock from the real-time clock of the machine.
void realtime_init(void);
// Sets the wall clock and tells the listeners. Thread context.
void realtime_set(nsec_t now);
// Moves it by a little (clock discipline): no more is told than those who keep a copy. Thread or dpc context.
void realtime_slew(nsec_t by);
// Told after each change (absolute timers on CLOCK_REALTIME, the vDSO page). Added once, never removed.
struct realtime_listener {
    struct realtime_listener *next;
    void (*changed)(void);
    bool copies; // keeps a copy of the offset: is told of slews, too
};
void realtime_listen(struct realtime_listener *listener);
