// SPDX-License-Identifier: MPL-2.0
// setitimer, alarm, and limits on CPU time.
//
// ITIMER_REAL is a kernel timer. ITIMER_VIRTUAL, ITIMER_PROF and RLIMIT_CPU count CPU time: the scheduler samples
// running threads (sched_tick_hook), and each sample takes its share from what is left. State is under signal_lock.
#include "itimer.h"
#include "posix_init.h"
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include "time_priv.h"
#include <abi/resource.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/sched.h>

static void real_fired(struct timer *timer) {
    struct interval_timers *timers = CONTAINER_OF(timer, struct interval_timers, real);
    struct process *process = timers->process;
    spin_lock(&process->signal_lock);
    signal_generate(process, nullptr, SIGALRM, nullptr);
    if (timers->real_interval > 0) {
        // Periods that were missed are skipped, not made up for.
        nsec_t now = clock_now(), next = nsec_sum(timers->real_expiry, timers->real_interval);
        if (next <= now)
            next = nsec_sum(now, timers->real_interval - (now - next) % timers->real_interval);
        timers->real_expiry = next;
        timer_set(timer, next);
    } else {
        timers->real_expiry = 0;
    }
    spin_unlock(&process->signal_lock);
}

static struct interval_timers *timers_of(struct process *process) {
    struct interval_timers *timers = process->itimers;
    if (timers)
        return timers;
    timers = kzalloc_charged(sizeof(*timers));
    if (!timers)
        return nullptr;
    timer_init(&timers->real, real_fired);
    timers->process = process;
    spin_lock(&process->signal_lock);
    struct interval_timers *other = process->itimers; // another thread may have been faster
    if (!other)
        process->itimers = timers;
    spin_unlock(&process->signal_lock);
    if (!other)
        return timers;
    kfree(timers);
    return other;
}

void interval_timers_delete(struct process *process) {
    struct interval_timers *timers = process->itimers;
    if (!timers)
        return;
    timers->real_interval = 0;
    timer_cancel(&timers->real);
    spin_lock(&process->signal_lock);
    process->itimers = nullptr;
    spin_unlock(&process->signal_lock);
    kfree(timers);
}

struct period {
    nsec_t value, interval;
};

static struct period read_real(struct interval_timers *timers) {
    struct period p = {0, timers->real_interval};
    if (timers->real_expiry != 0)
        p.value = MAX(timers->real_expiry - clock_now(), (nsec_t)NSEC_PER_USEC);
    return p;
}

// The old setting. The timer is stopped outside the lock, for its callback takes it.
static struct period set_real(struct process *process, struct interval_timers *timers, const struct period *wanted) {
    spin_lock(&process->signal_lock);
    struct period old = read_real(timers);
    timers->real_interval = 0;
    spin_unlock(&process->signal_lock);
    timer_cancel(&timers->real);
    spin_lock(&process->signal_lock);
    timers->real_expiry = wanted->value > 0 ? deadline_after(wanted->value) : 0;
    timers->real_interval = wanted->interval;
    if (timers->real_expiry != 0)
        timer_set(&timers->real, timers->real_expiry);
    spin_unlock(&process->signal_lock);
    return old;
}

static struct period exchange(struct process *process, int which, const struct period *wanted) {
    struct period old = {};
    struct interval_timers *timers = wanted ? timers_of(process) : process->itimers;
    if (!timers)
        return old;
    if (which == ITIMER_REAL && wanted)
        return set_real(process, timers, wanted);
    spin_lock(&process->signal_lock);
    if (which == ITIMER_REAL) {
        old = read_real(timers);
    } else {
        struct cpu_timer *t = which == ITIMER_VIRTUAL ? &timers->virtual : &timers->prof;
        old = (struct period){t->left, t->interval};
        if (wanted)
            *t = (struct cpu_timer){wanted->value, wanted->interval};
    }
    spin_unlock(&process->signal_lock);
    return old;
}

static status_t copy_out(void __user *to, const struct period *p) {
    struct abi_itimerval abi = {timeval_from_nsec(p->interval), timeval_from_nsec(p->value)};
    return copy_to_user(to, &abi, sizeof(abi));
}

long sys_getitimer(int which, void __user *out) {
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    struct period p = exchange(process_current(), which, nullptr);
    return copy_out(out, &p);
}

long sys_setitimer(int which, const void __user *in, void __user *out) {
    struct abi_itimerval abi;
    struct period wanted;
    memset(&abi, 0, sizeof(abi)); // Linux: a null pointer stops the timer
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    if (in && copy_from_user(&abi, in, sizeof(abi)) != 0)
        return -EFAULT;
    if (timeval_to_nsec(&abi.value, &wanted.value) != 0 || timeval_to_nsec(&abi.interval, &wanted.interval) != 0)
        return -EINVAL;
    if (!timers_of(process_current()))
        return -ENOMEM;
    struct period old = exchange(process_current(), which, &wanted);
    return out ? copy_out(out, &old) : 0;
}

long sys_alarm(unsigned seconds) {
    struct period wanted = {(nsec_t)seconds * NSEC_PER_SEC, 0};
    struct period old = exchange(process_current(), ITIMER_REAL, &wanted);
    nsec_t rest = old.value % NSEC_PER_SEC;
    long left = old.value / NSEC_PER_SEC;
    // Rounded, but never to "no alarm was set".
    return left == 0 && rest > 0 ? 1 : left + (rest >= NSEC_PER_SEC / 2);
}

// --- CPU time ---

static void spend(struct process *process, struct cpu_timer *t, nsec_t used, int signal)
    REQUIRES(&process->signal_lock) {
    if (t->left == 0)
        return;
    t->left -= used;
    if (t->left > 0)
        return;
    t->left = t->interval;
    signal_generate(process, nullptr, signal, nullptr);
}

// Every second beyond the soft limit: SIGXCPU. At the hard limit: SIGKILL.
static void check_cpu_limit(struct process *process, nsec_t used) REQUIRES(&process->signal_lock) {
    struct rlimit *limit = &process->limits[RLIMIT_CPU];
    if (LIKELY(limit->soft == RLIM_INFINITY && limit->hard == RLIM_INFINITY))
        return;
    uint64_t seconds = (uint64_t)used / NSEC_PER_SEC; // the limits may be more seconds than an nsec_t has
    if (limit->hard != RLIM_INFINITY && seconds >= limit->hard) {
        signal_generate(process, nullptr, SIGKILL, nullptr);
    } else if (limit->soft != RLIM_INFINITY && seconds >= limit->soft && used >= process->cpu_limit_next) {
        signal_generate(process, nullptr, SIGXCPU, nullptr);
        process->cpu_limit_next = used + NSEC_PER_SEC;
    }
}

// dpc context: the thread runs on this CPU, and so its process is there.
static void cpu_sample(struct thread *thread, bool user) {
    if (!thread->task)
        return;
    struct process *process = task_process(thread->task);
    nsec_t total = 0;
    bool limited =
        process->limits[RLIMIT_CPU].soft != RLIM_INFINITY || process->limits[RLIMIT_CPU].hard != RLIM_INFINITY;
    if (LIKELY(!process->itimers && !limited))
        return;
    if (limited) {
        struct resource_totals totals;
        resource_totals_of_process(process, &totals);
        total = totals.user + totals.system;
    }
    spin_lock(&process->signal_lock);
    if (process->itimers) {
        spend(process, &process->itimers->prof, SCHED_SAMPLE_PERIOD, SIGPROF);
        if (user)
            spend(process, &process->itimers->virtual, SCHED_SAMPLE_PERIOD, SIGVTALRM);
    }
    check_cpu_limit(process, total);
    spin_unlock(&process->signal_lock);
}

void cpu_timers_init(void) {
    sched_tick_hook = cpu_sample;
}
