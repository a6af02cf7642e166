// SPDX-License-Identifier: MPL-2.0
// Resource limits: reading, setting, and handing them to the subsystems that enforce them.
#include "process_priv.h"
#include <abi/resource.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <mm/aspace.h>

enum { HANDLES_MAX = 1 << 20 }; // /proc/sys/fs/nr_open

// Copies that others keep, so that their fast paths need not look here.
static void spread(struct process *process, unsigned resource, uint64_t soft) REQUIRES(&process->signal_lock) {
    struct aspace *aspace = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    struct handle_table *handles = atomic_load_explicit(&process->task.handles, memory_order_relaxed);
    if (resource == RLIMIT_NOFILE && handles)
        handle_table_set_limit(handles, (unsigned)MIN(soft, (uint64_t)HANDLES_MAX));
    if (resource == RLIMIT_CPU)
        process->cpu_limit_next = 0;
    if (!aspace)
        return;
    if (resource == RLIMIT_AS)
        aspace->limit_address_space = soft;
    else if (resource == RLIMIT_DATA)
        aspace->limit_data = soft;
    else if (resource == RLIMIT_STACK)
        aspace->limit_stack = soft;
    else if (resource == RLIMIT_MEMLOCK)
        aspace->limit_locked = soft;
}

static status_t set_limit(struct process *process, unsigned resource, const struct abi_rlimit *wanted)
    REQUIRES(&process->signal_lock) {
    struct rlimit *limit = &process->limits[resource];
    if (wanted->soft > wanted->hard)
        return -EINVAL;
    if (resource == RLIMIT_NOFILE && wanted->hard > HANDLES_MAX)
        return -EPERM;
    if (wanted->hard > limit->hard && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
        return -EPERM;
    *limit = (struct rlimit){wanted->soft, wanted->hard};
    spread(process, resource, wanted->soft);
    return 0;
}

static bool may_touch(struct process *process) {
    const struct cred *mine = cred_current(), *theirs = process->task.cred;
    if (process == process_current() || cred_has_cap(mine, CAP_SYS_RESOURCE))
        return true;
    return mine->uid == theirs->uid && mine->uid == theirs->euid && mine->uid == theirs->suid &&
           mine->gid == theirs->gid && mine->gid == theirs->egid && mine->gid == theirs->sgid;
}

static status_t exchange(struct process *process, unsigned resource, const struct abi_rlimit *wanted,
                         struct abi_rlimit *previous) {
    if (!may_touch(process))
        return -EPERM;
    status_t status = 0;
    spin_lock(&process->signal_lock);
    *previous = (struct abi_rlimit){process->limits[resource].soft, process->limits[resource].hard};
    if (wanted)
        status = set_limit(process, resource, wanted);
    spin_unlock(&process->signal_lock);
    return status;
}

long sys_prlimit64(int pid, unsigned resource, const void __user *in, void __user *out) {
    struct abi_rlimit wanted, previous;
    if (resource >= RLIMIT_COUNT)
        return -EINVAL;
    if (in && copy_from_user(&wanted, in, sizeof(wanted)) != 0)
        return -EFAULT;
    struct process *process = pid == 0 ? process_current() : process_lookup_seen(pid);
    if (!process)
        return -ESRCH;
    status_t status = exchange(process, resource, in ? &wanted : nullptr, &previous);
    if (pid != 0)
        process_put(process);
    if (status == 0 && out)
        status = copy_to_user(out, &previous, sizeof(previous));
    return status;
}

long sys_getrlimit(unsigned resource, void __user *out) {
    return out ? sys_prlimit64(0, resource, nullptr, out) : -EFAULT;
}

long sys_setrlimit(unsigned resource, const void __user *in) {
    return in ? sys_prlimit64(0, resource, in, nullptr) : -EFAULT;
}
