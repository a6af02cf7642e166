// SPDX-License-Identifier: MPL-2.0
// Changing the tree of names, and attributes by path: what the system calls ask for. `at` is where a relative path
// begins (null: the working directory). All check permissions with the current task's credentials, and may block.
#pragma once

#include <vfs/file.h>

struct open_request {
    uint32_t flags;  // O_*
    uint32_t mode;   // umask not yet applied
    unsigned lookup; // LOOKUP_* of openat2
};
// *out: one reference; install it with file_rights().
MUST_USE status_t vfs_open_at(const struct path *at, const char *text, const struct open_request *request,
                              struct object **out);
// Opens what a path already names (reopening /proc/self/fd/N, O_PATH).
// A new file that has no place in the tree (memfd). *out: one reference.
MUST_USE status_t vfs_make_memory_file(const char *name, uint32_t flags, struct object **out);
MUST_USE status_t vfs_open_path(const struct path *path, uint32_t flags, struct object **out);
// Opens what the caller has found or made in the directory by itself, and may open. Takes over its reference.
MUST_USE status_t vfs_open_vnode(const struct path *dir, const char *name, struct vnode *vnode, uint32_t flags,
                                 struct object **out);

MUST_USE status_t vfs_mkdir(const struct path *at, const char *text, uint32_t mode);
MUST_USE status_t vfs_mknod(const struct path *at, const char *text, uint32_t mode, uint64_t device);
MUST_USE status_t vfs_symlink(const struct path *at, const char *text, const char *target);
MUST_USE status_t vfs_link(const struct path *target, const struct path *at, const char *text);
MUST_USE status_t vfs_unlink(const struct path *at, const char *text);
MUST_USE status_t vfs_rmdir(const struct path *at, const char *text);
struct rename_request {
    const struct path *from_at, *to_at;
    const char *from, *to;
    unsigned flags; // RENAME_*
};
MUST_USE status_t vfs_rename(const struct rename_request *request);

// Calls sink->emit for names from file->position on. file->lock is held. -ENOTDIR, -ENOENT (removed).
MUST_USE status_t vfs_readdir(struct file *file, struct dir_sink *sink);

MUST_USE status_t vfs_stat(struct vnode *vnode, struct stat_info *out);
// chmod, chown, utimes, truncate with their permission rules. `now`: ATTR_ACCESSED/ATTR_MODIFIED are "now" (write
// permission suffices).
MUST_USE status_t vfs_set_attributes(const struct path *path, const struct attributes *attributes, bool now);
// fallocate on an open file (FALLOC_*).
MUST_USE status_t vfs_allocate(struct file *file, int mode, loff_t offset, loff_t size);
MUST_USE status_t vfs_truncate(const struct path *path, uint64_t size);
// access(2); real ids are the caller.s affair.
MUST_USE status_t vfs_access(const struct path *path, const struct cred *cred, unsigned access);
ssize_t vfs_readlink(const struct path *path, char *to, size_t size);
// -EROFS if the mount or the file system is read-only.
MUST_USE status_t path_check_writable(const struct path *path);

// --- mounts ---
// A file system that is nowhere in the tree, for the kernel to use. *out: its root, referenced.
MUST_USE status_t mount_hidden(const char *type, struct path *out);
struct mount_request {
    const char *source, *type, *options; // may be null
    const struct path *target;
    const struct path *from; // MS_BIND, MS_MOVE
    unsigned long flags;     // MS_*
};
MUST_USE status_t vfs_mount(const struct mount_request *request);
MUST_USE status_t vfs_unmount(const struct path *target, int flags);
MUST_USE status_t vfs_pivot_root(const struct path *new_root, const struct path *put_old);
int mount_id(const struct mount *mount);
uint32_t mount_flags(const struct mount *mount);
bool path_is_mount_root(const struct path *path);
void vfs_statfs(struct vnode *vnode, const struct mount *mount, struct statfs_info *out);
void vfs_sync_all(void);

// The working directory and root of the current task, with references.
void fs_get_cwd(struct path *out);
void fs_get_root(struct path *out);
// Replace them; take over the references.
void fs_set_cwd(struct path *path);
void fs_set_root(struct path *path);
