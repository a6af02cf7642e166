// SPDX-License-Identifier: MPL-2.0
// Scheduling policy, priority, affinity and niceness of threads.
#include "process_priv.h"
#include <abi/resource.h>
#include <abi/sched.h>
#include <abi/syscall_table.h>
#include <abi/time.h>
#include <arch/smp.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <sched/sched.h>

long sys_sched_yield(void) {
    sched_yield();
    return 0;
}

// A thread by id (0: the caller), in an RCU section. nullptr: none.
static struct posix_thread *find(int tid) {
    return tid == 0 ? posix_current() : thread_seen(thread_find(tid));
}

static bool may_change(struct posix_thread *thread) {
    const struct cred *mine = cred_current(), *theirs = thread->process->task.cred;
    return mine->euid == theirs->euid || mine->euid == theirs->uid || cred_has_cap(mine, CAP_SYS_NICE);
}

// --- policy ---

static bool is_real_time(int policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static status_t check_policy(int policy, int priority) {
    switch (policy) {
    case SCHED_FIFO:
    case SCHED_RR:
        return priority >= 1 && priority <= 99 ? 0 : -EINVAL;
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
        return priority == 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

static bool may_have_policy(struct posix_thread *thread, int policy, int priority) {
    if (cred_has_cap(cred_current(), CAP_SYS_NICE))
        return true;
    if (!may_change(thread))
        return false;
    if (!is_real_time(policy))
        return true;
    bool more = policy != thread->thread.policy || priority > thread->thread.rt_priority;
    return !more || (uint64_t)priority <= thread->process->limits[RLIMIT_RTPRIO].soft;
}

// policy < 0: keep it.
static long set_policy(int tid, int policy, int priority) {
    if (tid < 0)
        return -EINVAL;
    rcu_read_lock();
    struct posix_thread *thread = find(tid);
    status_t status = -ESRCH;
    if (thread) {
        bool keep = policy < 0;
        bool reset = keep ? thread->reset_on_fork : (policy & SCHED_RESET_ON_FORK) != 0;
        policy = keep ? thread->thread.policy : policy & ~SCHED_RESET_ON_FORK;
        status = check_policy(policy, priority);
        if (status == 0 && !may_have_policy(thread, policy, priority))
            status = -EPERM;
        if (status == 0)
            status = sched_set_policy(&thread->thread, (enum sched_policy)policy, priority);
        if (status == 0)
            thread->reset_on_fork = reset;
    }
    rcu_read_unlock();
    return status;
}

static long param_from_user(const void __user *from, int *priority) {
    struct abi_sched_param param;
    if (!from)
        return -EINVAL;
    if (copy_from_user(&param, from, sizeof(param)) != 0)
        return -EFAULT;
    *priority = param.priority;
    return 0;
}

long sys_sched_setscheduler(int tid, int policy, const void __user *param) {
    int priority;
    long status = policy < 0 ? -EINVAL : param_from_user(param, &priority);
    return status != 0 ? status : set_policy(tid, policy, priority);
}

long sys_sched_setparam(int tid, const void __user *param) {
    int priority;
    long status = param_from_user(param, &priority);
    return status != 0 ? status : set_policy(tid, -1, priority);
}

// What the getters ask of a thread. False: no such one.
struct settings {
    int policy, priority, nice;
    bool reset_on_fork;
};

static bool read_settings(int tid, struct settings *out) {
    rcu_read_lock();
    struct posix_thread *thread = find(tid);
    bool zombie = !thread && process_seen(process_find(tid)); // its thread is gone, but Linux still answers
    *out = (struct settings){};
    if (thread)
        *out = (struct settings){thread->thread.policy, thread->thread.rt_priority, thread->thread.nice,
                                 thread->reset_on_fork};
    rcu_read_unlock();
    return thread || zombie;
}

long sys_sched_getscheduler(int tid) {
    struct settings s;
    if (tid < 0)
        return -EINVAL;
    return read_settings(tid, &s) ? s.policy | (s.reset_on_fork ? SCHED_RESET_ON_FORK : 0) : -ESRCH;
}

long sys_sched_getparam(int tid, void __user *param) {
    struct settings s;
    if (tid < 0 || !param)
        return -EINVAL;
    if (!read_settings(tid, &s))
        return -ESRCH;
    struct abi_sched_param abi = {is_real_time(s.policy) ? s.priority : 0};
    return copy_to_user(param, &abi, sizeof(abi));
}

long sys_sched_setattr(int tid, const void __user *from, unsigned flags) {
    struct abi_sched_attr attr;
    uint32_t size;
    if (tid < 0 || flags != 0 || !from)
        return -EINVAL;
    if (get_user(size, (const uint32_t __user *)from) != 0)
        return -EFAULT;
    if (size == 0)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > sizeof(attr)) {
        uint32_t known = sizeof(attr);
        return put_user(known, (uint32_t __user *)from) != 0 ? -EFAULT : -E2BIG;
    }
    memset(&attr, 0, sizeof(attr));
    if (copy_from_user(&attr, from, size) != 0)
        return -EFAULT;
    if (attr.policy > SCHED_DEADLINE || attr.nice < -20 || attr.nice > 19)
        return -EINVAL;
    if (attr.flags & ~1ull) // SCHED_FLAG_RESET_ON_FORK alone
        return -EINVAL;
    long status = set_policy(tid, (int)attr.policy | (attr.flags ? SCHED_RESET_ON_FORK : 0), (int)attr.priority);
    if (status == 0 && !is_real_time((int)attr.policy))
        status = sys_setpriority(PRIO_PROCESS, tid, attr.nice);
    return status;
}

long sys_sched_getattr(int tid, void __user *to, unsigned size, unsigned flags) {
    struct settings s;
    struct abi_sched_attr attr;
    if (tid < 0 || flags != 0 || !to || size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return -EINVAL;
    if (!read_settings(tid, &s))
        return -ESRCH;
    memset(&attr, 0, sizeof(attr));
    attr.size = MIN(size, (unsigned)sizeof(attr));
    attr.policy = s.policy;
    attr.flags = s.reset_on_fork; // SCHED_FLAG_RESET_ON_FORK
    attr.nice = is_real_time(s.policy) ? 0 : s.nice;
    attr.priority = is_real_time(s.policy) ? s.priority : 0;
    return copy_to_user(to, &attr, attr.size);
}

long sys_sched_get_priority_max(int policy) {
    if (is_real_time(policy))
        return 99;
    return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE || policy == SCHED_DEADLINE ? 0
                                                                                                              : -EINVAL;
}

long sys_sched_get_priority_min(int policy) {
    if (is_real_time(policy))
        return 1;
    return sys_sched_get_priority_max(policy);
}

long sys_sched_rr_get_interval(int tid, void __user *out) {
    struct settings s;
    if (tid < 0)
        return -EINVAL;
    if (!read_settings(tid, &s))
        return -ESRCH;
    struct abi_timespec slice = {0, s.policy == SCHED_FIFO ? 0 : 100000000};
    return copy_to_user(out, &slice, sizeof(slice));
}

// --- affinity ---

long sys_sched_setaffinity(int tid, unsigned size, const void __user *from) {
    struct cpu_mask mask = {};
    if (copy_from_user(&mask, from, MIN(size, (unsigned)sizeof(mask))) != 0)
        return -EFAULT;
    if (tid == 0 || tid == posix_current()->tid)
        return sched_set_affinity(thread_current(), mask); // may switch away
    rcu_read_lock();
    struct posix_thread *thread = thread_seen(thread_find(tid));
    status_t status = -ESRCH;
    if (thread)
        status = may_change(thread) ? sched_set_affinity(&thread->thread, mask) : -EPERM;
    rcu_read_unlock();
    return status;
}

long sys_sched_getaffinity(int tid, unsigned size, void __user *to) {
    struct cpu_mask mask;
    if (size * 8 < arch_cpu_count() || size % sizeof(uint64_t) != 0)
        return -EINVAL;
    rcu_read_lock();
    struct posix_thread *thread = find(tid);
    if (thread)
        mask = thread->thread.affinity;
    rcu_read_unlock();
    if (!thread)
        return -ESRCH;
    unsigned cpus = arch_cpu_count();
    mask.bits &= cpus < 64 ? (1ull << cpus) - 1 : ~0ull;
    if (copy_to_user(to, &mask, sizeof(mask)) != 0)
        return -EFAULT;
    return sizeof(mask);
}

// --- niceness ---

static status_t set_nice(struct posix_thread *thread, int nice) {
    if (!may_change(thread))
        return -EPERM;
    uint64_t rank = (uint64_t)(20 - nice);
    if (nice < thread->thread.nice && rank > thread->process->limits[RLIMIT_NICE].soft &&
        !cred_has_cap(cred_current(), CAP_SYS_NICE))
        return -EACCES;
    sched_set_nice(&thread->thread, nice);
    return 0;
}

bool threads_for_each(int which, int who, void (*act)(struct posix_thread *thread, void *context), void *context) {
    bool any = false;
    struct posix_thread *thread;
    struct process *self = process_current();
    spin_lock(&process_tree_lock);
    if (which == PRIO_PROCESS) {
        thread = find(who);
        if (thread) {
            act(thread, context);
            any = true;
        }
        goto out;
    }
    uint32_t uid = who == 0 ? cred_current()->uid : (uint32_t)who;
    int group = who == 0 ? self->group->id : who;
    for (int pid = 0; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct process *process = process_seen(process_find(pid));
        bool selected = process && (which == PRIO_PGRP ? process->group->id == group : process->task.cred->uid == uid);
        if (!selected)
            continue;
        spin_lock(&process->signal_lock);
        LIST_FOR_EACH(thread, &process->threads, process_node) {
            act(thread, context);
            any = true;
        }
        spin_unlock(&process->signal_lock);
    }
out:
    spin_unlock(&process_tree_lock);
    return any;
}

struct nice_change {
    int nice;
    status_t status;
};

static void change_one(struct posix_thread *thread, void *context) {
    struct nice_change *change = context;
    status_t status = set_nice(thread, change->nice);
    if (status != 0)
        change->status = status;
}

long sys_setpriority(int which, int who, int nice) {
    struct nice_change change = {.nice = nice < -20 ? -20 : nice > 19 ? 19 : nice};
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return threads_for_each(which, who, change_one, &change) ? change.status : -ESRCH;
}

static void best_one(struct posix_thread *thread, void *context) {
    int *best = context;
    *best = MAX(*best, 20 - thread->thread.nice);
}

// 40 … 1 for niceness -20 … 19: libc turns it round.
long sys_getpriority(int which, int who) {
    int best = 0;
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    return threads_for_each(which, who, best_one, &best) ? best : -ESRCH;
}
