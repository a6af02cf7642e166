// SPDX-License-Identifier: MPL-2.0
// stat, statx, statfs, access.
#include "fd.h"

// ---------------------------------------------------------------- stat

static long put_stat(const struct stat_info *info, void __user *out) {
    struct abi_stat stat;
    stat.device = info->device;
    stat.inode = info->inode;
    stat.links = info->links;
    stat.mode = info->mode;
    stat.uid = info->uid;
    stat.gid = info->gid;
    stat.pad0 = 0;
    stat.special_device = info->special_device;
    stat.size = (int64_t)info->size;
    stat.block_size = info->block_size;
    stat.blocks = (int64_t)info->blocks;
    stat.accessed = info->accessed.seconds;
    stat.accessed_nsec = info->accessed.nanoseconds;
    stat.modified = info->modified.seconds;
    stat.modified_nsec = info->modified.nanoseconds;
    stat.changed = info->changed.seconds;
    stat.changed_nsec = info->changed.nanoseconds;
    memset(stat.spare, 0, sizeof stat.spare);
    return copy_to_user(out, &stat, sizeof stat);
}

// Objects without a file of their own look like Linux's anonymous inodes.
static status_t object_stat(struct object *object, struct stat_info *info) {
    if (LIKELY(object->ops->stat != nullptr))
        return object->ops->stat(object, info);
    *info = (struct stat_info){
        .device = abi_make_device(0, 13), .inode = object->id, .mode = 0600, .links = 1, .block_size = PAGE_SIZE};
    return 0;
}

static status_t fd_stat(int fd, struct stat_info *info, struct path *path) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    status = object_stat(ref.object, info);
    if (path) {
        const struct path *at = object_path(ref.object);
        *path = at ? *at : (struct path){};
    }
    handle_release(&ref);
    return status;
}

static status_t path_stat(int dirfd, const char __user *text, int flags, struct stat_info *info) {
    struct path path;
    status_t status = at_lookup(dirfd, text, flags | AT_LOOK, true, &path);
    if (status != 0)
        return status;
    struct vnode *vnode = path_vnode(&path);
    status = LIKELY(vnode != nullptr) ? vfs_stat(vnode, info) : -ENOENT;
    path_put(&path);
    return status;
}

// fstat by way of newfstatat(fd, "", AT_EMPTY_PATH), which is what libraries do.
static bool is_empty_path(const char __user *text, int flags) {
    char first;
    return flags & AT_EMPTY_PATH && (!text || (get_user(first, text) == 0 && first == 0));
}

long sys_newfstatat(int dirfd, const char __user *text, void __user *out, int flags) {
    struct stat_info info;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    status_t status = dirfd != AT_FDCWD && is_empty_path(text, flags) ? fd_stat(dirfd, &info, nullptr)
                                                                      : path_stat(dirfd, text, flags, &info);
    return status == 0 ? put_stat(&info, out) : status;
}

long sys_fstat(int fd, void __user *out) {
    struct stat_info info;
    status_t status = fd_stat(fd, &info, nullptr);
    return status == 0 ? put_stat(&info, out) : status;
}

long sys_stat(const char __user *text, void __user *out) {
    struct stat_info info;
    status_t status = path_stat(AT_FDCWD, text, 0, &info);
    return status == 0 ? put_stat(&info, out) : status;
}

long sys_lstat(const char __user *text, void __user *out) {
    struct stat_info info;
    status_t status = path_stat(AT_FDCWD, text, AT_SYMLINK_NOFOLLOW, &info);
    return status == 0 ? put_stat(&info, out) : status;
}

// ---------------------------------------------------------------- statx

static struct abi_statx_time statx_time(struct time_spec time) {
    return (struct abi_statx_time){.seconds = time.seconds, .nanoseconds = (uint32_t)time.nanoseconds};
}

static long put_statx(const struct stat_info *info, int mount, bool mount_root, void __user *out) {
    struct abi_statx statx = {
        .mask = STATX_BASIC_STATS | STATX_BTIME | (mount ? STATX_MNT_ID : 0),
        .block_size = info->block_size,
        .attributes = mount_root ? STATX_ATTR_MOUNT_ROOT : 0,
        .attributes_mask = STATX_ATTR_MOUNT_ROOT,
        .links = info->links,
        .uid = info->uid,
        .gid = info->gid,
        .mode = (uint16_t)info->mode,
        .inode = info->inode,
        .size = info->size,
        .blocks = info->blocks,
        .accessed = statx_time(info->accessed),
        .born = statx_time(info->born),
        .changed = statx_time(info->changed),
        .modified = statx_time(info->modified),
        .special_major = abi_device_major(info->special_device),
        .special_minor = abi_device_minor(info->special_device),
        .device_major = abi_device_major(info->device),
        .device_minor = abi_device_minor(info->device),
        .mount_id = (uint64_t)mount,
    };
    return copy_to_user(out, &statx, sizeof statx);
}

long sys_statx(int dirfd, const char __user *text, unsigned flags, unsigned mask, void __user *out) {
    struct stat_info info;
    struct path path = {};
    if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE) ||
        (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE || mask & STATX_RESERVED)
        return -EINVAL;
    if (dirfd != AT_FDCWD && is_empty_path(text, (int)flags)) {
        status_t status = fd_stat(dirfd, &info, &path);
        if (status != 0)
            return status;
        return put_statx(&info, path.mount ? mount_id(path.mount) : 0, path.mount && path_is_mount_root(&path), out);
    }
    status_t status = at_lookup(dirfd, text, ((int)flags & ~AT_STATX_SYNC_TYPE) | AT_LOOK, true, &path);
    if (status != 0)
        return status;
    struct vnode *vnode = path_vnode(&path);
    status = vnode ? vfs_stat(vnode, &info) : -ENOENT;
    long result = status == 0 ? put_statx(&info, mount_id(path.mount), path_is_mount_root(&path), out) : status;
    path_put(&path);
    return result;
}

// ---------------------------------------------------------------- statfs

static long put_statfs(struct vnode *vnode, const struct mount *mount, void __user *out) {
    struct statfs_info info;
    vfs_statfs(vnode, mount, &info);
    uint64_t device = vnode->super->device;
    struct abi_statfs statfs = {
        .type = (int64_t)info.type,
        .block_size = (int64_t)info.block_size,
        .blocks = info.blocks,
        .free = info.free,
        .available = info.available,
        .files = info.files,
        .files_free = info.files_free,
        .id = {(int32_t)device, 0},
        .name_length = (int64_t)info.name_max,
        .fragment_size = (int64_t)info.block_size,
        .flags = (int64_t)info.flags,
    };
    return copy_to_user(out, &statfs, sizeof statfs);
}

long sys_statfs(const char __user *text, void __user *out) {
    struct path path;
    status_t status = path_lookup_user(AT_FDCWD, text, LOOKUP_FOLLOW | LOOKUP_LOOK, &path);
    if (status != 0)
        return status;
    struct vnode *vnode = path_vnode(&path);
    long result = vnode ? put_statfs(vnode, path.mount, out) : -ENOENT;
    path_put(&path);
    return result;
}

// Pipes and sockets: a file system of their own without anything in it.
static long put_pipefs(void __user *out) {
    struct abi_statfs statfs = {
        .type = 0x50495045, .block_size = PAGE_SIZE, .fragment_size = PAGE_SIZE, .name_length = NAME_MAX};
    return copy_to_user(out, &statfs, sizeof statfs);
}

long sys_fstatfs(int fd, void __user *out) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    const struct path *path = object_path(ref.object);
    long result = path ? put_statfs(path_vnode(path), path->mount, out) : put_pipefs(out);
    handle_release(&ref);
    return result;
}

// ---------------------------------------------------------------- access

// access(2) asks with the real ids. Root's capabilities count only if the real user is root.
static struct cred *real_cred(void) {
    struct cred *now = cred_current();
    struct cred *real = cred_copy(now, now->group_count);
    if (!real)
        return nullptr;
    real->fsuid = now->uid;
    real->fsgid = now->gid;
    real->cap_effective = now->uid == 0 ? now->cap_permitted : 0;
    return real;
}

static uint32_t withheld_by(int mode) {
    return (mode & R_OK ? RIGHT_READ : 0) | (mode & W_OK ? RIGHT_WRITE : 0) | (mode & X_OK ? RIGHT_EXEC : 0);
}

static long access_as(const struct cred *cred, int dirfd, const char __user *text, int mode, int flags) {
    struct at_path at;
    struct path path;
    struct handle_ref ref;
    if (flags & AT_EMPTY_PATH && is_empty_path(text, flags) && dirfd != AT_FDCWD) {
        status_t status = handle_lookup(dirfd, 0, &ref);
        if (status != 0)
            return status;
        const struct path *opened = object_path(ref.object);
        status = opened ? vfs_access(opened, cred, (unsigned)mode) : -EINVAL;
        handle_release(&ref);
        return status;
    }
    status_t status = at_path_get(&at, dirfd, text);
    if (status != 0)
        return status;
    unsigned lookup = LOOKUP_LOOK | (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW);
    uint32_t withheld = at.at.path ? at.at.path->withheld : 0;
    status = path_lookup_as(cred, at.at.path, at.text.text, lookup, &path);
    at_path_put(&at);
    if (status == 0 && withheld & withheld_by(mode)) {
        path_put(&path);
        status = -EACCES;
    }
    if (status != 0)
        return status;
    status = vfs_access(&path, cred, (unsigned)mode);
    path_put(&path);
    return status;
}

long sys_faccessat2(int dirfd, const char __user *text, int mode, int flags) {
    if (mode & ~(R_OK | W_OK | X_OK) || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct cred *now = cred_current();
    bool same = now->uid == now->fsuid && now->gid == now->fsgid &&
                (now->uid == 0 ? now->cap_effective == now->cap_permitted : now->cap_effective == 0);
    if (flags & AT_EACCESS || same)
        return access_as(now, dirfd, text, mode, flags);
    struct cred *real = real_cred();
    if (!real)
        return -ENOMEM;
    long result = access_as(real, dirfd, text, mode, flags);
    cred_put(real);
    return result;
}

long sys_faccessat(int dirfd, const char __user *text, int mode) {
    return sys_faccessat2(dirfd, text, mode, 0);
}
long sys_access(const char __user *text, int mode) {
    return sys_faccessat2(AT_FDCWD, text, mode, 0);
}
