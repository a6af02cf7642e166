// SPDX-License-Identifier: MPL-2.0
// nanosleep and clock_nanosleep. A sleep until a wall-clock time looks again whenever the clock was set; a relative one
// that a stop interrupted goes on with what is left (restart_syscall).
#include "posix_init.h"
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include "time_priv.h"
#include <abi/syscall_table.h>
#include <arch/smp.h>
#include <arch/uaccess.h>
#include <sched/sched.h>

// Threads that sleep until a wall-clock time: woken when the clock is set.
static struct {
    struct spinlock lock;
    struct wait_queue queue;
} wall_sleepers = {.queue = WAIT_QUEUE_INIT(wall_sleepers.queue)};

static void clock_changed(void) {
    spin_lock(&wall_sleepers.lock);
    wait_queue_wake_all(&wall_sleepers.queue);
    spin_unlock(&wall_sleepers.lock);
}

void sleep_init(void) {
    static struct realtime_listener listener = {.changed = clock_changed};
    realtime_listen(&listener);
}

status_t clock_of_sleep(int clock, bool *realtime) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
        *realtime = true;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *realtime = false;
        return 0;
    default:
        return -EINVAL;
    }
}

static status_t sleep_until_wall(int clock, nsec_t wanted) {
    status_t status = 0;
    spin_lock(&wall_sleepers.lock);
    for (;;) {
        nsec_t now;
        status = clock_read(clock, &now);
        if (status != 0 || now >= wanted)
            break;
        status = wait_queue_sleep(&wall_sleepers.queue, &wall_sleepers.lock, WAIT_INTERRUPTIBLE,
                                  deadline_after(wanted - now));
        if (status == -EINTR)
            break;
    }
    spin_unlock(&wall_sleepers.lock);
    return status == -EINTR ? -ERESTARTNOHAND : status;
}

static long sleep_relative(struct restart *r);

static long interrupted(nsec_t deadline, vaddr_t remaining, int clock) {
    if (remaining) {
        nsec_t left = MAX(deadline - clock_now(), 0);
        struct abi_timespec ts = timespec_from_nsec(left);
        if (copy_to_user((void __user *)remaining, &ts, sizeof(ts)) != 0)
            return -EFAULT;
    }
    struct restart *restart = &posix_current()->restart;
    restart->sleep.deadline = deadline;
    restart->sleep.remaining = remaining;
    restart->sleep.clock = clock;
    restart->again = sleep_relative;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_relative(struct restart *r) {
    nsec_t deadline = r->sleep.deadline;
    while (clock_now() < deadline) {
        if (thread_sleep_until(deadline, WAIT_INTERRUPTIBLE) == -EINTR) {
            if (clock_now() >= deadline)
                break;
            return interrupted(deadline, r->sleep.remaining, r->sleep.clock);
        }
    }
    return 0;
}

// A clock that runs only while the process or thread does: looks again when so much time has passed that it may be
// over.
static long sleep_on_cpu_clock(int clock, nsec_t wanted) {
    for (;;) {
        nsec_t now;
        status_t status = clock_read(clock, &now);
        if (status != 0 || now >= wanted)
            return status;
        nsec_t nap = MAX((wanted - now) / (nsec_t)arch_cpu_count(), (nsec_t)1000000);
        if (thread_sleep_until(deadline_after(nap), WAIT_INTERRUPTIBLE) == -EINTR)
            return -ERESTARTNOHAND;
    }
}

long sys_clock_nanosleep(int clock, int flags, const void __user *request, void __user *remaining) {
    nsec_t wanted, now;
    bool realtime;
    bool absolute = flags & TIMER_ABSTIME;
    if (clock == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    bool cpu = clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0;
    if (cpu ? clock_read(clock, &now) != 0 : clock_of_sleep(clock, &realtime) != 0)
        return -EINVAL;
    status_t status = timespec_from_user(request, &wanted);
    if (status != 0)
        return status;
    if (cpu) {
        nsec_t until = wanted;
        if (!absolute && __builtin_add_overflow(now, wanted, &until))
            until = NSEC_NEVER;
        return sleep_on_cpu_clock(clock, until);
    }
    if (absolute && realtime)
        return sleep_until_wall(clock, wanted);
    struct restart r = {.sleep = {.deadline = absolute ? wanted : deadline_after(wanted),
                                  .remaining = absolute ? 0 : (vaddr_t)remaining,
                                  .clock = clock}};
    long result = sleep_relative(&r);
    return absolute && result == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : result;
}

long sys_nanosleep(const void __user *request, void __user *remaining) {
    return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, request, remaining);
}
