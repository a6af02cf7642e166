// SPDX-License-Identifier: MPL-2.0
// kcmp: do two processes share something? And unshare: stop sharing it.
#include "process_priv.h"
#include <abi/clone.h>
#include <abi/syscall_table.h>
#include <vfs/path.h>

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND, KCMP_IO, KCMP_SYSVSEM };

// 0 equal, 1 less, 2 greater.
static int order(const void *a, const void *b) {
    return a == b ? 0 : a < b ? 1 : 2;
}

static const void *file_of_process(struct process *process, unsigned long fd) {
    struct handle_ref ref;
    struct handle_table *table = process->task.handles;
    if (!table || fd > INT32_MAX || handle_lookup_in(table, (int)fd, 0, &ref) != 0)
        return nullptr;
    const void *object = ref.object; // only compared
    handle_release(&ref);
    return object;
}

static long compare(struct process *a, struct process *b, int type, const unsigned long fds[2]) {
    switch (type) {
    case KCMP_FILE: {
        const void *f = file_of_process(a, fds[0]), *g = file_of_process(b, fds[1]);
        return f && g ? order(f, g) : -EBADF;
    }
    case KCMP_VM:
        return order(a->task.aspace, b->task.aspace);
    case KCMP_FILES:
        return order(a->task.handles, b->task.handles);
    case KCMP_FS:
        return order(a->task.fs, b->task.fs);
    case KCMP_SIGHAND:
        return order(a->actions, b->actions);
    case KCMP_IO:
        return order(a, b); // nobody shares them
    case KCMP_SYSVSEM:      // lists of what to undo are one to a process, once it has any
        return order(a->undoes_semaphores ? a : nullptr, b->undoes_semaphores ? b : nullptr);
    default:
        return -EINVAL;
    }
}

static bool may_look(struct process *process) {
    const struct cred *mine = cred_current(), *theirs = process->task.cred;
    return mine->uid == theirs->uid || cred_has_cap(mine, CAP_SYS_PTRACE);
}

long sys_kcmp(int pid1, int pid2, int type, unsigned long index1, unsigned long index2) {
    struct process *a = process_lookup_seen(pid1), *b = process_lookup_seen(pid2);
    long result = -ESRCH;
    if (a && b)
        result = may_look(a) && may_look(b) ? compare(a, b, type, (unsigned long[]){index1, index2}) : -EPERM;
    if (a)
        process_put(a);
    if (b)
        process_put(b);
    return result;
}

static status_t unshare_fs(struct task *task) {
    struct fs_context *old = task->fs;
    if (refcount_value(&old->ref) == 1)
        return 0;
    struct fs_context *copy = fs_context_copy(old);
    if (!copy)
        return -ENOMEM;
    spin_lock(&process_tree_lock);
    atomic_store_explicit(&task->fs, copy, memory_order_release);
    spin_unlock(&process_tree_lock);
    fs_context_put(old);
    return 0;
}

static status_t unshare_files(struct task *task) {
    struct handle_table *copy = handle_table_copy(task->handles);
    if (!copy)
        return -ENOMEM;
    handle_table_replace(task, copy);
    return 0;
}

// Of the namespaces there is only that of mounts: for others, as on a Linux built without them. Threads of one process
// cannot stop sharing its tables.
long sys_unshare(unsigned long flags) {
    struct task *task = task_current();
    if (flags & ~(CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWNS))
        return -EINVAL;
    if (!process_is_alone())
        return flags == 0 ? 0 : -EINVAL;
    status_t status = flags & (CLONE_FS | CLONE_NEWNS) ? unshare_fs(task) : 0;
    if (status == 0 && (flags & CLONE_NEWNS))
        status = fs_context_unshare_mounts(task->fs);
    if (status == 0 && (flags & CLONE_FILES))
        status = unshare_files(task);
    return status;
}
