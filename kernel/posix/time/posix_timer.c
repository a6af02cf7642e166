// SPDX-License-Identifier: MPL-2.0
// timer_create and its family. A timer is a kernel timer that sends a signal. While the signal is pending the timer
// rests; when it is taken the clock says how many expiries have passed since, and these are its overruns. So none is
// missed however late this CPU is, and a timer costs no more than its signals, whatever its interval. State is under
// the process's signal_lock; a timer's memory goes when its callback can run no more (timer_cancel), which is why
// deletion first takes it off the list.
//
// Timers on CPU-time clocks look at the clock again when as much real time has passed as they have CPU time to go.
#include "posix_init.h"
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include "time_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/sched.h>

enum { TIMER_ID_MAX = 1 << 20 };

struct posix_timer {
    struct list_node node; // process->posix_timers
    struct timer timer;
    struct process *process;
    int id, clock;
    bool realtime, cpu;
    bool absolute;
    nsec_t expiry; // on the timer's clock, the next or the one whose signal is queued; 0: not armed
    nsec_t interval;
    int notify, signal, tid;
    uint64_t value;
    bool queued; // its signal is, and when that is taken the timer goes on
    int overrun; // of the signal taken last
};
// How soon a timer goes on whose signal nobody wants.
#define UNWANTED_PERIOD ((nsec_t)4'000'000)

static nsec_t now_on(const struct posix_timer *t) {
    nsec_t now = 0;
    if (clock_read(t->clock, &now) != 0)
        return 0;
    return now;
}

static void arm(struct posix_timer *t) {
    if (t->notify == SIGEV_NONE) // only looked at
        return;
    nsec_t left = t->expiry - now_on(t);
    if (t->cpu)
        left = MAX(left, (nsec_t)1000000);
    timer_set(&t->timer, left > 0 ? deadline_after(left) : clock_now());
}

// Arms a periodic timer for its next expiry after `now`; a single one is over. Returns the expiries passed.
static nsec_t go_on(struct posix_timer *t, nsec_t now) {
    if (t->interval == 0)
        t->expiry = 0;
    if (t->expiry == 0)
        return 0;
    nsec_t passed = now < t->expiry ? 0 : (now - t->expiry) / t->interval + 1;
    if (passed != 0)
        t->expiry = nsec_sum(t->expiry + (passed - 1) * t->interval, t->interval);
    arm(t);
    return passed;
}

static bool signal_still_queued(struct process *process, struct posix_timer *t) REQUIRES(&process->signal_lock) {
    struct queued_signal *entry;
    LIST_FOR_EACH(entry, &process->pending.infos, node) {
        if (entry->info.code == SI_TIMER && entry->info.timer.timer == t->id)
            return true;
    }
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        LIST_FOR_EACH(entry, &thread->pending.infos, node) {
            if (entry->info.code == SI_TIMER && entry->info.timer.timer == t->id)
                return true;
        }
    }
    return false;
}

// Is its signal pending afterwards? Not if it is ignored, has no room, or its thread is gone.
static bool send(struct process *process, struct posix_timer *t) REQUIRES(&process->signal_lock) {
    if (signal_still_queued(process, t)) // sent before the timer was set anew
        return true;
    struct signal_info info;
    signal_info_init(&info, t->signal, SI_TIMER);
    info.timer.timer = t->id;
    info.timer.value = t->value;
    struct posix_thread *thread = nullptr;
    if (t->notify == SIGEV_THREAD_ID) {
        thread = thread_find(t->tid);
        if (!thread || thread->process != process)
            return false;
    }
    return signal_generate(process, thread, t->signal, &info) == 0 && signal_still_queued(process, t);
}

static void fired(struct timer *timer) {
    struct posix_timer *t = CONTAINER_OF(timer, struct posix_timer, timer);
    struct process *process = t->process;
    spin_lock(&process->signal_lock);
    if (t->expiry == 0 || t->queued)
        goto out;
    nsec_t now = now_on(t);
    if (now < t->expiry) { // the clock was set back, or CPU time has not passed
        arm(t);
        goto out;
    }
    t->queued = send(process, t);
    if (!t->queued)
        go_on(t, now + UNWANTED_PERIOD);
out:
    spin_unlock(&process->signal_lock);
}

static struct posix_timer *find(struct process *process, int id) REQUIRES(&process->signal_lock) {
    struct posix_timer *t;
    LIST_FOR_EACH(t, &process->posix_timers, node) {
        if (t->id == id)
            return t;
    }
    return nullptr;
}

void posix_timer_taken(struct process *process, struct signal_info *info) {
    struct posix_timer *t = find(process, info->timer.timer);
    if (!t || !t->queued) // gone, or set anew since
        return;
    t->queued = false;
    nsec_t passed = go_on(t, now_on(t));
    t->overrun = passed > 0 ? (int)MIN(passed - 1, (nsec_t)INT32_MAX) : 0;
    info->timer.overrun = t->overrun;
}

void posix_timers_flushed(struct process *process) {
    struct posix_timer *t;
    LIST_FOR_EACH(t, &process->posix_timers, node) {
        if (!t->queued || signal_still_queued(process, t))
            continue;
        t->queued = false;
        go_on(t, now_on(t) + UNWANTED_PERIOD);
    }
}

static status_t read_event(const void __user *from, struct posix_timer *t) {
    struct abi_sigevent event;
    if (!from) {
        t->notify = SIGEV_SIGNAL;
        t->signal = SIGALRM;
        return 0;
    }
    if (copy_from_user(&event, from, sizeof(event)) != 0)
        return -EFAULT;
    t->notify = event.notify;
    t->signal = event.signal;
    t->value = event.value;
    t->tid = event.tid;
    if (event.notify == SIGEV_NONE)
        return 0;
    if (event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD && event.notify != SIGEV_THREAD_ID)
        return -EINVAL;
    if (event.notify == SIGEV_THREAD_ID) {
        struct posix_thread *thread = thread_find(event.tid);
        if (!thread || thread->process != process_current())
            return -EINVAL;
    }
    return event.signal >= 1 && event.signal <= SIGNAL_COUNT ? 0 : -EINVAL;
}

// CPU clocks are those of the caller: the timer must look at them from another context.
static status_t read_clock(int clock, struct posix_timer *t) {
    nsec_t unused;
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        clock = ~process_current()->task.id * 8 | 2;
    else if (clock == CLOCK_THREAD_CPUTIME_ID)
        return -EOPNOTSUPP;
    t->clock = clock;
    t->cpu = clock < 0;
    return t->cpu ? clock_read(clock, &unused) : clock_of_sleep(clock, &t->realtime);
}

long sys_timer_create(int clock, const void __user *event, int __user *id) {
    struct process *process = process_current();
    struct posix_timer *t = kzalloc_charged(sizeof(*t));
    if (!t)
        return -EAGAIN;
    t->process = process;
    timer_init(&t->timer, fired);
    status_t status = read_clock(clock, t);
    if (status == 0)
        status = read_event(event, t);
    if (status != 0)
        goto fail;
    spin_lock(&process->signal_lock);
    uint64_t limit = process->limits[RLIMIT_SIGPENDING].soft;
    status = atomic_load(&process->account->signals) >= limit ? -EAGAIN : 0;
    if (status == 0) {
        do
            t->id = process->next_timer_id++ & (TIMER_ID_MAX - 1);
        while (find(process, t->id));
        atomic_fetch_add(&process->account->signals, 1);
        list_push_back(&process->posix_timers, &t->node);
    }
    if (!event)
        t->value = t->id;
    int number = t->id;
    spin_unlock(&process->signal_lock);
    if (status != 0)
        goto fail;
    if (put_user(number, id) != 0) {
        sys_timer_delete(number);
        return -EFAULT;
    }
    return 0;
fail:
    kfree(t);
    return status;
}

static struct abi_itimerspec setting(struct process *process, struct posix_timer *t) REQUIRES(&process->signal_lock) {
    nsec_t left = t->expiry ? t->expiry - now_on(t) : 0;
    if (t->expiry != 0 && left <= 0) { // passed: the signal is pending or about to be
        bool over = t->interval == 0 && (t->queued || t->notify == SIGEV_NONE);
        left = over ? 0 : t->interval == 0 ? 1 : t->interval - -left % t->interval;
    }
    return (struct abi_itimerspec){timespec_from_nsec(t->interval), timespec_from_nsec(left)};
}

long sys_timer_settime(int id, int flags, const void __user *value, void __user *old) {
    struct process *process = process_current();
    struct abi_itimerspec wanted, previous;
    nsec_t first, interval;
    if (!value)
        return -EINVAL;
    if (copy_from_user(&wanted, value, sizeof(wanted)) != 0)
        return -EFAULT;
    if (timespec_to_nsec(&wanted.value, &first) != 0 || timespec_to_nsec(&wanted.interval, &interval) != 0)
        return -EINVAL;
    spin_lock(&process->signal_lock);
    struct posix_timer *t = find(process, id);
    if (t) {
        previous = setting(process, t);
        t->absolute = flags & TIMER_ABSTIME;
        t->interval = interval;
        t->expiry = 0;
        t->queued = false;
        t->overrun = 0;
        if (first != 0) {
            t->expiry = t->absolute ? MAX(first, (nsec_t)1) : nsec_sum(now_on(t), first);
            arm(t);
        }
    }
    spin_unlock(&process->signal_lock);
    if (!t)
        return -EINVAL;
    return old ? copy_to_user(old, &previous, sizeof(previous)) : 0;
}

long sys_timer_gettime(int id, void __user *value) {
    struct process *process = process_current();
    struct abi_itimerspec now;
    spin_lock(&process->signal_lock);
    struct posix_timer *t = find(process, id);
    if (t)
        now = setting(process, t);
    spin_unlock(&process->signal_lock);
    return t ? copy_to_user(value, &now, sizeof(now)) : -EINVAL;
}

long sys_timer_getoverrun(int id) {
    struct process *process = process_current();
    spin_lock(&process->signal_lock);
    struct posix_timer *t = find(process, id);
    long overrun = t ? t->overrun : -EINVAL;
    spin_unlock(&process->signal_lock);
    return overrun;
}

static void release(struct posix_timer *t) {
    timer_cancel(&t->timer);
    atomic_fetch_sub(&t->process->account->signals, 1);
    kfree(t);
}

long sys_timer_delete(int id) {
    struct process *process = process_current();
    spin_lock(&process->signal_lock);
    struct posix_timer *t = find(process, id);
    if (t) {
        list_remove(&t->node);
        t->expiry = 0;
    }
    spin_unlock(&process->signal_lock);
    if (!t)
        return -EINVAL;
    release(t);
    return 0;
}

void posix_timers_delete_all(struct process *process) {
    for (;;) {
        if (list_is_empty(&process->posix_timers))
            return;
        spin_lock(&process->signal_lock);
        struct list_node *node = list_pop_front(&process->posix_timers);
        struct posix_timer *t = node ? LIST_ENTRY(node, struct posix_timer, node) : nullptr;
        if (t)
            t->expiry = 0;
        spin_unlock(&process->signal_lock);
        if (t)
            release(t);
    }
}
