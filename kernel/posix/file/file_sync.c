// SPDX-License-Identifier: MPL-2.0
// Writing back, reserving room, advice.
#include "fd.h"

#include <block/block.h>

static long sync_fd(int fd, bool data_only) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct object *object = ref.object;
    status = object->ops->sync ? object->ops->sync(object, data_only) : -EINVAL;
    handle_release(&ref);
    return status;
}

long sys_fsync(int fd) {
    return sync_fd(fd, false);
}
long sys_fdatasync(int fd) {
    return sync_fd(fd, true);
}

long sys_sync(void) {
    vfs_sync_all();
    block_sync_all();
    return 0;
}

long sys_syncfs(int fd) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct vnode *vnode = object_vnode(ref.object);
    if (vnode && vnode->super->ops->sync)
        vnode->super->ops->sync(vnode->super);
    handle_release(&ref);
    return 0;
}

long sys_sync_file_range(int fd, loff_t offset, loff_t size, unsigned flags) {
    struct handle_ref ref;
    if (offset < 0 || size < 0 || flags & ~7u)
        return -EINVAL;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct vnode *vnode = object_vnode(ref.object);
    if (!vnode)
        status = -ESPIPE;
    else if (vnode->data)
        status = vmo_sync(vnode->data, (uint64_t)offset, size ? (uint64_t)offset + (uint64_t)size : UINT64_MAX);
    handle_release(&ref);
    return status;
}

// ---------------------------------------------------------------- fallocate

long sys_fallocate(int fd, int mode, loff_t offset, loff_t size) {
    struct handle_ref ref;
    if (offset < 0 || size <= 0)
        return -EINVAL;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct file *file = file_of(ref.object);
    if (!writes_data(&ref))
        status = -EBADF;
    else if (!file)
        status = ref.object->ops->seek ? -ENODEV : -ESPIPE;
    else
        status = vfs_allocate(file, mode, offset, size);
    handle_release(&ref);
    return status;
}

// ---------------------------------------------------------------- advice

static status_t check_seekable(int fd) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    status = ref.object->ops->seek ? 0 : -ESPIPE;
    handle_release(&ref);
    return status;
}

// Everything is in memory: any advice is followed already.
long sys_fadvise64(int fd, loff_t offset, size_t size, int advice) {
    enum { ADVICE_LAST = 5 };
    status_t status = check_seekable(fd);
    if (status != 0)
        return status;
    return advice < 0 || advice > ADVICE_LAST || (loff_t)size < 0 ? -EINVAL : 0;
}

long sys_readahead(int fd, loff_t offset, size_t size) {
    struct handle_ref ref;
    status_t status = fd_get(fd, RIGHT_READ, &ref);
    if (status != 0)
        return status;
    struct vnode *vnode = object_vnode(ref.object);
    status = vnode && vnode->data ? 0 : -EINVAL;
    handle_release(&ref);
    return status;
}
