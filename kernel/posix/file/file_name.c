// SPDX-License-Identifier: MPL-2.0
// Making, removing and renaming names.
#include "fd.h"

long sys_mkdirat(int dirfd, const char __user *text, uint32_t mode) {
    struct at_path path;
    status_t status = at_path_get(&path, dirfd, text);
    if (status != 0)
        return status;
    status = vfs_mkdir(path.at.path, path.text.text, mode);
    at_path_put(&path);
    return status;
}

long sys_mkdir(const char __user *text, uint32_t mode) {
    return sys_mkdirat(AT_FDCWD, text, mode);
}

long sys_mknodat(int dirfd, const char __user *text, uint32_t mode, uint32_t device) {
    struct at_path path;
    status_t status = at_path_get(&path, dirfd, text);
    if (status != 0)
        return status;
    status = vfs_mknod(path.at.path, path.text.text, mode, device);
    at_path_put(&path);
    return status;
}

long sys_mknod(const char __user *text, uint32_t mode, uint32_t device) {
    return sys_mknodat(AT_FDCWD, text, mode, device);
}

long sys_symlinkat(const char __user *target_user, int dirfd, const char __user *text) {
    struct user_path target;
    struct at_path path;
    status_t status = user_path_get(&target, target_user, false);
    if (status != 0)
        return status;
    status = at_path_get(&path, dirfd, text);
    if (status == 0) {
        status = vfs_symlink(path.at.path, path.text.text, target.text);
        at_path_put(&path);
    }
    user_path_put(&target);
    return status;
}

long sys_symlink(const char __user *target, const char __user *path) {
    return sys_symlinkat(target, AT_FDCWD, path);
}

long sys_linkat(int from_dirfd, const char __user *from, int to_dirfd, const char __user *to, int flags) {
    struct path target;
    struct at_path path;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (flags & AT_EMPTY_PATH && !cred_has_cap(cred_current(), CAP_DAC_READ_SEARCH))
        return -ENOENT;
    status_t status = at_lookup(from_dirfd, from, flags, false, &target);
    if (status != 0)
        return status;
    status = at_path_get(&path, to_dirfd, to);
    if (status == 0) {
        status = vfs_link(&target, path.at.path, path.text.text);
        at_path_put(&path);
    }
    path_put(&target);
    return status;
}

long sys_link(const char __user *from, const char __user *to) {
    return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_unlinkat(int dirfd, const char __user *text, int flags) {
    struct at_path path;
    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    status_t status = at_path_get(&path, dirfd, text);
    if (status != 0)
        return status;
    status = flags & AT_REMOVEDIR ? vfs_rmdir(path.at.path, path.text.text) : vfs_unlink(path.at.path, path.text.text);
    at_path_put(&path);
    return status;
}

long sys_unlink(const char __user *text) {
    return sys_unlinkat(AT_FDCWD, text, 0);
}
long sys_rmdir(const char __user *text) {
    return sys_unlinkat(AT_FDCWD, text, AT_REMOVEDIR);
}

long sys_renameat2(int from_dirfd, const char __user *from, int to_dirfd, const char __user *to, unsigned flags) {
    struct at_path from_path, to_path;
    status_t status = at_path_get(&from_path, from_dirfd, from);
    if (status != 0)
        return status;
    status = at_path_get(&to_path, to_dirfd, to);
    if (status == 0) {
        struct rename_request request = {from_path.at.path, to_path.at.path, from_path.text.text, to_path.text.text,
                                         flags};
        status = vfs_rename(&request);
        at_path_put(&to_path);
    }
    at_path_put(&from_path);
    return status;
}

long sys_renameat(int from_dirfd, const char __user *from, int to_dirfd, const char __user *to) {
    return sys_renameat2(from_dirfd, from, to_dirfd, to, 0);
}

long sys_rename(const char __user *from, const char __user *to) {
    return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_readlinkat(int dirfd, const char __user *text, char __user *buffer, int size) {
    struct path path;
    if (size <= 0)
        return -EINVAL;
    // With an empty path: the link that an O_PATH descriptor stands for.
    status_t status = at_lookup(dirfd, text, AT_EMPTY_PATH | AT_LOOK, false, &path);
    if (status != 0)
        return status;
    char *target = kmalloc(PATH_MAX);
    ssize_t length = target ? vfs_readlink(&path, target, PATH_MAX) : -ENOMEM;
    if (length == -EINVAL) {
        char first;
        if (get_user(first, text) == 0 && first == 0)
            length = -ENOENT;
    }
    if (length > 0) {
        length = MIN(length, (ssize_t)size);
        if (copy_to_user(buffer, target, (size_t)length) != 0)
            length = -EFAULT;
    }
    kfree(target);
    path_put(&path);
    return length;
}

long sys_readlink(const char __user *text, char __user *buffer, int size) {
    return sys_readlinkat(AT_FDCWD, text, buffer, size);
}
