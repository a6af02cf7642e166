// SPDX-License-Identifier: MPL-2.0
// Jobs: a tree of groups of tasks, with limits and one kill switch.
//
// Every task belongs to one job and its children begin there, too. What a task uses counts for its job and for all
// jobs above it, and each of these may have a limit. Counters go up the tree in batches where they are on fast paths:
// memory in mm/account.h, handles in the handle table; threads are counted one by one.
//
// A job lives while someone has a handle to it, or it has tasks or jobs below. Its handle is readable
// (SIGNAL_TERMINATED) when it has had tasks, or was killed, and none is left in it or below.
//
// (This has nothing to do with the job control of terminals, which is in kernel/posix/process/job.c.)
#pragma once

#include <abi/job.h>
#include <mm/account.h>
#include <object/object.h>
#include <sched/share.h>

#define JOB_DEPTH_MAX 16
#define JOB_NO_LIMIT UINT64_MAX

struct job {
    struct object object;         // type OBJECT_JOB
    struct memory_account memory; // keeps the storage after the object is gone, while memory is charged
    struct cpu_share share;
    struct job *parent;      // one reference; null: the root job
    const struct job *scope; // the nearest, itself included, whose tasks see only those below it; null: all
    unsigned depth;
    uint32_t flags; // JOB_*: its own and its parents'
    char name[32];
    _Atomic int64_t threads, threads_limit; // limits: COUNTER_UNLIMITED is none
    _Atomic int64_t handles, handles_limit;
    // A scope's: servers of the legacy path keep something for it, and so many bytes (posix/legacy/legacy_job.c).
    _Atomic bool served;
    _Atomic int64_t served_bytes;
    // Under the lock of the tree (job.c).
    struct list_node all; // every job there is, in order of making
    uint32_t tasks;       // of it and those below
    _Atomic bool killed;  // no task begins in it any more
    struct rcu_head rcu;
};

extern struct job job_root;
void job_init_root(void); // at boot, before the first task

// -ENOMEM, -EAGAIN (too deep, or the parent is killed). One reference in *out. `name` is cut to fit.
MUST_USE status_t job_make(struct job *parent, const char *name, uint32_t flags, struct job **out);
struct job *job_of_object(struct object *object); // null: another kind
ALWAYS_INLINE void job_get(struct job *job) {
    object_get(&job->object);
}
ALWAYS_INLINE void job_put(struct job *job) {
    object_put(&job->object);
}
// Is it `ancestor` or below it?
bool job_is_within(const struct job *job, const struct job *ancestor);
// May the tasks of `from` see and signal those of `to`?
ALWAYS_INLINE bool job_sees(const struct job *from, const struct job *to) {
    return LIKELY(!from->scope) || job_is_within(to, from->scope);
}

// -EINVAL: a share out of range. `may_raise` false: -EPERM if a limit is higher than it was.
MUST_USE status_t job_change_limits(struct job *job, const struct job_limits *limits, bool may_raise);
void job_describe(struct job *job, struct job_info *out);
// In order of making, with a reference; null: there are no more. Takes over the reference on `after` (null: the first).
struct job *job_next(struct job *after);

// --- charging ---
// A task begins in the job or ends. -EAGAIN: the job is killed.
MUST_USE status_t job_add_task(struct job *job);
void job_remove_task(struct job *job);
// With what they keep in the kernel. -EAGAIN, -ENOMEM: the limit on threads or on memory is reached, here or above.
MUST_USE status_t job_charge_threads(struct job *job, uint64_t count);
void job_uncharge_threads(struct job *job, uint64_t count);
// False: a limit is reached, here or above.
MUST_USE bool job_charge_handles(struct job *job, uint64_t count);
void job_uncharge_handles(struct job *job, uint64_t count);
// True: no job from here up has a limit on handles, so a table may charge ahead.
bool job_handles_are_unlimited(const struct job *job);
// The nearest job from here up that could not pay for a page fault now; null: none.
struct job *job_at_memory_limit(struct job *job);
// From now on no task begins in the job or below. The caller kills those that there are.
void job_close_gates(struct job *job);
