// SPDX-License-Identifier: MPL-2.0
// Directories: reading them, the working directory, the root.
#include "fd.h"

// ---------------------------------------------------------------- getdents

enum { BUFFER_MAX = 32768 };

// Entries are collected in kernel memory and copied out in one piece.
struct dirent_sink {
    struct dir_sink sink;
    uint8_t *buffer;
    size_t size, used;
    struct abi_dirent64 *last;
    bool old_format; // getdents: the type is the last byte, after the name's NUL
    bool too_small;
};

static bool emit(struct dir_sink *base, struct name name, uint64_t inode, unsigned type, loff_t next) {
    struct dirent_sink *sink = CONTAINER_OF(base, struct dirent_sink, sink);
    size_t header = sink->old_format ? 18 : offsetof(struct abi_dirent64, name);
    size_t length = ALIGN_UP(header + name.length + 1 + sink->old_format, (size_t)8);
    if (length > sink->size - sink->used) {
        sink->too_small = sink->used == 0;
        return false;
    }
    uint8_t *at = sink->buffer + sink->used;
    struct abi_dirent64 *entry = (struct abi_dirent64 *)at;
    *(uint64_t *)(at + length - 8) = 0; // padding must not carry kernel memory out
    entry->inode = inode;
    entry->offset = next;
    entry->length = (uint16_t)length;
    if (!sink->old_format)
        entry->type = (uint8_t)type;
    memcpy(at + header, name.text, name.length);
    at[header + name.length] = 0;
    if (sink->old_format)
        at[length - 1] = (uint8_t)type;
    sink->used += length;
    sink->last = entry;
    return true;
}

static long read_entries(struct file *file, struct dirent_sink *sink, void __user *out) {
    mutex_lock(&file->lock);
    status_t status = vfs_readdir(file, &sink->sink);
    if (status == 0 && sink->used && copy_to_user(out, sink->buffer, sink->used) != 0)
        status = -EFAULT;
    if (status == 0 && sink->last)
        file->position = sink->last->offset;
    mutex_unlock(&file->lock);
    if (status != 0)
        return status;
    return sink->too_small ? -EINVAL : (long)sink->used;
}

static long getdents(int fd, void __user *out, unsigned size, bool old_format) {
    struct handle_ref ref;
    status_t status = fd_get(fd, RIGHT_READ, &ref);
    if (status != 0)
        return status;
    long result = -ENOTDIR;
    struct file *file = file_of(ref.object);
    if (!file || !S_ISTYPE(file->vnode->mode, S_IFDIR))
        goto release;
    struct dirent_sink sink = {
        .sink = {emit}, .size = ALIGN_DOWN(MIN(size, (unsigned)BUFFER_MAX), 8), .old_format = old_format};
    result = -EINVAL;
    if (sink.size < 24)
        goto release;
    sink.buffer = kmalloc_charged(sink.size);
    result = sink.buffer ? read_entries(file, &sink, out) : -ENOMEM;
    kfree(sink.buffer);
release:
    handle_release(&ref);
    return result;
}

long sys_getdents64(unsigned fd, void __user *out, unsigned size) {
    return getdents((int)fd, out, size, false);
}
long sys_getdents(unsigned fd, void __user *out, unsigned size) {
    return getdents((int)fd, out, size, true);
}

// ---------------------------------------------------------------- the working directory

long sys_getcwd(char __user *buffer, size_t size) {
    struct path cwd, root;
    char *text = kmalloc_charged(PATH_MAX);
    if (!text)
        return -ENOMEM;
    fs_get_cwd(&cwd);
    fs_get_root(&root);
    const char *at = path_is_removed(&cwd) ? error_pointer(-ENOENT) : path_text(&cwd, &root, text, PATH_MAX);
    path_put(&cwd);
    path_put(&root);
    long result = pointer_status(at);
    if (!is_error_pointer(at)) {
        size_t length = strlen(at) + 1;
        result = length > size ? -ERANGE : copy_to_user(buffer, at, length) != 0 ? -EFAULT : (long)length;
    }
    kfree(text);
    return result;
}

static status_t may_enter(const struct path *path) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    return S_ISTYPE(vnode->mode, S_IFDIR) ? vnode_permission(vnode, cred_current(), X_OK) : -ENOTDIR;
}

long sys_chdir(const char __user *text) {
    struct path path;
    status_t status = path_lookup_user(AT_FDCWD, text, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);
    if (status != 0)
        return status;
    status = may_enter(&path);
    if (status == 0)
        fs_set_cwd(&path);
    else
        path_put(&path);
    return status;
}

long sys_fchdir(int fd) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    const struct path *opened = object_path(ref.object);
    status = !opened ? -ENOTDIR : handle_withheld(ref.object, ref.rights) ? -EACCES : may_enter(opened);
    if (status == 0) {
        struct path path = *opened;
        path_get(&path);
        fs_set_cwd(&path);
    }
    handle_release(&ref);
    return status;
}

long sys_chroot(const char __user *text) {
    struct path path;
    status_t status = path_lookup_user(AT_FDCWD, text, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);
    if (status != 0)
        return status;
    status = may_enter(&path);
    if (status == 0 && !cred_has_cap(cred_current(), CAP_SYS_CHROOT))
        status = -EPERM;
    if (status == 0)
        fs_set_root(&path);
    else
        path_put(&path);
    return status;
}

long sys_umask(uint32_t mask) {
    struct fs_context *fs = fs_current();
    spin_lock(&fs->lock);
    uint32_t old = fs->umask;
    fs->umask = mask & S_IRWXUGO;
    spin_unlock(&fs->lock);
    return old;
}
