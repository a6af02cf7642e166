// SPDX-License-Identifier: MPL-2.0
// What ends when a page fault finds no memory.
//
// If a job is at its limit, the choice is made within that job and goes by its policy: its largest process, all of it,
// or a signal to the thread that faulted. If the machine has none left, the job right below the root that uses most is
// taken, or a process of the root job if that alone uses more, and of it the largest process.
//
// One at a time: while a chosen process is still on its way out, others wait for its memory instead of choosing again.
// Whoever waits goes back to user mode, and faults again.
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include <lib/log.h>
#include <mm/aspace.h>
#include <mm/page.h>
#include <sched/sched.h>

#define PAUSE ((nsec_t)2'000'000) // for a process that ends

struct candidate {
    struct process *process;
    int64_t job_pages, score;
};

// The job right below the root that the process is in; null: it is in the root job itself.
static struct job *top_job(struct process *process) {
    struct job *job = process->task.job;
    while (job->depth > 1)
        job = job->parent;
    return job->depth == 1 ? job : nullptr;
}

// The larger, the sooner: pages, moved by oom_score_adj in thousandths of all memory. *dying: it ends already; its
// memory goes before it becomes a zombie.
static int64_t score_of(struct process *process, uint64_t total, bool *dying) {
    int64_t pages = 0;
    spin_lock(&process->signal_lock); // the space stays while it is held
    struct aspace *aspace = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    if (aspace)
        pages = aspace->resident_pages + aspace->table_pages;
    *dying = process->group_exit;
    spin_unlock(&process->signal_lock);
    return pages + process->oom_score_adj * (int64_t)total / 1000;
}

static bool is_worse(const struct candidate *a, const struct candidate *than) {
    if (!than->process || a->job_pages != than->job_pages)
        return !than->process || a->job_pages > than->job_pages;
    return a->score > than->score;
}

// Ends the largest process in the job (null: of the machine), unless one is ending already. False: there is none.
static bool end_one(struct job *job) {
    struct candidate worst = {};
    struct page_stats stats;
    page_stats(&stats);
    bool dying = false;
    spin_lock(&process_tree_lock);
    for (int pid = 0; !dying && (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct process *process = process_find(pid);
        if (process->exited || process->is_init || (job && !job_is_within(process->task.job, job)))
            continue;
        struct candidate candidate = {.process = process, .score = score_of(process, stats.total, &dying)};
        struct job *top = job ? nullptr : top_job(process);
        if (!job)
            candidate.job_pages =
                top ? atomic_load_explicit(&top->memory.pages, memory_order_relaxed) : candidate.score;
        if (process->oom_score_adj > -1000 && is_worse(&candidate, &worst))
            worst = candidate;
    }
    if (!dying && worst.process) {
        klog(LOG_ERROR, "out of memory%s%s: ending %s (%d)", job ? " in job " : "", job ? job->name : "",
             worst.process->task.name, worst.process->task.id);
        process_kill_locked(worst.process);
    }
    spin_unlock(&process_tree_lock);
    return dying || worst.process;
}

enum memory_verdict memory_is_short(void) {
    struct process *self = process_current();
    struct job *job = job_at_memory_limit(job_current());
    if (job && job->flags & JOB_OOM_FAULT)
        return MEMORY_FAULT;
    if (job && job->flags & JOB_OOM_JOB) {
        klog(LOG_ERROR, "out of memory: ending job %s", job->name);
        job_end(job);
    } else if (!end_one(job)) {
        signal_send_process(self, SIGKILL, nullptr);
    }
    if (thread_is_killed())
        return MEMORY_KILLED;
    (void)thread_sleep_until(clock_now() + PAUSE, WAIT_KILLABLE); // whatever ended it
    return thread_is_killed() ? MEMORY_KILLED : MEMORY_AGAIN;
}
