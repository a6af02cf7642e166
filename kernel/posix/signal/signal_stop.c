// SPDX-License-Identifier: MPL-2.0
// Job control: stopping a process and letting it go on.
//
// A stop signal makes one thread begin the stop: every thread is counted and interrupted, and parks in signal_stop_wait
// on its way to user mode. The last one to park makes the process `stopped` and tells the parent. SIGCONT and SIGKILL
// cancel the stop; SIGCONT's report to the parent is made by the first thread that goes on, because the sender
// holds the signal_lock, under which the family may not be looked at.
#include "process/process_priv.h"
#include "signal_priv.h"
#include "trace/trace_priv.h"
#include <sched/wait.h>

static void count_threads(struct process *process) REQUIRES(&process->signal_lock) {
    struct posix_thread *thread, *self = posix_current();
    process->stop_waiting = 0;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        thread->stop_counted = true;
        process->stop_waiting++;
        if (thread != self)
            thread_interrupt(&thread->thread, false);
        trace_notify(thread, false);
    }
}

void signal_stop_begin(struct process *process, int signal) {
    process->stop_dequeued = true;
    if (signal != SIGSTOP) { // terminal stops do nothing to a group that nobody could continue
        spin_unlock(&process->signal_lock);
        spin_lock(&process_tree_lock);
        bool orphaned = group_is_orphaned(process->group, nullptr);
        spin_unlock(&process_tree_lock);
        spin_lock(&process->signal_lock);
        if (orphaned)
            return;
    }
    if (!process->stop_dequeued || process->group_exit)
        return; // SIGCONT or SIGKILL came meanwhile
    process->stop_signal = signal;
    if (process->stop_pending)
        return;
    process->stop_pending = true;
    process->continue_notice = process->continue_unreported = false;
    count_threads(process);
}

// True: all threads have stopped.
static bool stop_one(struct process *process, struct posix_thread *thread) REQUIRES(&process->signal_lock) {
    thread->stop_counted = false;
    if (--process->stop_waiting > 0 || !process->stop_pending)
        return false;
    process->stopped = true;
    process->stop_unreported = true;
    return true;
}

bool signal_stop_leave(struct process *process, struct posix_thread *thread) {
    return stop_one(process, thread);
}

void signal_stop_wait(struct process *process, struct posix_thread *self) {
    if (self->stop_counted && stop_one(process, self)) {
        spin_unlock(&process->signal_lock);
        signal_notify_stopped(process);
        spin_lock(&process->signal_lock);
    }
    while (process->stop_pending && !process->group_exit) {
        if (UNLIKELY(self->trace != nullptr)) {
            trace_trap(process, self);
            if (self->trace)
                return;
            continue; // no tracer any more, but still the stop
        }
        // Killed: the fatal signal is found by the caller.
        if (wait_queue_sleep(&process->stop_wait, &process->signal_lock, WAIT_KILLABLE, NSEC_NEVER) == -EINTR)
            return;
    }
}

void signal_stop_cancel(struct process *process, bool by_continue) {
    process->stop_dequeued = false;
    if (!process->stop_pending)
        return;
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        thread->stop_counted = false;
    }
    process->stop_pending = false;
    process->stop_waiting = 0;
    if (process->stopped) {
        process->stopped = process->stop_unreported = false;
        process->continue_notice = process->continue_unreported = by_continue;
    }
    wait_queue_wake_all(&process->stop_wait);
}

void signal_notify_stopped(struct process *process) {
    spin_lock(&process_tree_lock);
    // A tracer that is the parent hears of each thread's stop.
    bool told = process->trace && process->trace->tracer->process == process->parent;
    if (process->stopped && process->parent && !told)
        process_notify_parent(process, CLD_STOPPED, process->stop_signal);
    spin_unlock(&process_tree_lock);
}

void signal_notify_continued(struct process *process) {
    spin_lock(&process_tree_lock);
    if (process->parent)
        process_notify_parent(process, CLD_CONTINUED, SIGCONT);
    spin_unlock(&process_tree_lock);
}
