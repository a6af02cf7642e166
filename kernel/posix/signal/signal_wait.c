// SPDX-License-Identifier: MPL-2.0
// Taking signals without a handler: sigtimedwait, and what signalfd is built on.
#include "process/process_priv.h"
#include "signal_priv.h"
#include "time/time_priv.h"
#include <abi/syscall_table.h>
#include <abi/time.h>
#include <arch/uaccess.h>

static int dequeue_locked(struct process *process, struct posix_thread *self, uint64_t set, struct signal_info *info)
    REQUIRES(&process->signal_lock) {
    int signal = signal_take(process, self, set, info);
    if (signal != 0)
        signal_recalculate(process, self);
    return signal;
}

int signal_dequeue(uint64_t set, struct signal_info *info) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    int signal = dequeue_locked(process, self, set, info);
    spin_unlock(&process->signal_lock);
    return signal;
}

void signal_watch(struct process *process, struct signal_watcher *watcher) {
    watcher->process = process;
    spin_lock(&process->signal_lock);
    list_push_back(&process->signal_watchers, &watcher->node);
    spin_unlock(&process->signal_lock);
}

void signal_unwatch(struct signal_watcher *watcher) {
    spin_lock(&watcher->process->signal_lock);
    list_remove(&watcher->node);
    spin_unlock(&watcher->process->signal_lock);
}

// While wait_set is set, signals in it wake this thread although it blocks them.
static int wait_for(struct posix_thread *self, uint64_t set, nsec_t deadline, struct signal_info *info) {
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    int signal = dequeue_locked(process, self, set, info);
    if (signal == 0 && deadline != 0) {
        self->wait_set = set;
        spin_unlock(&process->signal_lock);
        status_t status = 0;
        while (status == 0 && !thread_is_interrupted())
            status = thread_sleep_until(deadline, WAIT_INTERRUPTIBLE) == -EINTR ? -EINTR
                     : clock_now() >= deadline                                  ? -EAGAIN
                                                                                : 0;
        spin_lock(&process->signal_lock);
        self->wait_set = 0;
        signal = dequeue_locked(process, self, set, info);
        signal_recalculate(process, self);
        if (signal == 0)
            signal = status == -EAGAIN ? -EAGAIN : -EINTR;
    } else if (signal == 0) {
        signal = -EAGAIN;
    }
    spin_unlock(&process->signal_lock);
    return signal;
}

long sys_rt_sigtimedwait(const void __user *user_set, void __user *user_info, const void __user *timeout,
                         size_t mask_size) {
    uint64_t set;
    nsec_t deadline = NSEC_NEVER;
    if (mask_size != sizeof(set))
        return -EINVAL;
    if (get_user(set, (const uint64_t __user *)user_set) != 0)
        return -EFAULT;
    if (timeout) {
        nsec_t duration;
        status_t status = timespec_from_user(timeout, &duration);
        if (status != 0)
            return status;
        deadline = duration == 0 ? 0 : deadline_after(duration);
    }
    struct signal_info info;
    int signal = wait_for(posix_current(), set & ~SIGNALS_UNBLOCKABLE, deadline, &info);
    if (signal > 0 && user_info && copy_to_user(user_info, &info, sizeof(info)) != 0)
        return -EFAULT;
    return signal;
}
