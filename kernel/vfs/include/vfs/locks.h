// SPDX-License-Identifier: MPL-2.0
// Advisory locks: POSIX record locks (owner: a task), open-file-description locks (owner: the file object) and flock.
#pragma once

#include <vfs/file.h>

struct lock_request {
    int type;            // F_RDLCK, F_WRLCK, F_UNLCK
    uint64_t start, end; // bytes, both included; UINT64_MAX: to the end, however long the file grows
    const void *owner;   // struct task, or the file's struct object
    int pid;             // as F_GETLK shows it; -1 for open file descriptions
};

// F_GETLK: if a lock is in the way *request becomes that lock, else its type becomes F_UNLCK.
void vfs_lock_test(struct vnode *vnode, struct lock_request *request);
// F_SETLK, F_SETLKW. -EAGAIN, -EDEADLK, -ENOLCK, -ERESTARTSYS.
MUST_USE status_t vfs_lock_set(struct vnode *vnode, const struct lock_request *request, bool wait);
// flock(2) on an open file. `type` as above.
MUST_USE status_t vfs_flock(struct file *file, int type, bool wait);
