// SPDX-License-Identifier: MPL-2.0
// Extended attributes: the system calls and the rules of name spaces.
#include "fd.h"

#include <vfs/vnode.h>

// What one of the twelve calls works on.
struct target {
    const struct path *path;
    struct path looked_up; // if by name
    struct handle_ref ref; // if by descriptor
    bool open;
};

enum target_flags { TARGET_FOLLOW = LOOKUP_FOLLOW, TARGET_LOOK = LOOKUP_LOOK };

static status_t target_get(struct target *target, const char __user *text, int fd, unsigned flags) {
    target->open = text == nullptr;
    if (!target->open) {
        status_t status = path_lookup_user(AT_FDCWD, text, flags, &target->looked_up);
        target->path = &target->looked_up;
        return status;
    }
    status_t status = fd_get(fd, 0, &target->ref);
    if (status != 0)
        return status;
    target->path = object_path(target->ref.object);
    bool withheld = handle_withheld(target->ref.object, target->ref.rights) & RIGHT_ADMIN;
    if (target->path && (flags & TARGET_LOOK || !withheld))
        return 0;
    status = target->path ? -EACCES : -EOPNOTSUPP;
    handle_release(&target->ref);
    return status;
}

static void target_put(struct target *target) {
    if (target->open)
        handle_release(&target->ref);
    else
        path_put(&target->looked_up);
}

static status_t get_name(char name[XATTR_NAME_MAX + 1], const char __user *user) {
    ssize_t length = string_from_user(name, user, XATTR_NAME_MAX + 1);
    if (length == 0 || length == -ENAMETOOLONG)
        return -ERANGE;
    return length < 0 ? (status_t)length : 0;
}

// user.* follows the file's permissions and exists on files and directories; trusted.* is the administrator's;
// security.* is set by the administrator.
static status_t may_access(const struct path *path, const char *name, bool write) {
    struct vnode *vnode = path_vnode(path);
    const struct cred *cred = cred_current();
    if (strncmp(name, "trusted.", 8) == 0)
        return cred_has_cap(cred, CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
    if (strncmp(name, "security.", 9) == 0)
        return !write || cred_has_cap(cred, CAP_SYS_ADMIN) ? 0 : -EPERM;
    if (strncmp(name, "user.", 5) != 0)
        return -EOPNOTSUPP;
    if (!S_ISTYPE(vnode->mode, S_IFREG) && !S_ISTYPE(vnode->mode, S_IFDIR))
        return write ? -EPERM : -ENODATA;
    if (S_ISTYPE(vnode->mode, S_IFDIR) && vnode->mode & S_ISVTX && write && cred->fsuid != vnode->uid &&
        !cred_has_cap(cred, CAP_FOWNER))
        return -EPERM;
    return vnode_permission(vnode, cred, write ? W_OK : R_OK);
}

// ---------------------------------------------------------------- get

static long get_value(const struct path *path, const char *name, void __user *value, size_t size) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode->ops->get_xattr)
        return -EOPNOTSUPP;
    status_t status = may_access(path, name, false);
    if (status != 0)
        return status;
    size = MIN(size, (size_t)XATTR_SIZE_MAX);
    void *buffer = size ? kmalloc_charged(size) : nullptr;
    if (size && !buffer)
        return -ENOMEM;
    rwlock_read(&vnode->lock);
    ssize_t length = vnode->ops->get_xattr(vnode, name, buffer, size);
    rwlock_read_unlock(&vnode->lock);
    if (length > 0 && size && copy_to_user(value, buffer, (size_t)length) != 0)
        length = -EFAULT;
    kfree(buffer);
    return length;
}

static long get(const char __user *text, int fd, bool follow, const char __user *name_user, void __user *value,
                size_t size) {
    char name[XATTR_NAME_MAX + 1];
    struct target target;
    long result = get_name(name, name_user);
    if (result == 0)
        result = target_get(&target, text, fd, (follow ? TARGET_FOLLOW : 0) | TARGET_LOOK);
    if (result != 0)
        return result;
    result = get_value(target.path, name, value, size);
    target_put(&target);
    return result;
}

long sys_getxattr(const char __user *path, const char __user *name, void __user *value, size_t size) {
    return path ? get(path, -1, true, name, value, size) : -EFAULT;
}
long sys_lgetxattr(const char __user *path, const char __user *name, void __user *value, size_t size) {
    return path ? get(path, -1, false, name, value, size) : -EFAULT;
}
long sys_fgetxattr(int fd, const char __user *name, void __user *value, size_t size) {
    return get(nullptr, fd, false, name, value, size);
}

// ---------------------------------------------------------------- set, remove

static status_t set_value(const struct path *path, const char *name, const void *value, size_t size, int flags) {
    struct vnode *vnode = path_vnode(path);
    status_t status = path_check_writable(path);
    if (status == 0 && !vnode->ops->set_xattr)
        status = -EOPNOTSUPP;
    if (status == 0)
        status = may_access(path, name, true);
    if (status != 0)
        return status;
    rwlock_write(&vnode->lock);
    status = vnode->ops->set_xattr(vnode, name, value, size, flags);
    if (status == 0)
        vnode->changed = time_now();
    rwlock_write_unlock(&vnode->lock);
    return status;
}

struct set_request {
    const char __user *name;
    const void __user *value; // null with `remove`
    size_t size;
    int flags;
    bool remove;
};

static long set(const char __user *text, int fd, bool follow, const struct set_request *request) {
    char name[XATTR_NAME_MAX + 1];
    struct target target;
    if (request->flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    if (request->size > XATTR_SIZE_MAX)
        return -E2BIG;
    status_t status = get_name(name, request->name);
    if (status != 0)
        return status;
    void *value = request->remove ? nullptr : kmalloc_charged(request->size + 1);
    if (!request->remove && !value)
        return -ENOMEM;
    if (value)
        status = copy_from_user(value, request->value, request->size);
    if (status == 0)
        status = target_get(&target, text, fd, (follow ? TARGET_FOLLOW : 0));
    if (status == 0) {
        status = set_value(target.path, name, value, request->size, request->flags);
        target_put(&target);
    }
    kfree(value);
    return status;
}

long sys_setxattr(const char __user *path, const char __user *name, const void __user *value, size_t size, int flags) {
    return path ? set(path, -1, true, &(struct set_request){name, value, size, flags, false}) : -EFAULT;
}
long sys_lsetxattr(const char __user *path, const char __user *name, const void __user *value, size_t size, int flags) {
    return path ? set(path, -1, false, &(struct set_request){name, value, size, flags, false}) : -EFAULT;
}
long sys_fsetxattr(int fd, const char __user *name, const void __user *value, size_t size, int flags) {
    return set(nullptr, fd, false, &(struct set_request){name, value, size, flags, false});
}
long sys_removexattr(const char __user *path, const char __user *name) {
    return path ? set(path, -1, true, &(struct set_request){.name = name, .remove = true}) : -EFAULT;
}
long sys_lremovexattr(const char __user *path, const char __user *name) {
    return path ? set(path, -1, false, &(struct set_request){.name = name, .remove = true}) : -EFAULT;
}
long sys_fremovexattr(int fd, const char __user *name) {
    return set(nullptr, fd, false, &(struct set_request){.name = name, .remove = true});
}

// ---------------------------------------------------------------- list

static long list(const char __user *text, int fd, bool follow, char __user *out, size_t size) {
    struct target target;
    long result = target_get(&target, text, fd, (follow ? TARGET_FOLLOW : 0) | TARGET_LOOK);
    if (result != 0)
        return result;
    struct vnode *vnode = path_vnode(target.path);
    size = MIN(size, (size_t)XATTR_SIZE_MAX);
    char *buffer = size ? kmalloc_charged(size) : nullptr;
    if (size && !buffer) {
        result = -ENOMEM;
    } else if (!vnode->ops->list_xattr) {
        result = vnode->ops->get_xattr ? -EOPNOTSUPP : 0;
    } else {
        rwlock_read(&vnode->lock);
        result = vnode->ops->list_xattr(vnode, buffer, size);
        rwlock_read_unlock(&vnode->lock);
    }
    if (result > 0 && size && copy_to_user(out, buffer, (size_t)result) != 0)
        result = -EFAULT;
    kfree(buffer);
    target_put(&target);
    return result;
}

long sys_listxattr(const char __user *path, char __user *out, size_t size) {
    return path ? list(path, -1, true, out, size) : -EFAULT;
}
long sys_llistxattr(const char __user *path, char __user *out, size_t size) {
    return path ? list(path, -1, false, out, size) : -EFAULT;
}
long sys_flistxattr(int fd, char __user *out, size_t size) {
    return list(nullptr, fd, false, out, size);
}
