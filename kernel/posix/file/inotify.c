// SPDX-License-Identifier: MPL-2.0
// The calls of inotify; the queues and watches are the vfs's.
#include "fd.h"

#include <vfs/notify.h>

long sys_inotify_init1(int flags) {
    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct object *queue = notify_create((uint32_t)flags);
    if (!queue)
        return -ENOMEM;
    int fd = handle_install(queue, RIGHTS_BASIC | RIGHT_READ, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(queue);
    return fd;
}

long sys_inotify_init(void) {
    return sys_inotify_init1(0);
}

long sys_inotify_add_watch(int fd, const char __user *text, uint32_t mask) {
    struct handle_ref ref;
    struct path path;
    if ((mask & (NOTIFY_MASK_ADD | NOTIFY_MASK_CREATE)) == (NOTIFY_MASK_ADD | NOTIFY_MASK_CREATE))
        return -EINVAL;
    long result = fd_get(fd, 0, &ref);
    if (result != 0)
        return result;
    unsigned lookup =
        (mask & NOTIFY_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) | (mask & NOTIFY_ONLY_DIRECTORY ? LOOKUP_DIRECTORY : 0);
    result = path_lookup_user(AT_FDCWD, text, lookup, &path);
    if (result != 0)
        goto release;
    struct vnode *vnode = path_vnode(&path);
    result = vnode ? vnode_permission(vnode, cred_current(), R_OK) : -ENOENT;
    if (result == 0)
        result = notify_add(ref.object, vnode, mask);
    path_put(&path);
release:
    handle_release(&ref);
    return result;
}

long sys_inotify_rm_watch(int fd, int watch) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    status = notify_remove(ref.object, watch);
    handle_release(&ref);
    return status;
}
