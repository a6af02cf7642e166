// SPDX-License-Identifier: MPL-2.0
// Who traces whom: how it begins (PTRACE_TRACEME, ATTACH, SEIZE, the fork of a traced thread) and how it ends (DETACH,
// the end of either).
//
// A record outlives its thread until the tracer has waited for the end: a thread's, or for the main thread the
// process's. The natural parent does not see that end before the tracer has.
//
// Lock order: process_tree_lock, then one process's signal_lock.
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include "trace_priv.h"
#include <arch/thread.h>
#include <mm/slab.h>

SLAB_CACHE(tracee_cache, struct tracee);

struct tracee *tracee_alloc(void) {
    return slab_alloc_zero(&tracee_cache);
}

void tracee_free(struct tracee *tracee) {
    if (tracee)
        slab_free(&tracee_cache, tracee);
}

struct posix_thread *trace_find(int tid) {
    struct posix_thread *thread = thread_find(tid);
    struct tracee *tracee = thread ? thread->trace : nullptr;
    return tracee && tracee->tracer == posix_current() ? thread : nullptr;
}

int trace_tracer_id(struct posix_thread *thread) {
    struct tracee *tracee = thread ? thread->trace : nullptr;
    return tracee ? tracee->tracer->tid : 0;
}

// --- the beginning ---

// The thread's signal_lock is held, too.
static void link(struct tracee *tracee, struct posix_thread *tracer, struct posix_thread *thread)
    REQUIRES(&process_tree_lock) {
    struct process *process = thread->process;
    tracee->tracer = tracer;
    tracee->thread = thread;
    tracee->process = process;
    tracee->tid = thread->tid;
    tracee->main = process->main_thread == thread;
    list_push_back(&tracer->process->tracees, &tracee->node);
    if (tracee->main)
        process->trace = tracee;
    atomic_store_explicit(&thread->trace, tracee, memory_order_release);
    thread_set_work(&thread->thread, THREAD_WORK_TRACE);
}

void trace_inherit(struct posix_thread *parent, struct posix_thread *child, struct tracee *record) {
    struct tracee *from = parent->trace;
    if (!from) {
        tracee_free(record);
        return;
    }
    record->options = from->options;
    record->seized = from->seized;
    record->privileged = from->privileged;
    spin_lock(&child->process->signal_lock);
    link(record, from->tracer, child);
    if (record->seized)
        record->trap = true;
    else
        child->pending.set |= SIGNAL_BIT(SIGSTOP);
    thread_interrupt(&child->thread, false);
    spin_unlock(&child->process->signal_lock);
}

// The parent's thread that made the caller, or another one of it.
static struct posix_thread *parents_thread(struct process *self) REQUIRES(&process_tree_lock) {
    struct process *parent = self->parent;
    struct posix_thread *thread = parent ? thread_find(self->parent_tid) : nullptr;
    if (thread && thread->process == parent && !thread->exiting)
        return thread;
    thread = nullptr;
    if (parent) {
        spin_lock(&parent->signal_lock);
        if (!list_is_empty(&parent->threads))
            thread = LIST_FIRST(&parent->threads, struct posix_thread, process_node);
        spin_unlock(&parent->signal_lock);
    }
    return thread;
}

long trace_me(void) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    struct tracee *record = tracee_alloc();
    if (!record)
        return -ENOMEM;
    spin_lock(&process_tree_lock);
    struct posix_thread *tracer = parents_thread(process);
    status_t status = -EPERM;
    const struct cred *theirs = tracer ? atomic_load(&tracer->process->task.cred) : nullptr;
    bool may =
        theirs && (cred_has_cap(theirs, CAP_SYS_PTRACE) || !(cred_current()->cap_permitted & ~theirs->cap_permitted));
    if (may && !self->trace && !process->is_init) {
        record->privileged = cred_has_cap(theirs, CAP_SYS_PTRACE);
        spin_lock(&process->signal_lock);
        link(record, tracer, self);
        spin_unlock(&process->signal_lock);
        status = 0;
    }
    spin_unlock(&process_tree_lock);
    if (status != 0)
        tracee_free(record);
    return status;
}

static status_t may_attach(struct posix_thread *thread) REQUIRES(&process_tree_lock) {
    struct process *process = thread->process;
    if (process == process_current() || process->is_init || thread->trace)
        return -EPERM;
    if (thread->gains_rights && !cred_has_cap(cred_current(), CAP_SYS_PTRACE))
        return -EPERM;
    return trace_may_access(process, false) ? 0 : -EPERM;
}

long trace_attach(int tid, bool seize, uint32_t options) {
    struct tracee *record = tracee_alloc();
    if (!record)
        return -ENOMEM;
    record->seized = seize;
    record->options = options;
    record->privileged = cred_has_cap(cred_current(), CAP_SYS_PTRACE);
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = thread_seen(thread_find(tid));
    status_t status = thread ? may_attach(thread) : -ESRCH;
    if (status == 0) {
        struct process *process = thread->process;
        spin_lock(&process->signal_lock);
        if (thread->exiting) {
            status = -EPERM;
        } else {
            link(record, posix_current(), thread);
            if (process->stop_pending && !thread->stop_counted) { // from that stop to one for the tracer
                record->trap = true;
                wait_queue_wake_all(&process->stop_wait);
            }
            if (!seize)
                (void)signal_generate(process, thread, SIGSTOP, nullptr);
        }
        spin_unlock(&process->signal_lock);
    }
    spin_unlock(&process_tree_lock);
    if (status != 0)
        tracee_free(record);
    return status;
}

// --- the end ---

static bool reparented(const struct tracee *tracee) {
    return tracee->tracer->process != tracee->process->parent;
}

// A thread that stopped for the tracer goes on, or into the stop that its process is in.
static void let_go(struct posix_thread *thread) {
    struct process *process = thread->process;
    spin_lock(&process->signal_lock);
    if (thread->trace->state != TRACE_RUNNING)
        arch_thread_set_step(&thread->thread, false);
    atomic_store_explicit(&thread->trace, nullptr, memory_order_release);
    wait_queue_wake_all(&thread->trace_wait);
    if (process->stop_pending)
        thread_interrupt(&thread->thread, false);
    spin_unlock(&process->signal_lock);
}

// A zombie that its tracer kept is its parent's at last. True: who does not want it.
static bool hand_over(struct process *process) REQUIRES(&process_tree_lock) {
    if (process_ends_unnoticed(process)) {
        wait_queue_wake_all(&process->parent->child_wait);
        process_reap(process);
        return true;
    }
    process_notify_parent(process, 0, process->exit_status);
    return false;
}

bool trace_unlink(struct tracee *tracee) {
    struct process *process = tracee->process;
    bool waits = tracee->main && process->exited && reparented(tracee);
    if (tracee->thread)
        let_go(tracee->thread);
    if (tracee->main)
        process->trace = nullptr;
    list_remove(&tracee->node);
    tracee_free(tracee);
    return waits && hand_over(process);
}

long trace_detach(int tid, int signal) {
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = trace_find(tid);
    if (thread) {
        struct tracee *tracee = thread->trace;
        spin_lock(&thread->process->signal_lock);
        if (tracee->state == TRACE_STOPPED) {
            thread->trace_signal = signal;
            status = 0;
        }
        spin_unlock(&thread->process->signal_lock);
        if (status == 0)
            (void)trace_unlink(tracee); // not a zombie: it has a thread
    }
    spin_unlock(&process_tree_lock);
    return status;
}

static struct tracee *tracee_of(struct posix_thread *tracer) REQUIRES(&process_tree_lock) {
    struct tracee *tracee;
    LIST_FOR_EACH(tracee, &tracer->process->tracees, node) {
        if (tracee->tracer == tracer)
            return tracee;
    }
    return nullptr;
}

void trace_tracer_ended(struct posix_thread *self) {
    struct tracee *tracee;
    spin_lock(&process_tree_lock);
    while ((tracee = tracee_of(self))) {
        struct process *process = tracee->process;
        if (tracee->thread && (tracee->options & PTRACE_O_EXITKILL))
            (void)signal_send_thread(tracee->thread, SIGKILL, nullptr);
        if (trace_unlink(tracee)) {
            spin_unlock(&process_tree_lock);
            process_put(process);
            spin_lock(&process_tree_lock);
        }
    }
    spin_unlock(&process_tree_lock);
}

// SIGCHLD and wait4 for the end of a tracee that is not the tracer's own child.
static void tell_end(struct tracee *tracee, int tid, int status) REQUIRES(&process_tree_lock) {
    struct process *tracer = tracee->tracer->process;
    struct signal_info info;
    signal_info_init(&info, SIGCHLD, wait_status_code(status));
    info.child.pid = tid;
    info.child.uid = tracee->process->task.cred->uid;
    info.child.status = wait_status_value(status);
    (void)signal_send_process(tracer, SIGCHLD, &info);
    wait_queue_wake_all(&tracer->child_wait);
}

void trace_thread_ended(struct posix_thread *self, int status) {
    struct process *process = self->process;
    struct tracee *tracee = self->trace;
    if (LIKELY(!tracee))
        return;
    spin_lock(&process->signal_lock);
    atomic_store_explicit(&self->trace, nullptr, memory_order_release);
    spin_unlock(&process->signal_lock);
    tracee->thread = nullptr;
    if (tracee->main)
        return; // the process's end is its own
    tell_end(tracee, tracee->tid, status);
    tracee->ended = true;
    tracee->exit_status = status;
    tracee->group = process->group->id;
    tracee->process = nullptr;
    if (signal_children_ignored(tracee->tracer->process))
        (void)trace_unlink(tracee);
}

bool trace_process_ended(struct process *process) {
    struct tracee *tracee = process->trace;
    if (LIKELY(!tracee) || !reparented(tracee))
        return false;
    if (signal_children_ignored(tracee->tracer->process)) {
        process->trace = nullptr;
        list_remove(&tracee->node);
        tracee_free(tracee);
        return false;
    }
    tell_end(tracee, process->task.id, process->exit_status);
    return true;
}

void trace_process_reaped(struct process *process) {
    struct tracee *tracee = process->trace;
    if (LIKELY(!tracee))
        return;
    process->trace = nullptr;
    list_remove(&tracee->node);
    tracee_free(tracee);
}

void trace_became_main(struct posix_thread *self) {
    trace_process_reaped(self->process); // the main thread that is gone: nobody hears of it
    struct tracee *tracee = self->trace;
    if (!tracee)
        return;
    tracee->main = true;
    tracee->tid = self->tid;
    self->process->trace = tracee;
}

// --- programs that give rights ---

bool trace_gains_begin(void) {
    struct posix_thread *self = posix_current();
    spin_lock(&process_tree_lock);
    struct tracee *tracee = self->trace;
    bool may = !tracee || tracee->privileged;
    self->gains_rights = may;
    spin_unlock(&process_tree_lock);
    return may;
}

void trace_gains_end(void) {
    struct posix_thread *self = posix_current();
    if (LIKELY(!self->gains_rights))
        return;
    spin_lock(&process_tree_lock);
    self->gains_rights = false;
    spin_unlock(&process_tree_lock);
}
