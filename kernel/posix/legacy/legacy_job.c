// SPDX-License-Identifier: MPL-2.0
// What servers of the legacy path keep for a sandbox: it has keys and ids of its own there, is charged for the bytes,
// and nothing is left when its last task has ended.
//
// Only the server knows how much a call makes it keep. So the kernel pays ahead, the answer says how much it was, and
// the rest is given back; a server that needs more asks for it first. Bytes are summed up here and charged as whole
// pages.
//
// The end is told under the process tree's lock, under which tasks begin in a job, too: a task that begins in the empty
// job asks after that, and finds nothing.
#include "legacy.h"
#include "process/process_priv.h"

#include <object/job.h>
#include <object/task.h>

struct job *legacy_scope(void) {
    struct job *job = job_current();
    while (job && job->scope != job)
        job = job->parent;
    return job;
}

static int64_t pages(int64_t bytes) {
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

bool legacy_charge(struct job *scope, int64_t bytes) {
    if (!scope || bytes == 0)
        return true;
    atomic_store_explicit(&scope->served, true, memory_order_relaxed);
    int64_t old = atomic_load_explicit(&scope->served_bytes, memory_order_relaxed);
    for (;;) {
        int64_t more = pages(old + bytes) - pages(old);
        if (more > 0 && !account_charge(&scope->memory, more))
            return false;
        if (atomic_compare_exchange_weak(&scope->served_bytes, &old, old + bytes))
            return true;
        if (more > 0)
            account_uncharge(&scope->memory, more);
    }
}

void legacy_uncharge(struct job *scope, int64_t bytes) {
    if (!scope || bytes == 0)
        return;
    int64_t old = atomic_load_explicit(&scope->served_bytes, memory_order_relaxed), now;
    do
        now = MAX(old - bytes, (int64_t)0);
    while (!atomic_compare_exchange_weak(&scope->served_bytes, &old, now));
    if (pages(old) > pages(now))
        account_uncharge(&scope->memory, pages(old) - pages(now));
}

void legacy_task_ends(struct job *job) {
    for (; job; job = job->parent) {
        if (job->scope != job || job->tasks != 1 || !atomic_load_explicit(&job->served, memory_order_relaxed))
            continue;
        atomic_store_explicit(&job->served, false, memory_order_relaxed);
        legacy_tell(POSIX_JOB_END, &(struct posix_notice){.job = job->object.id});
        legacy_uncharge(job, atomic_load_explicit(&job->served_bytes, memory_order_relaxed));
    }
}
