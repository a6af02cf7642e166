// SPDX-License-Identifier: MPL-2.0
// The stops of a traced thread, from its own side.
//
// A stop: the thread says why, tells the tracer (SIGCHLD and wait4, which needs the tree lock and so comes between),
// and sleeps while its state is not TRACE_RUNNING. Only SIGKILL, the end of the process or another thread's exec end
// the sleep without the tracer. Every reader and writer of its registers holds signal_lock and has seen it asleep.
#include "process/process_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include "syscall_priv.h"
#include "trace_priv.h"
#include <abi/clone.h>
#include <arch/thread.h>
#include <lib/status.h>
#include <sched/sched.h>

static bool must_end(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock) {
    return process->group_exit || (process->exec_thread && process->exec_thread != self) ||
           ((self->pending.set | process->pending.set) & SIGNAL_BIT(SIGKILL));
}

// At its end a thread stops once more, unless by SIGKILL.
static bool may_stop(struct process *process, struct posix_thread *self, bool exiting) REQUIRES(&process->signal_lock) {
    if (!exiting)
        return !must_end(process, self);
    return !((self->pending.set | process->pending.set) & SIGNAL_BIT(SIGKILL)) &&
           !(process->group_exit && process->group_exit_status == WAIT_STATUS_SIGNALED(SIGKILL));
}

static void tell_tracer(struct posix_thread *self) {
    spin_lock(&process_tree_lock);
    struct tracee *tracee = self->trace;
    if (tracee && tracee->state != TRACE_RUNNING) {
        struct process *tracer = tracee->tracer->process;
        if (signal_wants_child_stops(tracer)) {
            struct signal_info info;
            signal_info_init(&info, SIGCHLD, tracee->why);
            info.child.pid = self->tid;
            info.child.uid = cred_current()->uid;
            info.child.status = tracee->code & 0x7f;
            signal_send_process(tracer, SIGCHLD, &info);
        }
        wait_queue_wake_all(&tracer->child_wait);
    }
    spin_unlock(&process_tree_lock);
}

static void begin(struct tracee *tracee, const struct trace_stop *stop) {
    tracee->state = TRACE_STOPPED;
    tracee->unreported = true;
    tracee->code = stop->code;
    tracee->why = stop->why;
    tracee->has_info = stop->info != nullptr;
    if (stop->info)
        tracee->info = *stop->info;
    if (stop->message)
        tracee->message = stop->message;
}

int trace_stop(struct process *process, struct posix_thread *self, const struct trace_stop *stop) {
    struct tracee *tracee = self->trace;
    if (!tracee || !may_stop(process, self, stop->exiting))
        return stop->signal;
    begin(tracee, stop);
    self->trace_signal = stop->signal;
    thread_clear_interrupt(&self->thread); // what was pending is still there afterwards
    spin_unlock(&process->signal_lock);
    tell_tracer(self);
    spin_lock(&process->signal_lock);
    while ((tracee = self->trace) && tracee->state != TRACE_RUNNING) {
        if (wait_queue_sleep(&self->trace_wait, &process->signal_lock, WAIT_KILLABLE, NSEC_NEVER) == -EINTR)
            break;
    }
    tracee = self->trace;
    if (tracee) {
        if (stop->info)
            *stop->info = tracee->info;
        tracee->state = TRACE_RUNNING;
        tracee->unreported = tracee->has_info = false;
    }
    if (!stop->exiting)
        signal_recalculate(process, self);
    return self->trace_signal;
}

int trace_signal(struct process *process, struct posix_thread *self, struct signal_info *info) {
    int tracer = self->trace->tracer->process->task.id;
    uint32_t tracer_uid = self->trace->tracer->process->task.cred->uid;
    struct trace_stop stop = {.code = info->signal, .why = CLD_TRAPPED, .signal = info->signal, .info = info};
    int signal = trace_stop(process, self, &stop);
    if (signal == 0 || must_end(process, self))
        return 0; // in the second case the caller finds what ends it, and no other signal matters
    if (signal != info->signal) {
        signal_info_init(info, signal, SI_USER);
        info->sender.pid = tracer;
        info->sender.uid = tracer_uid;
    }
    if (!(self->blocked & SIGNAL_BIT(signal)))
        return signal;
    (void)signal_generate(process, self, signal, info); // blocked meanwhile: for later
    return 0;
}

// The siginfo of a stop that is no signal's.
static void own_info(struct posix_thread *self, struct signal_info *info, int signal, int code) {
    signal_info_init(info, signal, code);
    info->sender.pid = self->tid;
    info->sender.uid = cred_current()->uid;
}

void trace_trap(struct process *process, struct posix_thread *self) {
    struct tracee *tracee = self->trace;
    int signal = process->stop_pending ? process->stop_signal : SIGTRAP;
    struct trace_stop stop = {.code = signal, .why = CLD_STOPPED};
    struct signal_info info;
    tracee->trap = false;
    if (tracee->seized) {
        stop.code |= PTRACE_EVENT_STOP << 8;
        own_info(self, &info, signal, stop.code);
        stop.info = &info;
    }
    (void)trace_stop(process, self, &stop);
}

void trace_notify(struct posix_thread *thread, bool trap) {
    struct tracee *tracee = thread->trace;
    if (!tracee || !tracee->seized)
        return;
    tracee->trap = tracee->trap || trap;
    if (tracee->state == TRACE_LISTENING) {
        tracee->state = TRACE_RUNNING; // it stops again at once, to report
        wait_queue_wake_all(&thread->trace_wait);
    } else if (tracee->state == TRACE_RUNNING) {
        thread_interrupt(&thread->thread, false);
    }
}

// --- events ---

bool trace_wants(unsigned event) {
    struct posix_thread *self = posix_current();
    if (LIKELY(!self->trace))
        return false;
    spin_lock(&self->process->signal_lock);
    bool wants = self->trace && (self->trace->options & (1u << event));
    spin_unlock(&self->process->signal_lock);
    return wants;
}

// A stop with a SIGTRAP that exists for the tracer alone.
static int stop_with_trap(int code, unsigned long message, bool exiting) {
    struct posix_thread *self = posix_current();
    struct signal_info info;
    own_info(self, &info, SIGTRAP, code);
    struct trace_stop stop = {.code = code, .why = CLD_TRAPPED, .message = message, .info = &info, .exiting = exiting};
    spin_lock(&self->process->signal_lock);
    int signal = trace_stop(self->process, self, &stop);
    spin_unlock(&self->process->signal_lock);
    return signal;
}

void trace_event(unsigned event, unsigned long message) {
    if (trace_wants(event))
        (void)stop_with_trap(SIGTRAP | (int)event << 8, message, false);
}

void trace_exit_event(int status) {
    struct process *process = process_current();
    if (!trace_wants(PTRACE_EVENT_EXIT))
        return;
    spin_lock(&process->signal_lock);
    if (process->group_exit)
        status = process->group_exit_status;
    if (posix_current()->trace)
        posix_current()->trace->message = (unsigned long)status; // which may be 0
    spin_unlock(&process->signal_lock);
    (void)stop_with_trap(SIGTRAP | PTRACE_EVENT_EXIT << 8, 0, true);
}

void trace_execed(int old_tid) {
    struct posix_thread *self = posix_current();
    if (LIKELY(!self->trace))
        return;
    spin_lock(&self->process->signal_lock);
    bool trap = self->trace && !self->trace->seized && !(self->trace->options & (1u << PTRACE_EVENT_EXEC));
    spin_unlock(&self->process->signal_lock);
    trace_event(PTRACE_EVENT_EXEC, (unsigned long)old_tid);
    if (trap)
        signal_send_self(SIGTRAP);
}

// --- system calls ---

bool trace_is_current(void) {
    struct posix_thread *self = posix_current();
    spin_lock(&self->process->signal_lock);
    bool traced = self->trace != nullptr;
    if (!traced && self->seccomp_mode == SECCOMP_MODE_DISABLED && !self->dispatch.on && !syscalls_are_logged())
        atomic_fetch_and_explicit(&self->thread.work, ~(uint32_t)THREAD_WORK_TRACE, memory_order_relaxed);
    spin_unlock(&self->process->signal_lock);
    return traced;
}

static enum trace_mode mode_of(struct posix_thread *self) {
    spin_lock(&self->process->signal_lock);
    enum trace_mode mode = self->trace ? self->trace->mode : TRACE_CONTINUE;
    spin_unlock(&self->process->signal_lock);
    return mode;
}

static void stop_at_call(struct posix_thread *self, unsigned long message) {
    spin_lock(&self->process->signal_lock);
    bool marked = self->trace && (self->trace->options & PTRACE_O_TRACESYSGOOD);
    spin_unlock(&self->process->signal_lock);
    int signal = stop_with_trap(SIGTRAP | (marked ? 0x80 : 0), message, false);
    if (signal)
        signal_send_thread(self, signal, nullptr);
}

// What the tracer has made of the call: is one to be made at all?
static bool call_stands(struct posix_thread *self, struct arch_frame *frame) {
    arch_frame_reload_call(frame);
    spin_lock(&self->process->signal_lock);
    bool ends = must_end(self->process, self);
    spin_unlock(&self->process->signal_lock);
    return !ends && arch_frame_syscall_number(frame) >= 0;
}

bool trace_call_entry(struct arch_frame *frame) {
    struct posix_thread *self = posix_current();
    enum trace_mode mode = mode_of(self);
    bool emulated = mode == TRACE_EMULATE || mode == TRACE_EMULATE_STEP;
    if (mode != TRACE_CALLS && !emulated)
        return true;
    stop_at_call(self, PTRACE_EVENTMSG_SYSCALL_ENTRY);
    return call_stands(self, frame) && !emulated;
}

bool trace_seccomp_event(struct arch_frame *frame, unsigned long data) {
    struct posix_thread *self = posix_current();
    spin_lock(&self->process->signal_lock);
    if (self->trace)
        self->trace->message = data; // which may be 0
    spin_unlock(&self->process->signal_lock);
    (void)stop_with_trap(SIGTRAP | PTRACE_EVENT_SECCOMP << 8, data, false);
    return call_stands(self, frame);
}

void trace_call_exit(struct arch_frame *frame) {
    switch (mode_of(posix_current())) {
    case TRACE_CALLS:
        stop_at_call(posix_current(), PTRACE_EVENTMSG_SYSCALL_EXIT);
        break;
    case TRACE_STEP: // the call was the instruction
        signal_force(SIGTRAP, TRAP_BRKPT, arch_frame_pc(frame));
        break;
    default:
        break;
    }
}

void trace_handler_entered(void) {
    enum trace_mode mode = mode_of(posix_current());
    if (UNLIKELY(mode == TRACE_STEP || mode == TRACE_EMULATE_STEP))
        (void)stop_with_trap(SIGTRAP, 0, false);
}
