// SPDX-License-Identifier: MPL-2.0
// /proc/PID: its places in the tree of files (exe, cwd, root), and the mounts that it can reach.
#include "proc_priv.h"
#include <abi/stat.h>
#include <vfs/file.h>

// The executable is replaced and put away by the process itself alone, so others take it under the lock.
static status_t follow_exe(struct task *task, struct path *out) {
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    if (status != 0)
        return status;
    status = -ENOENT;
    spin_lock(&process->signal_lock);
    struct object *executable = task->executable;
    const struct path *path = executable ? object_path(executable) : nullptr;
    if (path) {
        *out = *path;
        path_get(out);
        status = 0;
    }
    spin_unlock(&process->signal_lock);
    return status;
}

// -ENOENT: it has ended.
static status_t place_of(struct task *task, struct path *out, bool root) {
    status_t status = -ENOENT;
    spin_lock(&process_tree_lock); // the context goes before the process leaves the tree
    struct fs_context *fs = atomic_load_explicit(&task->fs, memory_order_acquire);
    if (fs) {
        spin_lock(&fs->lock);
        *out = root ? fs->root : fs->cwd;
        path_get(out);
        spin_unlock(&fs->lock);
        status = 0;
    }
    spin_unlock(&process_tree_lock);
    return status;
}

static status_t follow_cwd(struct task *task, struct path *out) {
    status_t status = proc_check_access(task_process(task));
    return status == 0 ? place_of(task, out, false) : status;
}

static status_t follow_root(struct task *task, struct path *out) {
    status_t status = proc_check_access(task_process(task));
    return status == 0 ? place_of(task, out, true) : status;
}

static status_t show_mounts(struct text_buffer *text, struct task *task, bool info) {
    struct path root;
    if (place_of(task, &root, true) != 0)
        return -EINVAL;
    mount_describe_all(text, info, &root);
    path_put(&root);
    return 0;
}

static status_t mounts_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    return show_mounts(text, task, false);
}

static status_t mountinfo_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    return show_mounts(text, task, true);
}

static const struct proc_entry entries[] = {
    {.name = "exe", .mode = S_IFLNK | 0777, .follow = follow_exe},
    {.name = "cwd", .mode = S_IFLNK | 0777, .follow = follow_cwd},
    {.name = "root", .mode = S_IFLNK | 0777, .follow = follow_root},
    {.name = "mounts", .mode = S_IFREG | 0444, .show = mounts_show},
    {.name = "mountinfo", .mode = S_IFREG | 0444, .show = mountinfo_show},
};

void proc_task_fs_init(void) {
    procfs_add_task_entries(entries, ARRAY_SIZE(entries));
}
