// SPDX-License-Identifier: MPL-2.0
// System calls on jobs (object/job.h): making, limiting, entering and killing groups of processes. Job control of
// terminals (process groups and sessions) is something else: job.c.
//
// Authority: what one may do to a job goes by the rights of the handle. Two things go by where one stands: nobody
// raises a limit of a job that he is in, and one only enters jobs below one's own.
//
// Nothing escapes a kill: job_close_gates and the signals to all that are in the job happen in one hold of
// process_tree_lock, and so do a fork's question whether the gates are open and the child's becoming visible.
#include "prctl_priv.h"
#include "process_priv.h"
#include "signal/signal_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/aspace.h>

enum {
    JOB_OOM = JOB_OOM_JOB | JOB_OOM_FAULT,
    JOB_FLAGS = JOB_NO_SOCKETS | JOB_NO_DEVICES | JOB_NO_SIGNALS | JOB_NO_NEW_PRIVILEGES | JOB_OOM
};
#define JOB_RIGHTS (RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE | RIGHT_SIGNAL | RIGHT_ADMIN)

static status_t lookup(int handle, uint32_t rights, struct handle_ref *ref, struct job **job) {
    status_t status = handle_lookup(handle, rights, ref);
    if (status != 0)
        return status;
    *job = job_of_object(ref->object);
    if (*job)
        return 0;
    handle_release(ref);
    return -EINVAL;
}

// `parent` -1: the caller's own job. Needs RIGHT_WRITE.
long sys_job_create(int parent, const char __user *user_name, unsigned flags) {
    char name[32];
    struct handle_ref ref = {};
    struct job *above = job_current(), *job;
    if (flags & ~JOB_FLAGS || (flags & JOB_OOM) == JOB_OOM)
        return -EINVAL;
    ssize_t length = string_from_user(name, user_name, sizeof(name));
    if (length < 0)
        return length == -ENAMETOOLONG ? -EINVAL : length;
    status_t status = parent == -1 ? 0 : lookup(parent, RIGHT_WRITE, &ref, &above);
    if (status != 0)
        return status;
    status = job_make(above, name, flags, &job);
    if (parent != -1)
        handle_release(&ref);
    if (status != 0)
        return status;
    int handle = handle_install(&job->object, JOB_RIGHTS, HANDLE_CLOEXEC);
    if (handle < 0)
        job_put(job);
    return handle;
}

// Needs RIGHT_ADMIN.
long sys_job_set_limits(int handle, const void __user *user_limits) {
    struct job_limits limits;
    struct handle_ref ref;
    struct job *job;
    if (copy_from_user(&limits, user_limits, sizeof(limits)) != 0)
        return -EFAULT;
    status_t status = lookup(handle, RIGHT_ADMIN, &ref, &job);
    if (status != 0)
        return status;
    status = job_change_limits(job, &limits, !job_is_within(job_current(), job));
    handle_release(&ref);
    return status;
}

// `handle` -1: the caller's own job. Needs RIGHT_READ.
long sys_job_info(int handle, void __user *out, size_t size) {
    struct handle_ref ref = {};
    struct job *job = job_current();
    struct job_info info;
    if (size < sizeof(info))
        return -EINVAL;
    status_t status = handle == -1 ? 0 : lookup(handle, RIGHT_READ, &ref, &job);
    if (status != 0)
        return status;
    job_describe(job, &info);
    if (handle != -1)
        handle_release(&ref);
    return copy_to_user(out, &info, sizeof(info)) != 0 ? -EFAULT : 0;
}

// What the task has is charged to the new job instead of the old one. Memory and handles that it shares with other
// tasks stay charged where they are.
static status_t move_charges(struct process *process, struct job *from, struct job *to) {
    struct aspace *aspace = process->task.aspace;
    struct handle_table *handles = process->task.handles;
    status_t status = job_charge_threads(to, 1);
    if (status != 0)
        return status;
    status = handle_table_is_shared(handles) ? 0 : handle_table_set_job(handles, to);
    if (status != 0)
        goto fail_threads;
    status = -ENOMEM;
    if (refcount_value(&aspace->ref) == 1 && !charge_move(&aspace->charge, &to->memory))
        goto fail_handles;
    job_uncharge_threads(from, 1);
    return 0;
fail_handles:
    if (!handle_table_is_shared(handles) && handle_table_set_job(handles, from) != 0) {
        // The old job has filled up meanwhile: the new one goes on paying.
    }
fail_threads:
    job_uncharge_threads(to, 1);
    return status;
}

static status_t begin_in(struct process *process, struct job *job) {
    spin_lock(&process_tree_lock);
    status_t status = job_add_task(job);
    struct job *old = process->task.job;
    if (status == 0) {
        job_get(job);
        atomic_store_explicit(&process->task.job, job, memory_order_release);
        posix_current()->thread.share = job == &job_root ? nullptr : &job->share;
        job_remove_task(old);
    }
    spin_unlock(&process_tree_lock);
    if (status == 0)
        job_put(old);
    return status;
}

// The calling process moves, for good. Needs RIGHT_WRITE. -EPERM: the job is not below the caller's own. -EINVAL: the
// process has several threads. -EAGAIN: the job is killed, or full. -ENOMEM, -EMFILE: the process has more than the
// job may.
long sys_job_enter(int handle) {
    struct process *process = process_current();
    struct job *own = job_current(), *job;
    struct handle_ref ref;
    status_t status = lookup(handle, RIGHT_WRITE, &ref, &job);
    if (status != 0)
        return status;
    if (!process_is_alone())
        status = -EINVAL;
    else if (process->is_init || job == own || !job_is_within(job, own))
        status = job == own ? 0 : -EPERM;
    else if ((status = job->flags & JOB_NO_NEW_PRIVILEGES ? (status_t)prctl_set_no_new_privs() : 0) == 0 &&
             (status = move_charges(process, own, job)) == 0) {
        status = begin_in(process, job);
        if (status != 0 && move_charges(process, job, own) != 0) {
            // Nothing is lost: what is charged to a job that is being killed goes when the process does.
        }
    }
    handle_release(&ref);
    return status;
}

void process_kill_locked(struct process *process) {
    if (signal_send_process(process, SIGKILL, nullptr) == 0)
        return;
    spin_lock(&process->signal_lock); // no memory for the signal: the same without
    process_begin_group_exit(process, SIGKILL, nullptr);
    spin_unlock(&process->signal_lock);
}

void job_end(struct job *job) {
    spin_lock(&process_tree_lock);
    job_close_gates(job);
    for (int pid = 0; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct process *process = process_find(pid);
        if (!process->exited && job_is_within(process->task.job, job))
            process_kill_locked(process);
    }
    spin_unlock(&process_tree_lock);
}

// Ends all processes of the job and of those below it; no new ones begin. Needs RIGHT_SIGNAL. -EPERM: the root job.
long sys_job_kill(int handle) {
    struct handle_ref ref;
    struct job *job;
    status_t status = lookup(handle, RIGHT_SIGNAL, &ref, &job);
    if (status != 0)
        return status;
    if (job == &job_root)
        status = -EPERM;
    else
        job_end(job);
    handle_release(&ref);
    return status;
}
