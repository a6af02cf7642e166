// SPDX-License-Identifier: MPL-2.0
// pidfds: handles of tasks. Signals can be sent to an open /proc/PID, too.

#include "pidfd_priv.h"

#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <posix/process.h>
#include <vfs/path.h>
#include <vfs/procfs.h>

#define PIDFD_RIGHTS (RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE | RIGHT_SIGNAL)

int pidfd_install(struct process *process) {
    object_get(&process->task.object);
    int fd = handle_install(&process->task.object, PIDFD_RIGHTS, HANDLE_CLOEXEC);
    if (fd < 0)
        object_put(&process->task.object);
    return fd;
}

long sys_pidfd_open(int pid, unsigned flags) {
    if ((flags & ~(unsigned)O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    struct process *process = process_lookup_seen(pid);
    if (!process) {
        rcu_read_lock();
        bool thread = thread_seen(thread_find(pid)) != nullptr;
        rcu_read_unlock();
        return thread ? -EINVAL : -ESRCH;
    }
    if (flags & O_NONBLOCK)
        atomic_fetch_or(&process->task.object.status_flags, (uint32_t)O_NONBLOCK);
    int fd = pidfd_install(process);
    process_put(process);
    return fd;
}

static status_t lookup(int fd, uint32_t rights, struct handle_ref *ref, struct process **process) {
    status_t status = handle_lookup(fd, rights, ref);
    if (status != 0)
        return status;
    if (ref->object->ops != &process_object_ops) {
        handle_release(ref);
        return -EBADF;
    }
    *process = CONTAINER_OF(ref->object, struct process, task.object);
    return 0;
}

// For signals, an open /proc/PID is as good.
static status_t lookup_target(int fd, struct handle_ref *ref, struct process **process) {
    status_t status = lookup(fd, RIGHT_SIGNAL, ref, process);
    if (status != -EBADF || handle_lookup(fd, 0, ref) != 0)
        return status;
    struct vnode *vnode = object_vnode(ref->object);
    struct task *task = vnode ? procfs_task(vnode) : nullptr;
    if (!task) {
        handle_release(ref);
        return -EBADF;
    }
    *process = task_process(task);
    return 0;
}

// What a sender may claim about himself: to others only what cannot pass for the kernel's or for kill's.
static status_t info_for(struct process *process, int signal, const void __user *user, struct signal_info *info) {
    if (!user) {
        signal_info_from_current(info, signal, SI_USER);
        return 0;
    }
    if (copy_from_user(info, user, sizeof *info) != 0)
        return -EFAULT;
    if (info->signal != signal)
        return -EINVAL;
    if (process != process_current() && (info->code >= 0 || info->code == SI_TKILL))
        return -EPERM;
    return 0;
}

long sys_pidfd_send_signal(int fd, int signal, const void __user *user, unsigned flags) {
    struct handle_ref ref;
    struct process *process;
    struct signal_info info;
    if (flags != 0)
        return -EINVAL;
    status_t status = lookup_target(fd, &ref, &process);
    if (status != 0)
        return status;
    if (signal < 0 || signal > SIGNAL_COUNT)
        status = -EINVAL;
    if (status == 0)
        status = info_for(process, signal, user, &info);
    if (status == 0 && process->exited)
        status = process_find(process->task.id) == process ? 0 : -ESRCH;
    if (status == 0)
        status = signal_may_send(process, signal);
    if (status == 0 && signal != 0)
        status = signal_send_process(process, signal, &info);
    handle_release(&ref);
    return status;
}

long sys_pidfd_getfd(int pidfd, int fd, unsigned flags) {
    struct handle_ref ref, theirs;
    struct process *process;
    if (flags != 0)
        return -EINVAL;
    status_t status = lookup(pidfd, 0, &ref, &process);
    if (status != 0)
        return status;
    struct handle_table *table = task_get_handles(&process->task);
    int result = !table                          ? -ESRCH
                 : !process_may_inspect(process) ? -EPERM
                                                 : handle_lookup_in(table, fd, RIGHT_DUPLICATE, &theirs);
    if (result == 0) {
        object_get(theirs.object);
        result = handle_install(theirs.object, theirs.rights, HANDLE_CLOEXEC);
        if (result < 0)
            object_put(theirs.object);
        handle_release(&theirs);
    }
    if (table)
        handle_table_put(table, &process->task);
    handle_release(&ref);
    return result;
}
