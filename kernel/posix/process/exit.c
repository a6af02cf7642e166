// SPDX-License-Identifier: MPL-2.0
// The end of threads and processes.
//
// A thread: gives up what is registered in its memory (futexes, clear_child_tid), leaves the process, and frees itself
// once it has switched away. The last thread of a process also gives up the memory, handles and timers, hands the
// children to a reaper, and makes the process a zombie that the parent waits for.
#include "core/core.h"
#include "file/aio.h"
#include "futex/futex_priv.h"
#include "keys/keys.h"
#include "legacy/legacy.h"
#include "mqueue/mqueue.h"
#include "process_priv.h"
#include "seccomp/seccomp.h"
#include "signal/exception.h"
#include "signal/signal_priv.h"
#include "sysv/sysv_shm.h"
#include "trace/trace_priv.h"
#include <abi/syscall_table.h>
#include <abi/wait.h>
#include <ipc/port.h>
#include <lib/assert.h>
#include <mm/aspace.h>
#include <sched/sched.h>
#include <tty/tty.h>
#include <vfs/path.h>

void process_begin_group_exit(struct process *process, int status, struct posix_thread *self) {
    process->group_exit = true;
    process->group_exit_status = status;
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread != self)
            thread_interrupt(&thread->thread, true);
    }
}

void process_exit(int status) {
    struct process *process = process_current();
    spin_lock(&process->signal_lock);
    if (!process->group_exit)
        process_begin_group_exit(process, status, posix_current());
    status = process->group_exit_status;
    spin_unlock(&process->signal_lock);
    posix_thread_exit(status);
}

// Leaves the list of threads, so that no signal is sent here any more. True: it was the last one. It counts as one of
// the process's until give_back().
static bool leave_process(struct process *process, struct posix_thread *self) {
    struct resource_totals totals;
    resource_totals_of_thread(self, &totals);
    bool stopped_now = false;
    spin_lock(&process->signal_lock);
    resource_totals_add(&process->dead_threads, &totals);
    self->exiting = true;
    list_remove(&self->process_node);
    signal_queue_flush(&self->pending, ~0ull);
    if (self->stop_counted)
        stopped_now = signal_stop_leave(process, self);
    if (process->main_thread == self) // a zombie has none: its memory goes before the process's
        atomic_store_explicit(&process->main_thread, nullptr, memory_order_release);
    signal_retarget(process); // what this thread was woken for, another must handle
    bool last = list_is_empty(&process->threads);
    spin_unlock(&process->signal_lock);
    if (stopped_now && !last)
        signal_notify_stopped(process);
    return last;
}

// The number, and what the thread is charged for: to the user and the job of now, which do not change between the
// charge and the count. Whoever sees a thread less finds it nowhere any more.
static void give_back(struct process *process, struct posix_thread *self, int status) {
    spin_lock(&process_tree_lock);
    id_set(self->tid, ID_THREAD, nullptr);
    trace_thread_ended(self, process->group_exit ? process->group_exit_status : status);
    spin_unlock(&process_tree_lock);
    spin_lock(&process->signal_lock);
    atomic_fetch_sub_explicit(&process->account->threads, 1, memory_order_relaxed);
    job_uncharge_threads(process->task.job, 1);
    atomic_fetch_sub_explicit(&process->task.thread_count, 1, memory_order_acq_rel);
    wait_queue_wake_all(&process->thread_gone);
    spin_unlock(&process->signal_lock);
}

// Waits until the caller is the only thread that counts: those that have left the list are on their last steps.
static void await_leavers(struct process *process) REQUIRES(&process->signal_lock) {
    while (process->task.thread_count > 1) {
        status_t status =
            wait_queue_sleep(&process->thread_gone, &process->signal_lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
        ASSERT(status == 0);
    }
}

bool process_is_alone(void) {
    struct process *process = process_current();
    struct posix_thread *thread;
    bool alone = true;
    spin_lock(&process->signal_lock);
    LIST_FOR_EACH(thread, &process->threads, process_node)
    alone &= thread == posix_current() || atomic_load_explicit(&thread->ends, memory_order_relaxed);
    if (alone)
        await_leavers(process);
    spin_unlock(&process->signal_lock);
    return alone;
}

static struct aspace *take_aspace(struct process *process) {
    spin_lock(&process->signal_lock);
    struct aspace *aspace = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    atomic_store_explicit(&process->task.aspace, nullptr, memory_order_release);
    spin_unlock(&process->signal_lock);
    return aspace;
}

// The last thread gives up what the process owns. Blocks.
static void release_resources(struct process *process) {
    posix_timers_delete_all(process);
    aio_forget(process);
    interval_timers_delete(process);
    struct aspace *aspace = take_aspace(process);
    if (aspace) {
        uint64_t peak = aspace_peak_resident(aspace) * (PAGE_SIZE / 1024);
        process->dead_threads.peak_resident_kib = MAX(process->dead_threads.peak_resident_kib, peak);
        sched_set_aspace(nullptr);
        aspace_put(aspace);
    }
    handle_table_replace(&process->task, nullptr);
    spin_lock(&process_tree_lock); // /proc/PID/cwd may be looking at it
    struct fs_context *fs = process->task.fs;
    atomic_store_explicit(&process->task.fs, nullptr, memory_order_release);
    spin_unlock(&process_tree_lock);
    if (fs)
        fs_context_put(fs);
    executable_put(process_set_executable(process, nullptr));
    session_leader_exited(process);
}

static struct process *find_reaper(struct process *process) REQUIRES(&process_tree_lock) {
    for (struct process *p = process->parent; p; p = p->parent)
        if (p->child_subreaper && !p->exited && !p->group_exit)
            return p;
    return process_init_task();
}

// Each child gets a new parent; those that are zombies already are announced to it.
static void give_children_away(struct process *process) REQUIRES(&process_tree_lock) {
    if (list_is_empty(&process->children))
        return;
    struct process *reaper = find_reaper(process);
    struct process *child, *next;
    LIST_FOR_EACH_SAFE(child, next, &process->children, sibling) {
        list_remove(&child->sibling);
        list_push_back(&reaper->children, &child->sibling);
        atomic_store_explicit(&child->parent, reaper, memory_order_release);
        child->exit_signal = SIGCHLD;
        if (child->death_signal && !child->exited)
            signal_send_process(child, child->death_signal, nullptr);
        if (child->exited && (!child->trace || child->trace->tracer->process == reaper))
            process_notify_parent(child, 0, child->exit_status);
        group_check_orphaned(child, process, nullptr);
    }
}

bool process_ends_unnoticed(struct process *process) {
    return process->is_helper || (signal_children_ignored(process->parent) && process->exit_signal == SIGCHLD);
}

// Makes the process a zombie and tells the parent. True: nobody will wait, so it has been reaped.
static bool become_zombie(struct process *process, int status) REQUIRES(&process_tree_lock) {
    give_children_away(process);
    group_check_orphaned(process, process->parent, process);
    process->exit_status = status;
    process->exited = true;
    object_signal(&process->task.object, 0, SIGNALS_READ | SIGNAL_TERMINATED);
    if (trace_process_ended(process))
        return false;
    if (process_ends_unnoticed(process)) {
        wait_queue_wake_all(&process->parent->child_wait); // wait4 must see that there is one child less
        process_reap(process);
        return true;
    }
    process_notify_parent(process, 0, status);
    return false;
}

void process_reap(struct process *process) {
    trace_process_reaped(process);
    group_leave(process);
    list_remove(&process->sibling);
    id_set(process->task.id, ID_PROCESS, nullptr);
}

// After the last switch away: nothing runs on the stack any more. Not blocking.
static void last_words(struct thread *thread) {
    struct posix_thread *self = CONTAINER_OF(thread, struct posix_thread, thread);
    struct process *process = self->process;
    arch_thread_fini(thread);
    posix_thread_free(self);
    process_put(process);
}

static void end_process(struct process *process, int status) {
    if (process->is_init)
        panic("init (%s) ended with status 0x%x", process->task.name, status);
    spin_lock(&process->signal_lock);
    signal_queue_flush(&process->pending, ~0ull);
    spin_unlock(&process->signal_lock);
    spin_lock(&process_tree_lock);
    bool reaped = become_zombie(process, status);
    legacy_task_ends(process->task.job);
    shm_task_ends(process->task.job);
    job_remove_task(process->task.job);
    struct signal_actions *actions = process->actions;
    process->actions = nullptr; // nobody looks: there are no threads to signal and no children to be told of
    spin_unlock(&process_tree_lock);
    signal_actions_put(actions);
    if (process->is_helper)
        helper_ended();
    shm_bury();
    mqueue_task_ended(process->task.job);
    keys_task_ended(process->task.job);
    if (reaped)
        process_put(process);
}

void posix_thread_exit(int status) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    arch_irq_enable();
    core_park(self);
    if (UNLIKELY(self->trace != nullptr))
        trace_exit_event(status);
    atomic_store_explicit(&self->ends, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); // who has joined this thread sees it
    futex_thread_exit(self);
    fipc_thread_leave();
    vfork_complete(self);
    bool last = leave_process(process, self);
    trace_tracer_ended(self);
    seccomp_forget(self);
    keys_forget(self, last ? process : nullptr);
    exception_forget_thread(self);
    thread_object_ended(self);
    if (last)
        exception_forget_process(process);
    futex_pi_exit(self); // those who have queued up behind it since; from now on nobody does
    if (last) {
        if (process->group_exit)
            status = process->group_exit_status;
        legacy_process_ended(process);
        release_resources(process);
        spin_lock(&process->signal_lock);
        await_leavers(process);
        spin_unlock(&process->signal_lock);
    } else {
        sched_set_aspace(nullptr);
    }
    give_back(process, self, status);
    if (last)
        end_process(process, status);
    thread_exit(last_words);
}

static void become_main_thread(struct process *process, struct posix_thread *self) {
    if (process->main_thread == self)
        return;
    spin_lock(&process_tree_lock);
    id_set(self->tid, ID_THREAD, nullptr);
    self->tid = process->task.id;
    id_set(self->tid, ID_THREAD, self);
    atomic_store_explicit(&process->main_thread, self, memory_order_release);
    trace_became_main(self);
    spin_unlock(&process_tree_lock);
}

status_t process_end_other_threads(void) {
    struct posix_thread *self = posix_current(), *thread;
    struct process *process = self->process;
    if (LIKELY(process->task.thread_count == 1 && process->main_thread == self))
        return 0;
    spin_lock(&process->signal_lock);
    if (process->group_exit || process->exec_thread) {
        spin_unlock(&process->signal_lock);
        return -EAGAIN;
    }
    process->exec_thread = self;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread != self)
            thread_interrupt(&thread->thread, true);
    }
    status_t status = 0;
    while (process->task.thread_count > 1 && status == 0)
        status = wait_queue_sleep(&process->thread_gone, &process->signal_lock, WAIT_KILLABLE, NSEC_NEVER);
    process->exec_thread = nullptr;
    spin_unlock(&process->signal_lock);
    if (status != 0)
        return -EAGAIN; // killed meanwhile
    become_main_thread(process, self);
    return 0;
}

long sys_exit(int status) {
    posix_thread_exit(WAIT_STATUS_EXITED(status));
}

long sys_exit_group(int status) {
    process_exit(WAIT_STATUS_EXITED(status));
}
