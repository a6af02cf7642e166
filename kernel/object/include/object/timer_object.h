// SPDX-License-Identifier: MPL-2.0
// Timer objects: count expirations of a one-shot or periodic timer; timerfd is their Linux face. Reading gives the
// expirations since the last read and waits for the first.
#pragma once

#include <object/object.h>

enum timer_clock { TIMER_CLOCK_MONOTONIC, TIMER_CLOCK_REALTIME };

struct timer_setting {
    nsec_t value;    // 0: disarmed. Absolute on the timer's clock, or what is left
    nsec_t interval; // 0: one-shot
};

// nullptr: no memory. One reference.
struct object *timer_object_create(enum timer_clock clock);
bool object_is_timer(const struct object *object);
// `absolute`: value is a time, else a duration. `cancel_on_set`: reads fail with -ECANCELED once the wall clock was
// set (absolute real-time timers). The earlier setting goes to *old (may be null), its value being what was left.
void timer_object_set(struct object *object, const struct timer_setting *setting, bool absolute, bool cancel_on_set,
                      struct timer_setting *old);
void timer_object_get(struct object *object, struct timer_setting *out);
