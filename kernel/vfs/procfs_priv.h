// SPDX-License-Identifier: MPL-2.0
// What the files of procfs share.
#pragma once

#include "nodes_priv.h"

#include <vfs/procfs.h>

enum { PROC_SELF_INODE = 0x8001, PROC_THREAD_SELF_INODE = 0x8002 };

struct proc_vnode {
    struct task *task; // one object reference
    int id;            // pid, or tid below task/
    bool is_thread;
    unsigned place; // in its directory: for the inode number
    int handle;     // fd and fdinfo
    const struct proc_entry *entry;
};

struct proc_vnode *proc_of(const struct vnode *vnode);
void proc_release(struct vnode *vnode);
// Copies *like and takes a reference on its task.
MUST_USE status_t proc_vnode_create(struct super *super, const struct vnode_ops *ops, uint32_t mode,
                                    const struct proc_vnode *like, struct vnode **out);
ssize_t proc_path_text(struct path *path, char *to, size_t size);
bool name_is(const struct name *name, const char *text);
int name_to_id(const struct name *name); // -1: not a plain number
bool emit_text(struct dir_sink *sink, const char *text, uint64_t inode, unsigned type, loff_t next);
bool emit_number(struct dir_sink *sink, int number, uint64_t inode, unsigned type, loff_t next);
// "." and "..", both with the directory's number. False: sink is full.
bool emit_dots(struct vnode *dir, loff_t *position, struct dir_sink *sink);

extern const struct vnode_ops proc_fd_dir_ops, proc_fdinfo_dir_ops;
