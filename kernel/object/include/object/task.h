// SPDX-License-Identifier: MPL-2.0
// A task: an address space, a handle table and the threads that run in them. Its Linux face (signals, groups,
// parents) is struct process in kernel/posix, which embeds it. The object's handle is a pidfd.
#pragma once

#include <object/cred.h>
#include <object/handle.h>
#include <object/job.h>
#include <sched/thread.h>

struct fs_context; // vfs/path.h: root, working directory, umask
struct aspace;

struct task {
    struct object object; // type OBJECT_TASK; SIGNAL_READABLE|SIGNAL_TERMINATED once it has exited
    int id;               // pid
    _Atomic uint32_t thread_count;
    // Changed by the task itself only; others read them under rcu_read_lock / task_get_*.
    struct aspace *_Atomic aspace;
    struct handle_table *_Atomic handles;
    struct cred *_Atomic cred; // of the main thread; a thread's own is thread_cred()
    struct fs_context *_Atomic fs;
    struct job *_Atomic job;   // one reference; changed by the task itself only (job_enter)
    struct object *executable; // file object, for /proc/PID/exe
    char name[16];             // comm
};

// A thread that does not run yet becomes one of the task's.
ALWAYS_INLINE void task_own_thread(struct task *task, struct thread *thread) {
    thread->task = task;
    handle_sharing_changes_for(thread);
}

// The current thread's; never null in a system call.
ALWAYS_INLINE struct task *task_current(void) {
    return arch_current()->task;
}
ALWAYS_INLINE struct cred *cred_current(void) {
    return atomic_load_explicit(&task_current()->cred, memory_order_relaxed);
}
ALWAYS_INLINE struct fs_context *fs_current(void) {
    return atomic_load_explicit(&task_current()->fs, memory_order_relaxed);
}

// The id of the job beyond which the current task sees nothing; 0: it sees all.
uint64_t job_scope_current(void);
ALWAYS_INLINE struct job *job_current(void) {
    return atomic_load_explicit(&task_current()->job, memory_order_relaxed);
}
// Flags of the current task's job; 0 for the kernel's own threads.
ALWAYS_INLINE uint32_t job_flags_current(void) {
    return task_current() ? job_current()->flags : 0;
}

// Another task's, with a reference; null: it has none (any more).
struct handle_table *task_get_handles(struct task *task);
struct cred *task_get_cred(struct task *task);
