// SPDX-License-Identifier: MPL-2.0
// fork, vfork, clone, clone3: new processes and threads.
//
// All that can fail is done before the new one becomes visible (process_link); what then remains cannot fail. A child
// begins in child_start, in its own address space, to store its thread id where it was asked to.
#include "keys/keys.h"
#include "process_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include "syscall_priv.h"
#include "trace/trace_priv.h"
#include <abi/clone.h>
#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <vfs/path.h>

// The vfork protocol: child->vfork_done is set before the child starts and cleared, under this lock, by the child when
// it lets go of the memory or by a parent that is killed while it waits.
static struct spinlock vfork_lock = SPINLOCK_INIT;

void vfork_complete(struct posix_thread *child) {
    if (!child->vfork_done)
        return;
    spin_lock(&vfork_lock);
    struct completion *completion = child->vfork_done;
    if (completion) {
        completion->done = true;
        child->vfork_done = nullptr;
        wait_queue_wake_all(&completion->queue);
    }
    spin_unlock(&vfork_lock);
}

static void vfork_wait(struct completion *completion) {
    spin_lock(&vfork_lock);
    while (!completion->done) {
        if (wait_queue_sleep(&completion->queue, &vfork_lock, WAIT_KILLABLE, NSEC_NEVER) == -EINTR &&
            !completion->done) {
            completion->child->vfork_done = nullptr;
            break;
        }
    }
    spin_unlock(&vfork_lock);
}

// A child that asked for its id in its own memory (CLONE_CHILD_SETTID). The address may be bad: its affair.
static void child_start(void *argument) {
    struct posix_thread *thread = posix_current();
    int __user *where = (int __user *)(uintptr_t)argument;
    if (put_user(thread->tid, where) != 0) {
        // As on Linux, the child runs all the same.
    }
    arch_enter_user();
}

static status_t check_flags(const struct clone_request *r) {
    uint64_t f = r->flags;
    const uint64_t privileged =
        CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET;
    if (f & (privileged | CLONE_NEWUSER | CLONE_INTO_CGROUP)) // as a Linux without namespaces
        return (f & privileged) && !cred_has_cap(cred_current(), CAP_SYS_ADMIN) ? -EPERM : -EINVAL;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && (f & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    // Threads share files and directories with their process, even without CLONE_FILES and CLONE_FS: there is one
    // table a task (docs/processes.md).
    if ((f & CLONE_THREAD) && (f & CLONE_PIDFD))
        return -EINVAL;
    if ((f & CLONE_PARENT) && process_current()->is_init)
        return -EINVAL;
    return 0;
}

static struct signal_actions *actions_copy(struct process *parent, uint64_t flags) {
    struct signal_actions *from = parent->actions;
    if (flags & CLONE_SIGHAND) {
        refcount_up(&from->ref);
        return from;
    }
    struct signal_actions *actions = signal_actions_copy(from);
    if (actions && (flags & CLONE_CLEAR_SIGHAND))
        signal_actions_reset(actions);
    return actions;
}

static struct aspace *aspace_share_or_fork(struct aspace *aspace, bool share) {
    if (!share)
        return aspace_fork(aspace);
    aspace_get(aspace);
    return aspace;
}

static struct fs_context *fs_share_or_copy(struct fs_context *fs, bool share) {
    if (!share)
        return fs_context_copy(fs);
    refcount_up(&fs->ref);
    return fs;
}

// What fork copies without having to ask anybody.
static void copy_plain(struct process *child, struct process *parent) {
    memcpy(child->limits, parent->limits, sizeof(child->limits));
    memcpy(child->task.name, parent->task.name, sizeof(child->task.name));
    child->personality = parent->personality;
    child->dumpable = parent->dumpable;
    child->coredump_filter = parent->coredump_filter;
    child->timer_slack = child->timer_slack_default = parent->timer_slack;
    child->oom_score_adj = parent->oom_score_adj;
    child->login_uid = parent->login_uid;
    child->account = parent->account;
    user_account_get(child->account);
    job_get(parent->task.job);
    atomic_init(&child->task.job, parent->task.job);
    struct cred *cred = atomic_load_explicit(&parent->task.cred, memory_order_relaxed);
    cred_get(cred);
    atomic_init(&child->task.cred, cred);
    child->task.executable = executable_get(parent->task.executable);
}

void process_discard(struct process *child) {
    struct fs_context *fs = atomic_load(&child->task.fs);
    struct handle_table *handles = atomic_load(&child->task.handles);
    struct aspace *aspace = atomic_load(&child->task.aspace);
    if (fs)
        fs_context_put(fs);
    if (handles)
        handle_table_put(handles, &child->task);
    if (aspace)
        aspace_put(aspace);
    if (child->actions)
        signal_actions_put(child->actions);
    executable_put(child->task.executable);
    process_put(child);
}

// A process like the current one, with what `flags` share. nullptr: no memory.
static struct process *process_copy(uint64_t flags) {
    struct process *parent = process_current();
    struct process *child = process_alloc();
    if (!child)
        return nullptr;
    copy_plain(child, parent);
    child->actions = actions_copy(parent, flags);
    if (!child->actions)
        goto fail;
    atomic_init(&child->task.handles,
                flags & CLONE_FILES ? handle_table_share() : handle_table_copy(parent->task.handles));
    if (!child->task.handles)
        goto fail;
    atomic_init(&child->task.fs, fs_share_or_copy(parent->task.fs, flags & CLONE_FS));
    if (!child->task.fs)
        goto fail;
    atomic_init(&child->task.aspace, aspace_share_or_fork(parent->task.aspace, flags & CLONE_VM));
    if (!child->task.aspace)
        goto fail;
    return child;
fail:
    process_discard(child);
    return nullptr;
}

// SCHED_RESET_ON_FORK: real-time threads and those with a better niceness do not hand that on.
static status_t reset_policy(struct posix_thread *thread) {
    if (thread->thread.nice < 0)
        sched_set_nice(&thread->thread, 0);
    if (thread->thread.policy != SCHED_POLICY_FIFO && thread->thread.policy != SCHED_POLICY_RR)
        return 0;
    return sched_set_policy(&thread->thread, SCHED_POLICY_NORMAL, 0);
}

static status_t thread_copy(const struct clone_request *r, struct process *process, struct posix_thread **out) {
    struct posix_thread *self = posix_current();
    struct posix_thread *thread = posix_thread_alloc();
    if (!thread)
        return -ENOMEM;
    bool set_tid = r->flags & CLONE_CHILD_SETTID;
    thread_init(&thread->thread, thread->thread.stack, self->thread.name, set_tid ? child_start : nullptr,
                set_tid ? (void *)r->child_tid : nullptr, &self->thread);
    task_own_thread(&process->task, &thread->thread);
    thread->thread.aspace = &process->task.aspace->arch;
    status_t status = UNLIKELY(self->reset_on_fork) ? reset_policy(thread) : 0;
    if (status == 0)
        status = arch_thread_clone_user(&thread->thread);
    if (status != 0) {
        posix_thread_free(thread);
        return status;
    }
    if (r->stack)
        arch_frame_set_sp(arch_thread_frame(&thread->thread), r->stack);
    if (r->flags & CLONE_SETTLS)
        arch_thread_set_tls(&thread->thread, r->tls);
    if (r->flags & CLONE_CHILD_CLEARTID)
        thread->clear_child_tid = r->child_tid;
    thread->blocked = self->blocked;
    thread->memory_policy = self->memory_policy;
    keys_inherit(thread);
    if (UNLIKELY(self->trace != nullptr)) // a step is the parent's alone
        arch_thread_set_step(&thread->thread, false);
    if (UNLIKELY(syscalls_are_logged()))
        thread_set_work(&thread->thread, THREAD_WORK_TRACE);
    if (!(r->flags & CLONE_VM)) { // a copy of the memory keeps what is registered in it
        thread->rseq_area = self->rseq_area;
        thread->rseq_size = self->rseq_size;
        thread->rseq_signature = self->rseq_signature;
    }
    if (!(r->flags & CLONE_VM) || (r->flags & CLONE_VFORK)) {
        thread->altstack_base = self->altstack_base;
        thread->altstack_size = self->altstack_size;
        thread->altstack_flags = self->altstack_flags;
    }
    *out = thread;
    return 0;
}

static bool may_have_thread(struct process *self) {
    uint64_t limit = self->limits[RLIMIT_NPROC].soft;
    const struct cred *cred = cred_current();
    if (atomic_load_explicit(&self->account->threads, memory_order_relaxed) < limit)
        return true;
    return cred->uid == 0 || cred_has_cap(cred, CAP_SYS_RESOURCE) || cred_has_cap(cred, CAP_SYS_ADMIN);
}

// Makes the new one visible. A signal that is pending now must be handled first: the child would not get it.
static status_t link_new(const struct clone_request *r, struct process *process, struct posix_thread *thread,
                         struct tracee *tracee) {
    struct process *self = process_current();
    spin_lock(&process_tree_lock);
    status_t status = -ERESTARTNOINTR;
    if (thread_is_interrupted() && signal_is_pending(posix_current()))
        goto out;
    seccomp_inherit(thread);
    if (r->flags & CLONE_THREAD) {
        handle_sharing_changes();
        status = thread_link(process, thread);
        if (status == 0)
            object_get(&process->task.object);
    } else {
        bool sibling = r->flags & CLONE_PARENT;
        process->exit_signal = sibling ? self->exit_signal : r->exit_signal;
        process->parent_tid = sibling ? self->parent_tid : posix_current()->tid;
        status = job_add_task(process->task.job); // not if it is being killed, under the same lock
        if (status != 0)
            goto out;
        status = process_link(process, sibling ? self->parent : self, thread);
        if (status != 0)
            job_remove_task(process->task.job);
        else
            object_get(&process->task.object); // the thread's; the first is the family's
    }
    if (status == 0 && tracee)
        trace_inherit(posix_current(), thread, tracee);
out:
    spin_unlock(&process_tree_lock);
    return status;
}

// Which event a tracer may have asked to be told of; 0: none.
static unsigned event_of(const struct clone_request *r) {
    unsigned event = r->flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
                     : r->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE
                                                 : PTRACE_EVENT_FORK;
    return !(r->flags & CLONE_UNTRACED) && trace_wants(event) ? event : 0;
}

long process_clone(const struct clone_request *r) {
    struct process *self = process_current();
    status_t status = check_flags(r);
    if (status != 0)
        return status;
    if (!may_have_thread(self))
        return -EAGAIN;
    status = job_charge_threads(self->task.job, 1);
    if (status != 0)
        return status;
    bool new_process = !(r->flags & CLONE_THREAD);
    struct process *process = new_process ? process_copy(r->flags) : self;
    status = -ENOMEM;
    if (!process)
        goto fail_charge;
    struct posix_thread *thread;
    status = thread_copy(r, process, &thread);
    if (status != 0)
        goto fail_process;
    struct completion vfork = {.child = thread};
    if (r->flags & CLONE_VFORK) {
        wait_queue_init(&vfork.queue);
        thread->vfork_done = &vfork;
    }
    int pidfd = -1;
    if (r->flags & CLONE_PIDFD) {
        pidfd = handle_reserve(HANDLE_CLOEXEC);
        status = pidfd;
        if (pidfd < 0)
            goto fail_thread;
        status = put_user(pidfd, (int __user *)r->pidfd);
        if (status != 0)
            goto fail_pidfd;
    }
    unsigned event = event_of(r);
    struct tracee *tracee = nullptr;
    if (UNLIKELY(event || ((r->flags & CLONE_PTRACE) && posix_current()->trace))) {
        tracee = tracee_alloc();
        status = -ENOMEM;
        if (!tracee)
            goto fail_pidfd;
    }
    status = link_new(r, process, thread, tracee);
    if (status != 0) {
        tracee_free(tracee);
        goto fail_pidfd;
    }

    // From here on nothing fails, and the new thread may be gone as soon as it is started.
    int tid = thread->tid;
    if (pidfd >= 0) {
        object_get(&process->task.object);
        handle_commit(pidfd, &process->task.object, RIGHTS_BASIC | RIGHT_READ | RIGHT_SIGNAL);
    }
    if ((r->flags & CLONE_PARENT_SETTID) && put_user(tid, (int __user *)r->parent_tid) != 0) {
        // As on Linux: the child exists all the same.
    }
    thread_start(&thread->thread);
    if (UNLIKELY(event))
        trace_event(event, (unsigned long)tid);
    if (r->flags & CLONE_VFORK) {
        vfork_wait(&vfork);
        trace_event(PTRACE_EVENT_VFORK_DONE, (unsigned long)tid);
    }
    return tid;

fail_pidfd:
    if (pidfd >= 0)
        handle_unreserve(pidfd);
fail_thread:
    keys_forget(thread, nullptr);
    arch_thread_fini(&thread->thread);
    posix_thread_free(thread);
fail_process:
    if (new_process)
        process_discard(process);
fail_charge:
    job_uncharge_threads(self->task.job, 1);
    return status;
}

long sys_fork(void) {
    return process_clone(&(struct clone_request){.exit_signal = SIGCHLD});
}

long sys_vfork(void) {
    return process_clone(&(struct clone_request){.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

// The low byte of the flags is the exit signal. The last two arguments are in an order that the port decides.
long sys_clone(unsigned long flags, unsigned long stack, int __user *parent_tid, unsigned long a3, unsigned long a4) {
    struct clone_request r = {.flags = (uint32_t)flags & ~CSIGNAL,
                              .exit_signal = flags & CSIGNAL,
                              .stack = stack,
                              .parent_tid = (vaddr_t)parent_tid,
                              .pidfd = (vaddr_t)parent_tid,
                              .child_tid = ARCH_CLONE_TLS_LAST ? a3 : a4,
                              .tls = ARCH_CLONE_TLS_LAST ? a4 : a3};
    if ((r.flags & CLONE_PIDFD) && (r.flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    if (r.exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    return process_clone(&r);
}

// Copies a structure that may be shorter or longer than ours: what we do not know must be zero.
static status_t copy_args(struct abi_clone_args *args, const void __user *from, size_t size) {
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    memset(args, 0, sizeof(*args));
    if (copy_from_user(args, from, MIN(size, sizeof(*args))) != 0)
        return -EFAULT;
    for (size_t i = sizeof(*args); i < size; i++) {
        uint8_t byte;
        if (get_user(byte, (const uint8_t __user *)from + i) != 0)
            return -EFAULT;
        if (byte != 0)
            return -E2BIG;
    }
    return 0;
}

long sys_clone3(const void __user *user_args, size_t size) {
    struct abi_clone_args args;
    status_t status = copy_args(&args, user_args, size);
    if (status != 0)
        return status;
    if ((args.flags >> 34) != 0 || (args.flags & (CSIGNAL | CLONE_DETACHED)) || args.exit_signal > SIGNAL_COUNT)
        return -EINVAL;
    if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal != 0)
        return -EINVAL;
    if ((args.stack == 0) != (args.stack_size == 0) || args.set_tid_size != 0 || args.set_tid != 0)
        return -EINVAL;
    if (!user_range_ok(args.stack, args.stack_size))
        return -EINVAL;
    struct clone_request r = {.flags = args.flags,
                              .exit_signal = (int)args.exit_signal,
                              .stack = args.stack + args.stack_size,
                              .tls = args.tls,
                              .parent_tid = args.parent_tid,
                              .child_tid = args.child_tid,
                              .pidfd = args.pidfd};
    return process_clone(&r);
}

long sys_set_tid_address(int __user *address) {
    posix_current()->clear_child_tid = (vaddr_t)address;
    return posix_current()->tid;
}
