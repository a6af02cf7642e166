// SPDX-License-Identifier: MPL-2.0
// System calls that send signals.
#include "process/process_priv.h"
#include "signal_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>

static bool is_signal(int signal) {
    return signal >= 0 && signal <= SIGNAL_COUNT;
}

static status_t send_one(struct process *process, int signal, const struct signal_info *info) {
    status_t status = signal_may_send(process, signal);
    if (status != 0 || signal == 0 || process->exited)
        return status;
    return signal_send_process(process, signal, info);
}

// Success if one could be signalled; else the last error.
static status_t send_group(struct process_group *group, int signal, const struct signal_info *info)
    REQUIRES(&process_tree_lock) {
    status_t status = -ESRCH;
    bool sent = false;
    struct process *p;
    LIST_FOR_EACH(p, &group->members, group_node) {
        status = send_one(p, signal, info);
        sent = sent || status == 0;
    }
    return sent ? 0 : status;
}

// All that the caller may signal but init and itself.
static status_t send_all(int signal, const struct signal_info *info) REQUIRES(&process_tree_lock) {
    status_t status = -ESRCH;
    struct process *self = process_current();
    for (int pid = 2; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct process *p = process_find(pid);
        if (p == self)
            continue;
        status_t one = send_one(p, signal, info);
        if (one != -EPERM)
            status = one;
    }
    return status;
}

long sys_kill(int pid, int signal) {
    if (!is_signal(signal))
        return -EINVAL;
    struct signal_info info;
    signal_info_from_current(&info, signal, SI_USER);
    struct process *self = process_current();
    if (pid == self->task.id && signal != 0)
        return signal_send_process(self, signal, &info);
    if (pid == INT32_MIN)
        return -ESRCH;
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    if (pid > 0) {
        struct process *process = process_find_by_thread(pid);
        if (process)
            status = send_one(process, signal, &info);
    } else if (pid == -1) {
        status = send_all(signal, &info);
    } else {
        struct process_group *group = pid == 0 ? self->group : process_group_find(-pid);
        if (group)
            status = send_group(group, signal, &info);
    }
    spin_unlock(&process_tree_lock);
    return status;
}

// To one thread; pid -1: of whatever process.
static long send_to_thread(int pid, int tid, int signal, const struct signal_info *info) {
    if (!is_signal(signal) || tid <= 0)
        return -EINVAL;
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = thread_find(tid);
    if (thread && (pid < 0 || thread->process->task.id == pid)) {
        status = signal_may_send(thread->process, signal);
        if (status == 0 && signal != 0)
            status = signal_send_thread(thread, signal, info);
    }
    spin_unlock(&process_tree_lock);
    return status;
}

long sys_tkill(int tid, int signal) {
    struct signal_info info;
    signal_info_from_current(&info, signal, SI_TKILL);
    return send_to_thread(-1, tid, signal, &info);
}

long sys_tgkill(int pid, int tid, int signal) {
    if (pid <= 0)
        return -EINVAL;
    struct signal_info info;
    signal_info_from_current(&info, signal, SI_TKILL);
    return send_to_thread(pid, tid, signal, &info);
}

// Only the kernel may pretend to be the kernel: to others, si_code must be that of a user's signal.
static status_t info_from_user(const void __user *from, int signal, int pid, struct signal_info *info) {
    if (copy_from_user(info, from, sizeof(*info)) != 0)
        return -EFAULT;
    info->signal = signal;
    if ((info->code >= 0 || info->code == SI_TKILL) && pid != process_current()->task.id)
        return -EPERM;
    return 0;
}

long sys_rt_sigqueueinfo(int pid, int signal, const void __user *user_info) {
    struct signal_info info;
    status_t status = info_from_user(user_info, signal, pid, &info);
    if (status != 0)
        return status;
    if (!is_signal(signal))
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct process *process = pid > 0 ? process_find_by_thread(pid) : nullptr;
    status = process ? send_one(process, signal, &info) : -ESRCH;
    spin_unlock(&process_tree_lock);
    return status;
}

long sys_rt_tgsigqueueinfo(int pid, int tid, int signal, const void __user *user_info) {
    struct signal_info info;
    if (pid <= 0 || tid <= 0)
        return -EINVAL;
    status_t status = info_from_user(user_info, signal, pid, &info);
    if (status != 0)
        return status;
    return send_to_thread(pid, tid, signal, &info);
}
