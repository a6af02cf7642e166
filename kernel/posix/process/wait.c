// SPDX-License-Identifier: MPL-2.0
// wait4, waitid, and how a parent hears of its children.
//
// A parent sleeps on its own child_wait queue under process_tree_lock; whatever changes a child's state wakes it, and
// it looks at all its children again.
#include "process_priv.h"
#include "rusage.h"
#include "signal/signal_priv.h"
#include "trace/trace_priv.h"
#include "wait_report.h"
#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>

void process_notify_parent(struct process *process, int code, int status) {
    struct process *parent = process->parent;
    if (code == 0)
        code = wait_status_code(status);
    bool exited = code <= CLD_DUMPED;
    int signal = exited ? process->exit_signal : SIGCHLD;
    if (signal && (exited || signal_wants_child_stops(parent))) {
        struct resource_totals used;
        resource_totals_of_process(process, &used);
        struct signal_info info = {.signal = signal, .code = code};
        info.child.pid = process->task.id;
        info.child.uid = process->task.cred->uid;
        info.child.status = exited ? wait_status_value(status) : status;
        info.child.utime = used.user / (NSEC_PER_SEC / CLOCK_TICKS);
        info.child.stime = used.system / (NSEC_PER_SEC / CLOCK_TICKS);
        signal_send_process(parent, signal, &info);
    }
    wait_queue_wake_all(&parent->child_wait);
}

void wait_report_end(struct process *child, unsigned options, struct wait_report *r) {
    r->status = child->exit_status;
    r->code = wait_status_code(r->status);
    r->value = wait_status_value(r->status);
    resource_totals_of_process(child, &r->usage);
    resource_totals_add(&r->usage, &child->reaped);
    if (options & WNOWAIT)
        return;
    resource_totals_add(&process_current()->reaped, &r->usage);
    process_reap(child);
    r->reaped = child;
}

// Another than the parent traces the main thread: it sees the end first.
static bool is_traced_elsewhere(struct process *child) REQUIRES(&process_tree_lock) {
    return UNLIKELY(child->trace != nullptr) && child->trace->tracer->process != process_current();
}

// Has the child something to report? Fills *r and marks it as reported.
static bool child_event(struct process *child, unsigned options, struct wait_report *r) REQUIRES(&process_tree_lock) {
    r->pid = child->task.id;
    r->uid = child->task.cred->uid;
    if (child->exited) {
        if (!(options & WEXITED) || is_traced_elsewhere(child))
            return false;
        wait_report_end(child, options, r);
        return true;
    }
    if (UNLIKELY(child->trace != nullptr) && !is_traced_elsewhere(child))
        return false; // its stops are reported to the tracer (trace_wait.c), so not again to the parent
    bool found = false;
    spin_lock(&child->signal_lock);
    if ((options & WSTOPPED) && child->stopped && child->stop_unreported) {
        r->code = CLD_STOPPED;
        r->value = child->stop_signal;
        r->status = WAIT_STATUS_STOPPED(child->stop_signal);
        if (!(options & WNOWAIT))
            child->stop_unreported = false;
        found = true;
    } else if ((options & WCONTINUED) && child->continue_unreported) {
        r->code = CLD_CONTINUED;
        r->value = SIGCONT;
        r->status = WAIT_STATUS_CONTINUED;
        if (!(options & WNOWAIT))
            child->continue_unreported = false;
        found = true;
    }
    spin_unlock(&child->signal_lock);
    if (found)
        resource_totals_of_process(child, &r->usage);
    return found;
}

// The child's pid, 0 (WNOHANG and nothing to report), or an error.
static long wait_for(const struct wait_selector *s, struct wait_report *r) {
    struct process *self = process_current(), *child;
    long result = 0;
    r->reaped = nullptr;
    spin_lock(&process_tree_lock);
    for (;;) {
        bool any = false;
        LIST_FOR_EACH(child, &self->children, sibling) {
            if (!wait_selects(s, child->task.id, child->group->id, child->exit_signal))
                continue;
            any = true;
            if (child_event(child, s->options, r)) {
                result = r->pid;
                goto out;
            }
        }
        if (UNLIKELY(!list_is_empty(&self->tracees)) && trace_wait(s, r, &any)) {
            result = r->pid;
            break;
        }
        result = any ? 0 : -ECHILD;
        if (!any || (s->options & WNOHANG))
            break;
        if (wait_queue_sleep(&self->child_wait, &process_tree_lock, WAIT_INTERRUPTIBLE, NSEC_NEVER) == -EINTR) {
            result = -ERESTARTSYS;
            break;
        }
    }
out:
    spin_unlock(&process_tree_lock);
    if (r->reaped)
        process_put(r->reaped);
    return result;
}

long sys_wait4(int pid, int __user *status, int options, void __user *usage) {
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL))
        return -EINVAL;
    if (pid == INT32_MIN)
        return -ESRCH;
    struct wait_report report;
    struct wait_selector selector = wait_selector_from_pid(pid, process_current()->group->id, options | WEXITED);
    long result = wait_for(&selector, &report);
    if (result <= 0)
        return result;
    if (status && put_user(report.status, status) != 0)
        return -EFAULT;
    if (usage) {
        struct abi_rusage abi;
        rusage_to_abi(&report.usage, &abi);
        if (copy_to_user(usage, &abi, sizeof(abi)) != 0)
            return -EFAULT;
    }
    return result;
}

static status_t selector_from_id(int which, int id, unsigned options, struct wait_selector *out) {
    *out = (struct wait_selector){which, id, options};
    switch (which) {
    case P_ALL:
        return 0;
    case P_PID:
        return id > 0 ? 0 : -EINVAL;
    case P_PGID:
        if (id < 0)
            return -EINVAL;
        if (id == 0)
            out->id = process_current()->group->id;
        return 0;
    case P_PIDFD: {
        if (id < 0)
            return -EINVAL;
        struct handle_ref ref;
        status_t status = handle_lookup(id, 0, &ref);
        if (status != 0)
            return status;
        struct process *process = pidfd_process(ref.object);
        if (process) {
            out->which = P_PID;
            out->id = process->task.id;
            if ((atomic_load_explicit(&ref.object->status_flags, memory_order_relaxed) & O_NONBLOCK))
                out->options |= WNOHANG;
        }
        handle_release(&ref);
        return process ? 0 : -EBADF;
    }
    default:
        return -EINVAL;
    }
}

static status_t copy_info(void __user *to, const struct wait_report *r, bool found) {
    struct signal_info info;
    memset(&info, 0, sizeof(info));
    if (found) {
        info.signal = SIGCHLD;
        info.code = r->code;
        info.child.pid = r->pid;
        info.child.uid = r->uid;
        info.child.status = r->value;
    }
    // Linux writes the fields that waitid defines, not all 128 bytes.
    return copy_to_user(to, &info, offsetof(struct signal_info, child.utime));
}

long sys_waitid(int which, int id, void __user *info, int options, void __user *usage) {
    if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL))
        return -EINVAL;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    struct wait_selector selector;
    status_t status = selector_from_id(which, id, options, &selector);
    if (status != 0)
        return status;
    struct wait_report report;
    long result = wait_for(&selector, &report);
    if (result < 0)
        return result;
    if (result == 0 && (selector.options & WNOHANG) && !(options & WNOHANG))
        return -EAGAIN; // a pidfd opened with PIDFD_NONBLOCK
    if (info && copy_info(info, &report, result > 0) != 0)
        return -EFAULT;
    if (usage && result > 0) {
        struct abi_rusage abi;
        rusage_to_abi(&report.usage, &abi);
        if (copy_to_user(usage, &abi, sizeof(abi)) != 0)
            return -EFAULT;
    }
    return 0;
}
