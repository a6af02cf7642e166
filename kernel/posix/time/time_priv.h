// SPDX-License-Identifier: MPL-2.0
// Helpers for calls that take times.
#pragma once

#include <abi/time.h>
#include <posix/process.h>
#include <sched/realtime.h>

// A duration or point in time, in nanoseconds; what does not fit is NSEC_NEVER. -EFAULT, -EINVAL (not normalised,
// negative).
MUST_USE status_t timespec_from_user(const void __user *from, nsec_t *out);
MUST_USE status_t timespec_to_nsec(const struct abi_timespec *from, nsec_t *out);
MUST_USE status_t timeval_to_nsec(const struct abi_timeval *from, nsec_t *out);
struct abi_timespec timespec_from_nsec(nsec_t t);
struct abi_timeval timeval_from_nsec(nsec_t t);
// Now + duration without overflow.
nsec_t deadline_after(nsec_t duration);
// The time on a clock of Linux's. -EINVAL: no such clock.
MUST_USE status_t clock_read(int clock, nsec_t *out);
// For clocks that timers and sleeps can use: is it the wall clock (its absolute times move with settimeofday)?
MUST_USE status_t clock_of_sleep(int clock, bool *realtime);
// Steps the wall clock. -EPERM, -EINVAL (before the machine was switched on in 1970).
MUST_USE status_t clock_set_realtime(nsec_t now);
// --- adjtime.c ---
int32_t adjtime_tai_offset(void); // seconds
