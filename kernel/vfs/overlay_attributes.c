// SPDX-License-Identifier: MPL-2.0
// Attributes of files in overlays: the node's fields, the real vnode's size, and extended attributes, without the
// overlay's own.
#include "overlay_priv.h"

status_t overlay_get_attributes(struct vnode *vnode, struct stat_info *out) {
    struct stat_info real;
    status_t status = vfs_stat(overlay_real(vnode), &real);
    if (status != 0)
        return status;
    vnode_stat(vnode, out);
    out->size = real.size;
    out->blocks = real.blocks;
    out->block_size = real.block_size;
    return 0;
}

// A file without a name is gone with its last user: its node alone is changed.
status_t overlay_set_attributes(struct vnode *vnode, const struct attributes *attributes) {
    struct overlay *overlay = overlay_of(vnode);
    mutex_lock(&overlay->mutex);
    status_t status = overlay_node_of(vnode)->removed ? 0 : overlay_copy_up_locked(vnode, UINT64_MAX);
    if (status == 0) {
        vnode_apply(vnode, attributes);
        overlay_flush(vnode);
    }
    mutex_unlock(&overlay->mutex);
    return status;
}

status_t overlay_prepare_write(struct vnode *vnode, uint64_t keep) {
    return overlay_copy_up(vnode, keep);
}

ssize_t overlay_readlink(struct vnode *link, char *to, size_t size) {
    struct vnode *real = overlay_real(link);
    return real->ops->readlink ? real->ops->readlink(real, to, size) : -EINVAL;
}

// ---------------------------------------------------------------- extended attributes

static bool is_own(const char *name) {
    return strncmp(name, OVERLAY_XATTR, strlen(OVERLAY_XATTR)) == 0;
}

ssize_t overlay_get_xattr(struct vnode *vnode, const char *name, void *value, size_t size) {
    struct vnode *real = overlay_real(vnode);
    if (is_own(name) || !real->ops->get_xattr)
        return is_own(name) ? -EOPNOTSUPP : -ENODATA;
    rwlock_read(&real->lock);
    ssize_t length = real->ops->get_xattr(real, name, value, size);
    rwlock_read_unlock(&real->lock);
    return length;
}

status_t overlay_set_xattr(struct vnode *vnode, const char *name, const void *value, size_t size, int flags) {
    if (is_own(name))
        return -EOPNOTSUPP;
    if (!value) { // nothing is copied up to remove what is not there
        ssize_t there = overlay_get_xattr(vnode, name, nullptr, 0);
        if (there < 0)
            return (status_t)there;
    }
    status_t status = overlay_copy_up(vnode, UINT64_MAX);
    if (status != 0)
        return status;
    struct vnode *upper = overlay_upper(vnode);
    rwlock_write(&upper->lock);
    status = upper->ops->set_xattr(upper, name, value, size, flags);
    rwlock_write_unlock(&upper->lock);
    return status;
}

// Takes the overlay's own names out of a list.
static ssize_t leave_out_own(char *list, ssize_t size) {
    ssize_t kept = 0;
    for (ssize_t at = 0, length; at < size; at += length) {
        length = (ssize_t)strlen(list + at) + 1;
        if (!is_own(list + at)) {
            memmove(list + kept, list + at, (size_t)length);
            kept += length;
        }
    }
    return kept;
}

ssize_t overlay_list_xattr(struct vnode *vnode, char *list, size_t size) {
    struct vnode *real = overlay_real(vnode);
    if (!real->ops->list_xattr)
        return 0;
    rwlock_read(&real->lock);
    ssize_t length = real->ops->list_xattr(real, nullptr, 0);
    char *all = length > 0 ? kmalloc((size_t)length) : nullptr;
    if (length > 0)
        length = all ? real->ops->list_xattr(real, all, (size_t)length) : -ENOMEM;
    rwlock_read_unlock(&real->lock);
    if (length > 0)
        length = leave_out_own(all, length);
    if (length > 0 && size > 0) {
        if ((size_t)length <= size)
            memcpy(list, all, (size_t)length);
        else
            length = -ERANGE;
    }
    kfree(all);
    return length;
}
