// SPDX-License-Identifier: MPL-2.0
// Signals on the way to user mode: stop, die, enter a handler, or restart the system call that was interrupted.
//
// Restarting, by the call's result: -ERESTARTNOINTR always; -ERESTARTSYS unless a handler without SA_RESTART runs;
// -ERESTARTNOHAND and -ERESTART_RESTARTBLOCK only if no handler runs (the latter by restart_syscall, which knows how
// much time is left). Otherwise the call fails with EINTR.
#include "core/core.h"
#include "process/process_priv.h"
#include "signal_priv.h"
#include "trace/trace_priv.h"
#include <abi/syscall_table.h>
#include <abi/wait.h>
#include <arch/thread.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <sched/sched.h>

static bool trap_is_due(struct posix_thread *self) {
    return UNLIKELY(self->trace != nullptr) && self->trace->trap;
}

bool signal_pending_locked(struct process *process, struct posix_thread *self) {
    if (process->group_exit || (process->exec_thread && process->exec_thread != self) || self->stop_counted ||
        process->continue_notice || (process->stop_pending && !process->stopped && !self->trace) || trap_is_due(self))
        return true;
    return (self->pending.set | process->pending.set) & ~self->blocked;
}

bool signal_is_pending(struct posix_thread *thread) {
    struct process *process = thread->process;
    spin_lock(&process->signal_lock);
    bool pending = signal_pending_locked(process, thread);
    spin_unlock(&process->signal_lock);
    return pending;
}

void signal_recalculate(struct process *process, struct posix_thread *self) {
    if (signal_pending_locked(process, self))
        thread_interrupt(&self->thread, false);
    else if (thread_is_interrupted())
        thread_clear_interrupt(&self->thread);
}

// What is pending for the process may have been meant for a thread that now blocks it, or is gone.
void signal_retarget(struct process *process) {
    if (process->pending.set == 0)
        return;
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (process->pending.set & ~thread->blocked)
            thread_interrupt(&thread->thread, false);
    }
}

void signal_set_mask(struct posix_thread *self, uint64_t mask) {
    struct process *process = self->process;
    mask &= ~SIGNALS_UNBLOCKABLE;
    spin_lock(&process->signal_lock);
    bool more = mask & ~self->blocked;
    self->blocked = mask;
    if (more && process->task.thread_count > 1)
        signal_retarget(process);
    signal_recalculate(process, self);
    spin_unlock(&process->signal_lock);
}

static bool ends_call(const struct signal_action *action, int signal) {
    if (action->handler == SIG_IGN)
        return false;
    if (action->handler == SIG_DFL)
        return !(SIGNAL_BIT(signal) & (SIGNALS_IGNORED_BY_DEFAULT | SIGNALS_STOP));
    return !(action->flags & SA_RESTART);
}

bool signal_ends_call(void) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    bool ends = process->group_exit || (process->exec_thread && process->exec_thread != self);
    for (uint64_t set = (self->pending.set | process->pending.set) & ~self->blocked; set && !ends; set &= set - 1) {
        int signal = __builtin_ctzll(set) + 1;
        ends = ends_call(&process->actions->action[signal - 1], signal);
    }
    spin_unlock(&process->signal_lock);
    return ends;
}

// --- one signal ---

static bool in_restartable_call(struct arch_frame *frame) {
    if (arch_frame_syscall_number(frame) < 0)
        return false;
    long result = arch_frame_result(frame);
    return result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK;
}

static void restart_for_handler(struct arch_frame *frame, uint64_t action_flags) {
    if (!in_restartable_call(frame))
        return;
    long result = arch_frame_result(frame);
    if (result == -ERESTARTNOINTR || (result == -ERESTARTSYS && (action_flags & SA_RESTART)))
        arch_frame_restart_syscall(frame, arch_frame_syscall_number(frame));
    else
        arch_frame_set_result(frame, -EINTR);
}

static void restart_without_handler(struct arch_frame *frame) {
    if (!in_restartable_call(frame))
        return;
    bool block = arch_frame_result(frame) == -ERESTART_RESTARTBLOCK;
    arch_frame_restart_syscall(frame, block ? SYSCALL_restart_syscall : arch_frame_syscall_number(frame));
}

static vaddr_t signal_stack(struct posix_thread *self, struct arch_frame *frame, const struct signal_action *action) {
    if (!(action->flags & SA_ONSTACK) || (self->altstack_flags & SS_DISABLE))
        return 0;
    vaddr_t sp = arch_frame_sp(frame);
    if (sp > self->altstack_base && sp - self->altstack_base <= self->altstack_size)
        return 0; // on it already
    return self->altstack_base + self->altstack_size;
}

// A signal that has a handler, taken from the queues.
struct delivery {
    struct signal_info info;
    struct signal_action action;
    uint64_t old_mask; // to come back when the handler returns
    bool more;         // other signals are to be handled, too
};

// Makes the thread enter the handler. If its stack is bad the thread gets SIGSEGV, and dies if that was it.
static void enter_handler(struct posix_thread *self, const struct delivery *d) {
    struct arch_frame *frame = arch_thread_frame(&self->thread);
    const struct signal_action *action = &d->action;
    restart_for_handler(frame, action->flags);
    struct arch_signal push = {.number = d->info.signal,
                               .flags = action->flags,
                               .handler = action->handler,
                               .restorer = action->flags & SA_RESTORER ? action->restorer : aspace_current()->sigreturn,
                               .blocked = d->old_mask,
                               .stack_top = signal_stack(self, frame, action),
                               .siginfo = &d->info,
                               .altstack_base = self->altstack_base,
                               .altstack_size = self->altstack_size,
                               .altstack_flags = self->altstack_flags};
    if (UNLIKELY(arch_signal_push(&push) != 0)) {
        signal_set_mask(self, d->old_mask);
        if (d->info.signal == SIGSEGV) {
            spin_lock(&self->process->signal_lock);
            self->process->actions->action[SIGSEGV - 1].handler = SIG_DFL;
            spin_unlock(&self->process->signal_lock);
        }
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return;
    }
    if ((uint32_t)self->altstack_flags & SS_AUTODISARM)
        self->altstack_flags = SS_DISABLE;
    if (UNLIKELY(self->trace != nullptr))
        trace_handler_entered();
}

int signal_take(struct process *process, struct posix_thread *self, uint64_t set, struct signal_info *info) {
    int signal = 0;
    if (self->pending.set & set)
        signal = signal_queue_pop(&self->pending, set, info);
    if (signal == 0 && (process->pending.set & set))
        signal = signal_queue_pop(&process->pending, set, info);
    if (UNLIKELY(signal != 0 && info->code == SI_TIMER))
        posix_timer_taken(process, info);
    return signal;
}

// Ends the thread if the process is ending.
static void die_if_told(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock) {
    if (!process->group_exit && (!process->exec_thread || process->exec_thread == self))
        return;
    int status = process->group_exit_status;
    spin_unlock(&process->signal_lock);
    posix_thread_exit(status);
}

static void stop_or_report(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock) {
    // Who is traced stops when a stop begins, and then runs when its tracer says so.
    if (process->stop_pending && (!self->trace || self->stop_counted || self->trace->trap))
        signal_stop_wait(process, self);
    else if (trap_is_due(self))
        trace_trap(process, self);
    if (process->continue_notice) {
        process->continue_notice = false;
        spin_unlock(&process->signal_lock);
        signal_notify_continued(process);
        spin_lock(&process->signal_lock);
    }
}

// The signal ends the process, with a core file if it is of that kind.
static void end_by(struct process *process, struct posix_thread *self, const struct signal_info *info)
    REQUIRES(&process->signal_lock) {
    if (process->group_exit)
        return;
    process_begin_group_exit(process, WAIT_STATUS_SIGNALED(info->signal), self);
    if ((SIGNAL_BIT(info->signal) & SIGNALS_CORE) && core_dump(process, info))
        process->group_exit_status |= WAIT_STATUS_CORE;
}

void signal_end_process(const struct signal_info *info) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    end_by(process, self, info);
    int status = process->group_exit_status;
    spin_unlock(&process->signal_lock);
    posix_thread_exit(status);
}

// The default action. Returns only if the thread goes on.
static void default_action(struct process *process, struct posix_thread *self, const struct signal_info *info)
    REQUIRES(&process->signal_lock) {
    int signal = info->signal;
    uint64_t bit = SIGNAL_BIT(signal);
    if (bit & SIGNALS_IGNORED_BY_DEFAULT)
        return;
    if (bit & SIGNALS_STOP) {
        if (!process->is_init)
            signal_stop_begin(process, signal);
        return;
    }
    end_by(process, self, info);
    die_if_told(process, self);
}

// The mask while the handler runs. Blocking more leaves others to handle what is pending for the process.
static void block_for_handler(struct process *process, struct posix_thread *self, struct delivery *d)
    REQUIRES(&process->signal_lock) {
    d->old_mask = self->restore_blocked ? self->saved_blocked : self->blocked;
    self->restore_blocked = false;
    self->blocked |= d->action.mask;
    if (!(d->action.flags & SA_NODEFER))
        self->blocked |= SIGNAL_BIT(d->info.signal);
    if (UNLIKELY(process->pending.set != 0))
        signal_retarget(process);
}

// Takes the next signal that has a handler. False: there is none.
static bool next_handled(struct posix_thread *self, struct delivery *d) {
    struct process *process = self->process;
    bool found = false;
    spin_lock(&process->signal_lock);
    for (;;) {
        die_if_told(process, self);
        if (UNLIKELY(process->stop_pending || process->continue_notice) || trap_is_due(self)) {
            stop_or_report(process, self);
            die_if_told(process, self);
            if (trap_is_due(self)) // the end of a group stop, say
                continue;
        }
        int signal = signal_take(process, self, ~self->blocked, &d->info);
        if (signal == 0)
            break;
        if (UNLIKELY(self->trace != nullptr) && signal != SIGKILL) {
            signal = trace_signal(process, self, &d->info);
            if (signal == 0)
                continue;
        }
        struct signal_action *current = &process->actions->action[signal - 1];
        if (current->handler == SIG_IGN)
            continue;
        if (current->handler == SIG_DFL) {
            default_action(process, self, &d->info);
            continue;
        }
        d->action = *current;
        if (d->action.flags & SA_RESETHAND)
            current->handler = SIG_DFL;
        block_for_handler(process, self, d);
        found = true;
        break;
    }
    d->more = signal_pending_locked(process, self);
    if (!d->more)
        thread_clear_interrupt(&self->thread);
    spin_unlock(&process->signal_lock);
    return found;
}

void signal_deliver(void) {
    struct posix_thread *self = posix_current();
    struct delivery d;
    bool handled = false;
    do {
        if (!next_handled(self, &d))
            break;
        enter_handler(self, &d);
        handled = true;
    } while (d.more);
    if (handled)
        return;
    restart_without_handler(arch_thread_frame(&self->thread));
    if (self->restore_blocked) {
        self->restore_blocked = false;
        signal_set_mask(self, self->saved_blocked);
    }
}
