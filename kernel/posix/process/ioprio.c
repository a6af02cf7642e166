// SPDX-License-Identifier: MPL-2.0
// ioprio_get, ioprio_set: how urgent a thread's reads and writes of disks are. The class decides in which of the block
// core's queues a request waits (block_priority in kernel/block/wait.c); the level within a class is kept for who asks,
// as on a Linux disk without a scheduler.
#include "process_priv.h"
#include <abi/resource.h>
#include <abi/syscall_table.h>

static status_t check_priority(int priority) {
    int level = priority & (IOPRIO_LEVELS - 1); // above it are hints, which nothing here takes
    switch (priority >> IOPRIO_CLASS_SHIFT & IOPRIO_CLASS_MASK) {
    case IOPRIO_CLASS_RT:
        if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN) && !cred_has_cap(cred_current(), CAP_SYS_NICE))
            return -EPERM;
        [[fallthrough]];
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return 0;
    case IOPRIO_CLASS_NONE:
        return level == 0 ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

struct change {
    int priority;
    status_t status;
};

// The first that may not be changed ends it.
static void set_one(struct posix_thread *thread, void *context) {
    struct change *change = context;
    const struct cred *mine = cred_current(), *theirs = thread->process->task.cred;
    if (change->status == -EPERM)
        return;
    bool may = theirs->uid == mine->euid || theirs->uid == mine->uid || cred_has_cap(mine, CAP_SYS_NICE);
    change->status = may ? 0 : -EPERM;
    if (may)
        thread->thread.io_priority = (uint16_t)change->priority;
}

// ioprio's names of threads begin at 1, those of getpriority at 0.
static bool is_kind(int which) {
    return which >= IOPRIO_WHO_PROCESS && which <= IOPRIO_WHO_USER;
}

long sys_ioprio_set(int which, int who, int priority) {
    struct change change = {.priority = priority, .status = -ESRCH};
    status_t status = check_priority(priority);
    if (status != 0)
        return status;
    if (!is_kind(which))
        return -EINVAL;
    threads_for_each(which - IOPRIO_WHO_PROCESS, who, set_one, &change);
    return change.status;
}

// What a thread that never said anything has: by its niceness.
static int effective(const struct posix_thread *thread) {
    int priority = thread->thread.io_priority;
    if (priority >> IOPRIO_CLASS_SHIFT != IOPRIO_CLASS_NONE)
        return priority;
    int class = thread->thread.policy == SCHED_POLICY_IDLE   ? IOPRIO_CLASS_IDLE
                : thread->thread.policy == SCHED_POLICY_FIFO ? IOPRIO_CLASS_RT
                : thread->thread.policy == SCHED_POLICY_RR   ? IOPRIO_CLASS_RT
                                                             : IOPRIO_CLASS_BE;
    return class << IOPRIO_CLASS_SHIFT | (thread->thread.nice + 20) / 5;
}

static void get_one(struct posix_thread *thread, void *context) {
    *(int *)context = thread->thread.io_priority;
}

// The most urgent has the smallest number.
static void get_best(struct posix_thread *thread, void *context) {
    int *best = context;
    int priority = effective(thread);
    *best = *best < 0 || priority < *best ? priority : *best;
}

long sys_ioprio_get(int which, int who) {
    int priority = -ESRCH;
    if (!is_kind(which))
        return -EINVAL;
    threads_for_each(which - IOPRIO_WHO_PROCESS, who, which == IOPRIO_WHO_PROCESS ? get_one : get_best, &priority);
    return priority;
}
