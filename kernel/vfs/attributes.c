// SPDX-License-Identifier: MPL-2.0
// Attributes: stat, chmod, chown, utimes, truncate, access.
#include "notify_priv.h"

void vnode_stat(struct vnode *vnode, struct stat_info *out) {
    struct vmo *data = vnode->data;
    out->device = vnode->super->device;
    out->inode = vnode->inode;
    out->special_device = vnode->device;
    out->size = data                 ? atomic_load_explicit(&data->size, memory_order_relaxed)
                : vnode->link_target ? strlen(vnode->link_target)
                                     : 0;
    out->blocks = data ? atomic_load_explicit(&data->resident, memory_order_relaxed) * (PAGE_SIZE / 512) : 0;
    out->mode = vnode->mode;
    out->links = vnode->links;
    out->uid = vnode->uid;
    out->gid = vnode->gid;
    out->block_size = PAGE_SIZE;
    out->accessed = vnode->accessed;
    out->modified = vnode->modified;
    out->changed = vnode->changed;
    out->born = vnode->born;
}

status_t vfs_stat(struct vnode *vnode, struct stat_info *out) {
    if (UNLIKELY(vnode->ops->get_attributes != nullptr))
        return vnode->ops->get_attributes(vnode, out);
    vnode_stat(vnode, out);
    return 0;
}

static bool owns(const struct vnode *vnode, const struct cred *cred) {
    return cred->fsuid == vnode->uid || cred_has_cap(cred, CAP_FOWNER);
}

static bool in_group(const struct cred *cred, uint32_t gid) {
    return cred->fsgid == gid || cred_in_group(cred, gid);
}

// chown: root gives files away; the owner may choose among his groups.
static status_t may_chown(const struct vnode *vnode, const struct attributes *a, const struct cred *cred) {
    if (cred_has_cap(cred, CAP_CHOWN))
        return 0;
    if (cred->fsuid != vnode->uid)
        return -EPERM;
    if (a->valid & ATTR_UID && a->uid != vnode->uid)
        return -EPERM;
    if (a->valid & ATTR_GID && a->gid != vnode->gid && !in_group(cred, a->gid))
        return -EPERM;
    return 0;
}

static status_t may_set(struct vnode *vnode, const struct attributes *a, bool now) {
    const struct cred *cred = vfs_cred();
    if (a->valid & (ATTR_UID | ATTR_GID)) {
        status_t status = may_chown(vnode, a, cred);
        if (status != 0)
            return status;
    }
    if (a->valid & ATTR_MODE && !owns(vnode, cred))
        return -EPERM;
    if (!(a->valid & (ATTR_ACCESSED | ATTR_MODIFIED)) || owns(vnode, cred))
        return 0;
    return now ? vnode_permission(vnode, cred, W_OK) : -EPERM;
}

static uint32_t mode_after(const struct vnode *vnode, const struct attributes *a) {
    uint32_t mode = vnode->mode;
    if (a->valid & ATTR_MODE) {
        mode = (mode & S_IFMT) | (a->mode & S_IALLUGO);
        if (!in_group(vfs_cred(), a->valid & ATTR_GID ? a->gid : vnode->gid) && !cred_has_cap(vfs_cred(), CAP_FSETID))
            mode &= ~(uint32_t)S_ISGID;
    } else if (a->valid & (ATTR_UID | ATTR_GID) && !S_ISTYPE(mode, S_IFDIR)) {
        mode &= ~(uint32_t)(S_ISUID | (mode & S_IXGRP ? S_ISGID : 0)); // chown takes set-id away
    }
    return mode;
}

void vnode_apply(struct vnode *vnode, const struct attributes *set) {
    if (set->valid & ATTR_MODE)
        vnode->mode = set->mode;
    if (set->valid & ATTR_UID)
        vnode->uid = set->uid;
    if (set->valid & ATTR_GID)
        vnode->gid = set->gid;
    if (set->valid & ATTR_ACCESSED)
        vnode->accessed = set->accessed;
    if (set->valid & ATTR_MODIFIED)
        vnode->modified = set->modified;
    vnode_changed(vnode);
}

status_t vfs_set_attributes(const struct path *path, const struct attributes *attributes, bool now) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    status_t status = path_check_writable(path);
    if (status != 0)
        return status;
    rwlock_write(&vnode->lock);
    status = may_set(vnode, attributes, now);
    if (status != 0)
        goto unlock;
    struct attributes set = *attributes;
    set.mode = mode_after(vnode, attributes);
    if (set.mode != vnode->mode)
        set.valid |= ATTR_MODE;
    if (vnode->ops->set_attributes) {
        status = vnode->ops->set_attributes(vnode, &set);
        goto unlock;
    }
    vnode_apply(vnode, &set);
unlock:
    rwlock_write_unlock(&vnode->lock);
    if (status == 0)
        notify_path(path, NOTIFY_ATTRIB);
    return status;
}

status_t vnode_resize(struct vnode *vnode, uint64_t size) {
    if (size > INT64_MAX)
        return -EINVAL;
    uint64_t limit = vfs_hooks && vfs_hooks->file_size_limit ? vfs_hooks->file_size_limit() : UINT64_MAX;
    if (size > limit && size > atomic_load(&vnode->data->size)) {
        vfs_hooks->file_size_exceeded();
        return -EFBIG;
    }
    rwlock_write(&vnode->lock);
    status_t status = vmo_resize(vnode->data, size);
    if (status == 0) {
        if (!cred_has_cap(vfs_cred(), CAP_FSETID))
            vnode->mode &= ~(uint32_t)(S_ISUID | (vnode->mode & S_IXGRP ? S_ISGID : 0));
        vnode_touch(vnode);
    }
    rwlock_write_unlock(&vnode->lock);
    return status;
}

// Zeroes the range: what is inside the file by punching, so that no pages are needed.
static status_t allocate_locked(struct vnode *vnode, int mode, uint64_t start, uint64_t end) {
    struct vmo *data = vnode->data;
    uint64_t size = atomic_load(&data->size);
    status_t status = 0;
    if (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) && start < size)
        status = vmo_punch(data, start, MIN(end, size));
    if (status != 0 || mode & FALLOC_PUNCH_HOLE)
        return status;
    bool grow = end > size && !(mode & FALLOC_KEEP_SIZE);
    if (grow && (status = vmo_resize(data, end)) != 0)
        return status;
    status = vmo_commit(data, start, end);
    if (status != 0 && grow) {
        status_t shrunk = vmo_resize(data, size); // takes away what commit made
        (void)shrunk;
    }
    return status;
}

status_t vfs_allocate(struct file *file, int mode, loff_t offset, loff_t size) {
    struct vnode *vnode = file->vnode;
    uint64_t end = (uint64_t)offset + (uint64_t)size;
    if (S_ISTYPE(vnode->mode, S_IFIFO))
        return -ESPIPE;
    if (S_ISTYPE(vnode->mode, S_IFDIR))
        return -EISDIR;
    if (!vnode->data)
        return -ENODEV;
    if (mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE))
        return -EOPNOTSUPP;
    if (mode & FALLOC_PUNCH_HOLE && (!(mode & FALLOC_KEEP_SIZE) || mode & FALLOC_ZERO_RANGE))
        return -EOPNOTSUPP;
    if (end > INT64_MAX)
        return -EFBIG;
    uint64_t limit = vfs_hooks && vfs_hooks->file_size_limit ? vfs_hooks->file_size_limit() : UINT64_MAX;
    if (!(mode & FALLOC_KEEP_SIZE) && end > limit && end > atomic_load(&vnode->data->size)) {
        vfs_hooks->file_size_exceeded();
        return -EFBIG;
    }
    rwlock_write(&vnode->lock);
    status_t status = allocate_locked(vnode, mode, (uint64_t)offset, end);
    if (status == 0)
        vnode_touch(vnode);
    rwlock_write_unlock(&vnode->lock);
    return status;
}

status_t vfs_truncate(const struct path *path, uint64_t size) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    if (S_ISTYPE(vnode->mode, S_IFDIR))
        return -EISDIR;
    if (!S_ISTYPE(vnode->mode, S_IFREG))
        return -EINVAL;
    status_t status = path_check_writable(path);
    if (status == 0)
        status = vnode_permission(vnode, vfs_cred(), W_OK);
    if (status != 0 || !vnode->data) // a file of /proc has no size to set
        return status;
    status = vnode_get_writer(vnode);
    if (status != 0)
        return status;
    status = vnode_prepare_write(vnode, size);
    if (status == 0)
        status = vnode_resize(vnode, size);
    if (status == 0)
        notify_path(path, NOTIFY_MODIFY);
    vnode_put_writer(vnode);
    return status;
}

status_t vfs_access(const struct path *path, const struct cred *cred, unsigned access) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    if (access & W_OK &&
        (S_ISTYPE(vnode->mode, S_IFREG) || S_ISTYPE(vnode->mode, S_IFDIR) || S_ISTYPE(vnode->mode, S_IFLNK))) {
        status_t status = path_check_writable(path);
        if (status != 0)
            return status;
    }
    if (access & X_OK && S_ISTYPE(vnode->mode, S_IFREG) && mount_flags(path->mount) & MS_NOEXEC)
        return -EACCES;
    return access ? vnode_permission(vnode, cred, access) : 0;
}

ssize_t vfs_readlink(const struct path *path, char *to, size_t size) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    if (!S_ISTYPE(vnode->mode, S_IFLNK))
        return -EINVAL;
    vnode_accessed(vnode, path->mount);
    if (!vnode->link_target)
        return vnode->ops->readlink ? vnode->ops->readlink(vnode, to, size) : -EINVAL;
    size_t length = MIN(strlen(vnode->link_target), size);
    memcpy(to, vnode->link_target, length);
    return (ssize_t)length;
}
