// SPDX-License-Identifier: MPL-2.0
// What wait4 and waitid tell of tracees: each stop once, and the end. A tracee that is also a child of the caller ends
// as a child (wait.c).
#include "process/process_priv.h"
#include "process/rusage.h"
#include "trace_priv.h"
#include <lib/string.h>

static bool selects(const struct wait_selector *s, const struct tracee *tracee) {
    if (s->which == P_PID)
        return tracee->tid == s->id;
    int group = tracee->ended ? tracee->group : tracee->process->group->id;
    return s->which != P_PGID || group == s->id;
}

static bool report_end(struct tracee *tracee, unsigned options, struct wait_report *r) REQUIRES(&process_tree_lock) {
    struct process *process = tracee->process;
    r->pid = tracee->tid;
    if (tracee->ended) { // of a thread: its usage is its process's
        r->status = tracee->exit_status;
        r->code = wait_status_code(r->status);
        r->value = wait_status_value(r->status);
        r->uid = 0;
        memset(&r->usage, 0, sizeof(r->usage));
    } else {
        r->uid = process->task.cred->uid;
        wait_report_end(process, options | WNOWAIT, r); // the usage is counted for the parent
    }
    if (!(options & WNOWAIT) && trace_unlink(tracee))
        r->reaped = process;
    return true;
}

static bool report_stop(struct tracee *tracee, unsigned options, struct wait_report *r) {
    struct process *process = tracee->process;
    struct posix_thread *thread = tracee->thread;
    spin_lock(&process->signal_lock);
    bool found = tracee->state != TRACE_RUNNING && tracee->unreported;
    if (found) {
        r->pid = tracee->tid;
        r->uid = process->task.cred->uid;
        r->status = tracee->code << 8 | 0x7f;
        r->code = CLD_TRAPPED;
        r->value = tracee->code;
        if (!(options & WNOWAIT)) {
            tracee->unreported = false;
            thread->trace_signal = 0; // now it is the tracer's to decide
        }
    }
    spin_unlock(&process->signal_lock);
    if (found)
        resource_totals_of_process(process, &r->usage);
    return found;
}

bool trace_wait(const struct wait_selector *s, struct wait_report *r, bool *any) {
    struct posix_thread *self = posix_current();
    struct tracee *tracee;
    LIST_FOR_EACH(tracee, &self->process->tracees, node) {
        if (!selects(s, tracee) || ((s->options & __WNOTHREAD) && tracee->tracer != self))
            continue;
        *any = true;
        if (tracee->ended || tracee->process->exited) {
            bool child = !tracee->ended && tracee->process->parent == self->process;
            if (!child && (s->options & WEXITED))
                return report_end(tracee, s->options, r);
        } else if (tracee->thread && report_stop(tracee, s->options, r)) {
            return true;
        }
    }
    return false;
}
