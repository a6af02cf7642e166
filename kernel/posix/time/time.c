// SPDX-License-Identifier: MPL-2.0
// Clocks: reading, setting, and conversions. Time here is a 64-bit count of nanoseconds.
#include "process/process_priv.h"
#include "time_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <sched/sched.h>

static struct {
    struct abi_timezone zone; // what settimeofday was told; nothing in the kernel uses it
} clocks;

// --- conversions ---

status_t timespec_to_nsec(const struct abi_timespec *from, nsec_t *out) {
    if (from->seconds < 0 || (uint64_t)from->nanoseconds >= (uint64_t)NSEC_PER_SEC)
        return -EINVAL;
    if (__builtin_mul_overflow(from->seconds, NSEC_PER_SEC, out) ||
        __builtin_add_overflow(*out, from->nanoseconds, out))
        *out = NSEC_NEVER;
    return 0;
}

status_t timeval_to_nsec(const struct abi_timeval *from, nsec_t *out) {
    if ((uint64_t)from->microseconds >= 1000000)
        return -EINVAL;
    struct abi_timespec ts = {from->seconds, from->microseconds * NSEC_PER_USEC};
    return timespec_to_nsec(&ts, out);
}

status_t timespec_from_user(const void __user *from, nsec_t *out) {
    struct abi_timespec ts;
    if (copy_from_user(&ts, from, sizeof(ts)) != 0)
        return -EFAULT;
    return timespec_to_nsec(&ts, out);
}

struct abi_timespec timespec_from_nsec(nsec_t t) {
    return (struct abi_timespec){t / NSEC_PER_SEC, t % NSEC_PER_SEC};
}

struct abi_timeval timeval_from_nsec(nsec_t t) {
    return (struct abi_timeval){t / NSEC_PER_SEC, t % NSEC_PER_SEC / NSEC_PER_USEC};
}

nsec_t deadline_after(nsec_t duration) {
    return nsec_sum(clock_now(), duration);
}

// --- reading ---

static nsec_t process_cpu_time(struct process *process) {
    struct resource_totals totals;
    resource_totals_of_process(process, &totals);
    return totals.user + totals.system;
}

// Linux's clocks of other processes and threads: ~id << 3 | flags.
static status_t other_cpu_clock(int clock, nsec_t *out) {
    int id = ~(clock >> 3);
    bool of_thread = clock & 4;
    status_t status = -EINVAL;
    if ((clock & 3) == 3)
        return -EINVAL;
    rcu_read_lock();
    if (of_thread) {
        struct posix_thread *thread = id == 0 ? posix_current() : thread_seen(thread_find(id));
        if (thread && thread->process == process_current()) {
            *out = sched_run_time(&thread->thread);
            status = 0;
        }
    } else {
        struct process *process = id == 0 ? process_current() : process_seen(process_find(id));
        if (process) {
            *out = process_cpu_time(process);
            status = 0;
        }
    }
    rcu_read_unlock();
    return status;
}

status_t clock_read(int clock, nsec_t *out) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
        *out = clock_realtime();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *out = clock_now();
        return 0;
    case CLOCK_TAI:
        *out = clock_realtime() + adjtime_tai_offset() * NSEC_PER_SEC;
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *out = process_cpu_time(process_current());
        return 0;
    case CLOCK_THREAD_CPUTIME_ID:
        *out = sched_run_time(thread_current());
        return 0;
    default:
        return clock < 0 ? other_cpu_clock(clock, out) : -EINVAL;
    }
}

long sys_clock_gettime(int clock, void __user *out) {
    nsec_t now;
    status_t status = clock_read(clock, &now);
    if (status != 0)
        return status;
    struct abi_timespec ts = timespec_from_nsec(now);
    return copy_to_user(out, &ts, sizeof(ts));
}

long sys_clock_getres(int clock, void __user *out) {
    nsec_t unused;
    status_t status = clock_read(clock, &unused);
    if (status != 0 || !out)
        return status;
    bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    struct abi_timespec ts = {0, coarse ? 4000000 : 1};
    return copy_to_user(out, &ts, sizeof(ts));
}

long sys_gettimeofday(void __user *time, void __user *zone) {
    struct abi_timeval tv = timeval_from_nsec(clock_realtime());
    if (time && copy_to_user(time, &tv, sizeof(tv)) != 0)
        return -EFAULT;
    if (zone && copy_to_user(zone, &clocks.zone, sizeof(clocks.zone)) != 0)
        return -EFAULT;
    return 0;
}

long sys_time(int64_t __user *out) {
    int64_t now = clock_realtime() / NSEC_PER_SEC;
    return out && put_user(now, out) != 0 ? -EFAULT : now;
}

// --- setting ---

status_t clock_set_realtime(nsec_t now) {
    if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
        return -EPERM;
    if (now < clock_now()) // Linux: the machine was not booted before 1970
        return -EINVAL;
    realtime_set(now);
    return 0;
}

long sys_clock_settime(int clock, const void __user *in) {
    nsec_t wanted;
    if (clock != CLOCK_REALTIME)
        return -EINVAL;
    status_t status = timespec_from_user(in, &wanted);
    return status != 0 ? status : clock_set_realtime(wanted);
}

long sys_settimeofday(const void __user *time, const void __user *zone) {
    struct abi_timeval tv;
    struct abi_timezone tz;
    nsec_t wanted;
    if (time) {
        if (copy_from_user(&tv, time, sizeof(tv)) != 0)
            return -EFAULT;
        if (timeval_to_nsec(&tv, &wanted) != 0)
            return -EINVAL;
    }
    if (zone) {
        if (copy_from_user(&tz, zone, sizeof(tz)) != 0)
            return -EFAULT;
        if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
            return -EPERM;
        if (tz.minutes_west > 15 * 60 || tz.minutes_west < -15 * 60)
            return -EINVAL;
        clocks.zone = tz;
    }
    return time ? clock_set_realtime(wanted) : 0;
}
