// SPDX-License-Identifier: MPL-2.0
// What hangs below /proc/PID. kernel/posix describes it in a table; the vfs makes files and links of it.
//
// /proc/PID itself, task/TID, fd, fdinfo, self and thread-self are the vfs's own.
#pragma once

#include <vfs/path.h>

struct task;
struct vnode;
struct vnode_ops;

struct proc_entry {
    const char *name;
    uint32_t mode; // with type: S_IFREG, S_IFLNK or S_IFDIR
    // S_IFREG: makes the text at the first read. `tid`: the thread, in task/TID; the process's id elsewhere. -ESRCH, …
    status_t (*show)(struct text_buffer *text, struct task *task, int tid);
    ssize_t (*store)(struct task *task, const char *text, size_t size); // null: not writable
    // S_IFREG with raw contents instead (mem, auxv): null for text.
    ssize_t (*read)(struct task *task, struct uio *uio, loff_t position);
    ssize_t (*write)(struct task *task, struct uio *uio, loff_t position);
    // S_IFLNK: where it leads; with references. readlink shows path_text of it, or what `show` makes.
    status_t (*follow)(struct task *task, struct path *out);
    // S_IFDIR
    const struct proc_entry *children;
    unsigned child_count;
    bool process_only; // not in task/TID
};

// A place for a vnode that is nowhere in the tree, with a name for /proc. *out has the references. -ENOMEM.
MUST_USE status_t nameless_place(const struct vnode_ops *ops, uint32_t mode, uint64_t inode, const char *text,
                                 struct path *out);

// The task whose directory /proc/PID this is: the vnode's reference. Null: it is another file.
struct task *procfs_task(const struct vnode *vnode);

// Adds entries to every /proc/PID. At boot. `entries` stays.
void procfs_add_task_entries(const struct proc_entry *entries, unsigned count);
