// SPDX-License-Identifier: MPL-2.0
// Processes and threads as memory: allocation, names, lookup, and the end of their storage.
//
// A process has one reference for its place in the family (dropped by whoever reaps it), one for each thread (dropped
// when the thread has switched away for the last time) and one for each pidfd or lookup. Memory goes after an RCU
// grace period. A thread has no count: it lives until it has exited, plus a grace period.
#include "process_priv.h"
#include "seccomp/seccomp.h"
#include <abi/signal.h>
#include <ipc/port.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <mm/vmap.h>
#include <sched/sched.h>

CHARGED_CACHE(process_cache, struct process);
SLAB_CACHE(thread_cache, struct posix_thread);

struct spinlock process_tree_lock = SPINLOCK_INIT;
static uint64_t forks; // processes made since boot; under process_tree_lock

uint64_t process_forks(void) {
    return forks;
}

static void process_reclaim(struct rcu_head *head) {
    charged_free(&process_cache, CONTAINER_OF(head, struct process, rcu));
}

// Last reference. May run as a dpc: nothing here blocks. All that could was given up when the last thread ended.
static void process_destroy(struct object *object) {
    struct process *process = CONTAINER_OF(object, struct process, task.object);
    struct cred *cred = atomic_load(&process->task.cred);
    if (cred)
        cred_put(cred);
    if (process->task.job)
        job_put(process->task.job);
    if (process->account)
        user_account_put(process->account);
    rcu_call(&process->rcu, process_reclaim);
}

const struct object_ops process_object_ops = {.type = OBJECT_TASK, .name = "[pidfd]", .destroy = process_destroy};

struct process *process_alloc(void) {
    struct process *process = charged_alloc_zero(&process_cache);
    if (!process)
        return nullptr;
    object_init(&process->task.object, &process_object_ops, 0);
    list_init(&process->children);
    list_init(&process->sibling);
    list_init(&process->group_node);
    list_init(&process->threads);
    list_init(&process->tracees);
    list_init(&process->signal_watchers);
    list_init(&process->posix_timers);
    list_init(&process->aio_contexts);
    list_init(&process->pending.infos);
    wait_queue_init(&process->child_wait);
    wait_queue_init(&process->stop_wait);
    wait_queue_init(&process->core_wait);
    wait_queue_init(&process->thread_gone);
    spin_init(&process->signal_lock);
    process->exit_signal = SIGCHLD;
    process->dumpable = 1;
    process->login_uid = ~0u;
    process->timer_slack = process->timer_slack_default = 50000;
    process->start_time = clock_now();
    return process;
}

struct posix_thread *posix_thread_alloc(void) {
    void *stack = thread_stack_alloc();
    if (!stack)
        return nullptr;
    struct posix_thread *thread = slab_alloc_zero(&thread_cache);
    if (!thread) {
        thread_stack_free(stack);
        return nullptr;
    }
    thread->thread.stack = stack;
    list_init(&thread->process_node);
    list_init(&thread->pending.infos);
    wait_queue_init(&thread->trace_wait);
    thread->altstack_flags = SS_DISABLE;
    return thread;
}

static void thread_reclaim(struct rcu_head *head) {
    struct posix_thread *thread = CONTAINER_OF(head, struct posix_thread, rcu);
    fipc_thread_free(thread->thread.fipc);
    slab_free(&thread_cache, thread);
}

void posix_thread_free(struct posix_thread *thread) {
    seccomp_filter_put(thread->filter); // of one that was never linked
    thread_stack_free(thread->thread.stack);
    rcu_call(&thread->rcu, thread_reclaim);
}

status_t thread_link(struct process *process, struct posix_thread *thread) {
    int tid = id_alloc(ID_THREAD, thread);
    if (tid < 0)
        return tid;
    thread->tid = tid;
    thread->process = process;
    spin_lock(&process->signal_lock);
    list_push_back(&process->threads, &thread->process_node);
    atomic_fetch_add_explicit(&process->task.thread_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&process->account->threads, 1, memory_order_relaxed);
    spin_unlock(&process->signal_lock);
    return 0;
}

status_t process_link(struct process *process, struct process *parent, struct posix_thread *thread) {
    status_t status = thread_link(process, thread);
    if (status != 0)
        return status;
    process->task.id = thread->tid;
    atomic_store_explicit(&process->main_thread, thread, memory_order_release);
    atomic_store_explicit(&process->parent, parent, memory_order_release);
    if (parent) {
        list_push_back(&parent->children, &process->sibling);
        group_join(process, parent->group);
    }
    id_set(process->task.id, ID_PROCESS, process);
    forks++;
    return 0;
}

struct process *process_find(int pid) {
    return id_lookup(pid, ID_PROCESS);
}

struct posix_thread *thread_find(int tid) {
    return id_lookup(tid, ID_THREAD);
}

struct process *process_find_by_thread(int tid) {
    struct process *process = process_find(tid);
    struct posix_thread *thread = process ? nullptr : thread_find(tid);
    return thread ? thread->process : process;
}

struct process_group *process_group_find(int id) {
    return id_lookup(id, ID_GROUP);
}

struct process *process_lookup(int pid) {
    rcu_read_lock();
    struct process *process = process_find(pid);
    if (process && !refcount_try_up(&process->task.object.ref))
        process = nullptr;
    rcu_read_unlock();
    return process;
}

struct process *process_next(int pid) {
    for (; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct process *process = process_lookup(pid);
        if (process)
            return process;
    }
    return nullptr;
}

struct process *process_seen(struct process *process) {
    return process && job_sees(job_current(), process->task.job) ? process : nullptr;
}

struct posix_thread *thread_seen(struct posix_thread *thread) {
    return thread && process_seen(thread->process) ? thread : nullptr;
}

struct process *process_lookup_seen(int pid) {
    struct process *process = process_lookup(pid);
    if (process && !process_seen(process)) {
        process_put(process);
        process = nullptr;
    }
    return process;
}

struct process *pidfd_process(struct object *object) {
    return object->ops == &process_object_ops ? CONTAINER_OF(object, struct process, task.object) : nullptr;
}

void process_set_name(struct posix_thread *thread, const char *name) {
    string_copy(thread->thread.name, name, sizeof(thread->thread.name));
    if (thread->process->main_thread == thread)
        string_copy(thread->process->task.name, name, sizeof(thread->process->task.name));
}

// The pointer is cleared under signal_lock before the last reference is dropped.
struct aspace *process_get_aspace(struct process *process) {
    spin_lock(&process->signal_lock);
    struct aspace *aspace = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    if (aspace)
        aspace_get(aspace);
    spin_unlock(&process->signal_lock);
    return aspace;
}

struct process *process_init_task(void) {
    return process_find(1);
}
