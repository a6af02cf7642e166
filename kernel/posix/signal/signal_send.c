// SPDX-License-Identifier: MPL-2.0
// Sending signals: is it wanted at all, where is it queued, who is woken.
//
// Everything here is under the receiver's signal_lock. A thread that is chosen to handle a signal is interrupted
// (thread_interrupt): its interruptible waits end, and it looks at its queues on its way to user mode. Signals that
// kill also end killable waits.
#include "process/process_priv.h"
#include "signal_priv.h"
#include "trace/trace_priv.h"
#include <arch/thread.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <sched/sched.h>

// --- actions ---

CHARGED_CACHE(actions_cache, struct signal_actions);

struct signal_actions *signal_actions_copy(struct signal_actions *from) {
    struct signal_actions *actions = from ? charged_alloc(&actions_cache) : charged_alloc_zero(&actions_cache);
    if (!actions)
        return nullptr;
    if (from) {
        spin_lock(&from->lock);
        memcpy(actions->action, from->action, sizeof(actions->action));
        spin_unlock(&from->lock);
    }
    refcount_init(&actions->ref, 1);
    spin_init(&actions->lock);
    return actions;
}

void signal_actions_reset(struct signal_actions *actions) {
    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        uint64_t handler = actions->action[i].handler;
        actions->action[i] = (struct signal_action){.handler = handler == SIG_IGN ? SIG_IGN : SIG_DFL};
    }
}

void signal_actions_put(struct signal_actions *actions) {
    if (refcount_down(&actions->ref))
        charged_free(&actions_cache, actions);
}

// One word each, so reading without the lock shows the old or the new one.
static uint64_t handler_of(struct process *process, int signal) {
    return process->actions->action[signal - 1].handler;
}

bool signal_children_ignored(struct process *process) {
    const struct signal_action *action = &process->actions->action[SIGCHLD - 1];
    return action->handler == SIG_IGN || (action->flags & SA_NOCLDWAIT);
}

bool signal_wants_child_stops(struct process *process) {
    const struct signal_action *action = &process->actions->action[SIGCHLD - 1];
    return action->handler != SIG_IGN && !(action->flags & SA_NOCLDSTOP);
}

bool signal_is_ignored_or_blocked(struct posix_thread *thread, int signal) {
    return (thread->blocked & SIGNAL_BIT(signal)) || handler_of(thread->process, signal) == SIG_IGN;
}

// --- who handles it ---

static bool action_ignores(struct process *process, int signal) {
    uint64_t handler = handler_of(process, signal);
    if (handler == SIG_IGN)
        return true;
    return handler == SIG_DFL && (SIGNAL_BIT(signal) & SIGNALS_IGNORED_BY_DEFAULT);
}

// A blocked signal is kept even if it is ignored now: the action may change before it is unblocked.
static bool is_unwanted(struct process *process, struct posix_thread *thread, int signal, bool forced) {
    if (!thread)
        thread = process->main_thread;
    if (!thread && list_is_empty(&process->threads))
        return true; // a zombie
    if (!thread)
        thread = LIST_FIRST(&process->threads, struct posix_thread, process_node);
    if (UNLIKELY(thread->trace != nullptr) && signal != SIGKILL)
        return false; // its tracer may want to see it
    if ((thread->blocked | thread->wait_set) & SIGNAL_BIT(signal))
        return false;
    if (process->is_init && handler_of(process, signal) == SIG_DFL && !forced)
        return true;
    return action_ignores(process, signal);
}

static bool thread_takes(struct posix_thread *thread, int signal) {
    uint64_t bit = SIGNAL_BIT(signal);
    return !thread->exiting && (!(thread->blocked & bit) || (thread->wait_set & bit));
}

static struct posix_thread *choose_thread(struct process *process, int signal) {
    struct posix_thread *thread = process->main_thread;
    if (thread && thread_takes(thread, signal))
        return thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread_takes(thread, signal))
            return thread;
    }
    return nullptr;
}

static bool is_deadly(struct process *process, struct posix_thread *thread, int signal) {
    if (signal == SIGKILL)
        return true;
    return !thread->trace && handler_of(process, signal) == SIG_DFL && !(thread->wait_set & SIGNAL_BIT(signal)) &&
           !(SIGNAL_BIT(signal) & (SIGNALS_IGNORED_BY_DEFAULT | SIGNALS_STOP));
}

static void wake_receiver(struct process *process, struct posix_thread *thread, int signal) {
    if (!thread)
        thread = choose_thread(process, signal);
    else if (!thread_takes(thread, signal))
        return;
    if (thread)
        thread_interrupt(&thread->thread, is_deadly(process, thread, signal));
}

// --- stop and continue cancel each other ---

void signal_flush(struct process *process, uint64_t set) {
    struct posix_thread *thread;
    signal_queue_flush(&process->pending, set);
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        signal_queue_flush(&thread->pending, set);
    }
    posix_timers_flushed(process);
}

static void notify_seized(struct process *process) REQUIRES(&process->signal_lock) {
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        trace_notify(thread, true);
    }
}

static void before_queueing(struct process *process, int signal) REQUIRES(&process->signal_lock) {
    if (SIGNAL_BIT(signal) & SIGNALS_STOP) {
        signal_flush(process, SIGNAL_BIT(SIGCONT));
    } else if (signal == SIGCONT) {
        signal_flush(process, SIGNALS_STOP);
        signal_stop_cancel(process, true);
        notify_seized(process);
    } else if (signal == SIGKILL) {
        signal_stop_cancel(process, false);
    }
}

static void tell_watchers(struct process *process, int signal) REQUIRES(&process->signal_lock) {
    struct signal_watcher *watcher;
    LIST_FOR_EACH(watcher, &process->signal_watchers, node) {
        if (watcher->mask & SIGNAL_BIT(signal))
            watcher->notify(watcher, signal);
    }
}

status_t signal_generate(struct process *process, struct posix_thread *thread, int signal,
                         const struct signal_info *info) {
    if (list_is_empty(&process->threads) || (thread && thread->exiting))
        return 0;
    if (UNLIKELY(process->core_thread != nullptr) && signal != SIGKILL)
        return 0; // it has ended already, but for its core file
    before_queueing(process, signal);
    bool forced = info && info->code > 0 && info->code != SI_KERNEL && (SIGNAL_BIT(signal) & SIGNALS_SYNCHRONOUS);
    if (is_unwanted(process, thread, signal, forced))
        return 0;
    struct signal_info from_kernel;
    if (!info) {
        signal_info_init(&from_kernel, signal, SI_KERNEL);
        info = &from_kernel;
    }
    struct signal_queue *queue = thread ? &thread->pending : &process->pending;
    status_t status = signal_queue_push(queue, info, process->account, process->limits[RLIMIT_SIGPENDING].soft,
                                        info->code != SI_USER && info->code < 0);
    if (status != 0)
        return status;
    if (!list_is_empty(&process->signal_watchers))
        tell_watchers(process, signal);
    if (signal == SIGKILL) { // all threads go, whatever they wait for
        struct posix_thread *each;
        LIST_FOR_EACH(each, &process->threads, process_node) {
            thread_interrupt(&each->thread, true);
        }
    } else {
        wake_receiver(process, thread, signal);
    }
    return 0;
}

// --- the interface ---

status_t signal_send_process(struct process *process, int signal, const struct signal_info *info) {
    spin_lock(&process->signal_lock);
    status_t status = signal_generate(process, nullptr, signal, info);
    spin_unlock(&process->signal_lock);
    return status;
}

status_t signal_send_thread(struct posix_thread *thread, int signal, const struct signal_info *info) {
    struct process *process = thread->process;
    spin_lock(&process->signal_lock);
    status_t status = signal_generate(process, thread, signal, info);
    spin_unlock(&process->signal_lock);
    return status;
}

void signal_send_self(int signal) {
    struct signal_info info;
    signal_info_from_current(&info, signal, SI_USER);
    signal_send_thread(posix_current(), signal, &info);
}

// Faults of the current thread. If the program ignores or blocks them it cannot go on: the default action, then.
void signal_force(int signal, int code, vaddr_t address) {
    struct signal_info info;
    signal_info_init(&info, signal, code);
    info.fault.address = address;
    signal_force_info(&info);
}

void signal_force_info(const struct signal_info *info) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    int signal = info->signal;
    spin_lock(&process->signal_lock);
    struct signal_action *action = &process->actions->action[signal - 1];
    bool blocked = self->blocked & SIGNAL_BIT(signal);
    if (blocked || action->handler == SIG_IGN) {
        action->handler = SIG_DFL;
        self->blocked &= ~SIGNAL_BIT(signal);
    }
    signal_queue_flush(&self->pending, SIGNAL_BIT(signal)); // this one's information counts
    if (signal_generate(process, self, signal, info) != 0)
        process_begin_group_exit(process, signal, nullptr);
    spin_unlock(&process->signal_lock);
}

void signal_info_from_current(struct signal_info *info, int signal, int code) {
    signal_info_init(info, signal, code);
    info->sender.pid = process_current()->task.id;
    info->sender.uid = cred_current()->uid;
}

// Linux: by user ids, CAP_KILL, or SIGCONT within a session.
status_t signal_may_send(struct process *process, int signal) {
    struct process *self = process_current();
    if (process == self)
        return 0;
    if (!process_seen(process))
        return -ESRCH;
    const struct cred *mine = cred_current(), *theirs = process->task.cred;
    if (mine->euid == theirs->suid || mine->euid == theirs->uid || mine->uid == theirs->suid ||
        mine->uid == theirs->uid)
        return 0;
    if (cred_has_cap(mine, CAP_KILL))
        return 0;
    if (signal == SIGCONT && process->group->session == self->group->session)
        return 0;
    return -EPERM;
}
