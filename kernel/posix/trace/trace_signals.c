// SPDX-License-Identifier: MPL-2.0
// Signals of a stopped tracee: the one that it stopped for, its mask, and what is queued.
#include "signal/signal_priv.h"
#include "trace_priv.h"
#include <arch/uaccess.h>
#include <sched/sched.h>

static status_t info_get(struct posix_thread *thread, void *context) {
    if (!thread->trace->has_info)
        return -EINVAL; // a group stop
    *(struct signal_info *)context = thread->trace->info;
    return 0;
}

static status_t info_set(struct posix_thread *thread, void *context) {
    if (!thread->trace->has_info)
        return -EINVAL;
    thread->trace->info = *(const struct signal_info *)context;
    return 0;
}

long trace_signal_info(int tid, void __user *data, bool set) {
    struct signal_info info;
    if (set && copy_from_user(&info, data, sizeof(info)) != 0)
        return -EFAULT;
    status_t status = trace_with_stopped(tid, set ? info_set : info_get, &info);
    return status != 0 || set ? status : copy_to_user(data, &info, sizeof(info));
}

// --- the mask ---

static status_t mask_get(struct posix_thread *thread, void *context) {
    *(uint64_t *)context = thread->restore_blocked ? thread->saved_blocked : thread->blocked;
    return 0;
}

// The thread looks at its queues again when it goes on.
static status_t mask_set(struct posix_thread *thread, void *context) {
    thread->blocked = *(const uint64_t *)context & ~SIGNALS_UNBLOCKABLE;
    thread->restore_blocked = false;
    return 0;
}

long trace_signal_mask(int tid, size_t size, void __user *data, bool set) {
    uint64_t mask;
    if (size != sizeof(mask))
        return -EINVAL;
    if (set && copy_from_user(&mask, data, sizeof(mask)) != 0)
        return -EFAULT;
    status_t status = trace_with_stopped(tid, set ? mask_set : mask_get, &mask);
    return status != 0 || set ? status : copy_to_user(data, &mask, sizeof(mask));
}

// --- what is queued ---

struct peek {
    struct abi_ptrace_peeksiginfo_args args;
    struct signal_info info;
    bool found;
};

static status_t peek_one(struct posix_thread *thread, void *context) {
    struct peek *peek = context;
    bool shared = peek->args.flags & PTRACE_PEEKSIGINFO_SHARED;
    const struct signal_queue *queue = shared ? &thread->process->pending : &thread->pending;
    peek->found = signal_queue_peek(queue, peek->args.offset, &peek->info, 1) == 1;
    return 0;
}

long trace_peek_signals(int tid, const void __user *args, void __user *to) {
    struct peek peek;
    if (copy_from_user(&peek.args, args, sizeof(peek.args)) != 0)
        return -EFAULT;
    if ((peek.args.flags & ~PTRACE_PEEKSIGINFO_SHARED) || peek.args.count < 0)
        return -EINVAL;
    int done = 0;
    for (; done < peek.args.count; done++, peek.args.offset++) {
        status_t status = trace_with_stopped(tid, peek_one, &peek);
        if (status == 0 && !peek.found)
            break;
        if (status == 0 && copy_to_user((struct signal_info __user *)to + done, &peek.info, sizeof(peek.info)) != 0)
            status = -EFAULT;
        if (status != 0)
            return done > 0 ? done : status;
    }
    return done;
}
