// SPDX-License-Identifier: MPL-2.0
// Names to vnodes: path walk, the capability cache, mounts. What other subsystems call.
#pragma once

#include <vfs/vnode.h>

struct entry; // a cached name: the capability cache's (dcache's) node
struct handle_ref;

// A place in the tree: a cached name within a mount. Holds a reference to each.
struct path {
    struct mount *mount;
    struct entry *entry;
    // Where a walk begins: rights that the handle lacks which it begins at (decision 8). Else nobody looks at it.
    uint32_t withheld;
};
void path_get(struct path *path);
void path_put(struct path *path);
struct vnode *path_vnode(const struct path *path); // no reference; null: negative
// Absolute text of the path as seen from `root`; returns where it starts in the buffer, or -ENAMETOOLONG, -ENOENT.
const char *path_text(const struct path *path, const struct path *root, char *buffer, size_t size);
// The same for what can be reached from `root` alone: -ENOENT otherwise.
const char *path_text_below(const struct path *path, const struct path *root, char *buffer, size_t size);

bool path_is_removed(const struct path *path); // its name is gone

struct fs_context {
    struct refcount ref;
    struct spinlock lock;
    struct path root GUARDED_BY(&lock), cwd GUARDED_BY(&lock);
    uint32_t umask;
    struct mount_space *space; // one reference; null: the first one, which everyone shares
};
struct mount_space;                                          // a private tree of mounts (mount_space.c)
struct fs_context *fs_context_copy(struct fs_context *from); // nullptr: no memory
void fs_context_put(struct fs_context *fs);                  // may block
// A copy of all mounts for this context alone and its copies (CLONE_NEWNS). Nobody else uses the context. -EPERM,
// -ENOMEM.
MUST_USE status_t fs_context_unshare_mounts(struct fs_context *fs);
// Which tree of mounts it sees: 0 for the first, a number of its own for each other.
unsigned fs_context_mount_space(struct fs_context *fs);
extern struct fs_context fs_initial;

enum lookup_flags {
    LOOKUP_FOLLOW = 1,    // follow a final symbolic link
    LOOKUP_DIRECTORY = 2, // -ENOTDIR otherwise
    LOOKUP_EMPTY = 4,     // AT_EMPTY_PATH
    LOOKUP_NO_SYMLINKS = 8,
    LOOKUP_NO_MAGIC = 16,
    LOOKUP_NO_XDEV = 32,
    LOOKUP_BENEATH = 64,
    LOOKUP_IN_ROOT = 128,
    LOOKUP_LOOK = 256, // only to look at it: also through the link of a handle that was reduced (else -EACCES)
};
// Resolves a kernel string, relative to `at` (null: the working directory), with the current task's credentials.
MUST_USE status_t path_lookup(const struct path *at, const char *text, unsigned flags, struct path *out);
MUST_USE status_t path_lookup_as(const struct cred *cred, const struct path *at, const char *text, unsigned flags,
                                 struct path *out);
// The same for a system call's (dirfd, user string). AT_FDCWD.
MUST_USE status_t path_lookup_user(int dirfd, const char __user *text, unsigned flags, struct path *out);

// Open for the kernel (exec, core files, initramfs). *out: an object with one reference.
MUST_USE status_t vfs_open(const struct path *at, const char *text, uint32_t flags, uint32_t mode, struct object **out);
// What was taken from this handle, or from the one by which its file was opened again: rights that nothing made of it
// may have (decision 8). 0: it is as open(2) made it.
uint32_t handle_withheld(struct object *object, uint32_t rights);
// Where paths begin that are relative to the handle, without references. False: it has no place in the tree.
bool handle_place(const struct handle_ref *ref, struct path *out);
// The vnode behind a file or directory object, null for others (pipes, sockets).
uint32_t path_mount_flags(const struct path *path); // MS_NOEXEC, MS_NOSUID, MS_RDONLY …
struct vnode *object_vnode(struct object *object);
const struct path *object_path(struct object *object);
// Permission by mode bits, owner, groups and capabilities. `access`: 4 read, 2 write, 1 execute/search.
MUST_USE status_t vnode_permission(struct vnode *vnode, const struct cred *cred, unsigned access);
// Executing a file denies writing to it (ETXTBSY).
MUST_USE status_t vnode_deny_write(struct vnode *vnode);
void vnode_allow_write(struct vnode *vnode);
// Binding AF_UNIX names; mode as for mknod. -EADDRINUSE.
MUST_USE status_t vfs_make_socket(const char *text, uint32_t mode, struct object *socket, struct path *out);

// Boot: mounts the root (a ramfs) and makes /dev/console in it. -ENOMEM.
MUST_USE status_t vfs_init(void);
// Unpacks the cpio archives in memory (several, concatenated, with padding between) into the root. Errors are
// logged, the rest is unpacked. -EINVAL: nothing usable.
MUST_USE status_t initramfs_unpack(const void *start, size_t size);

// Adds a symbolic link in /dev.
MUST_USE status_t devfs_add_link(const char *name, const char *target);

// Pipes. *read and *write: one reference each.
MUST_USE status_t pipe_create(uint32_t flags, struct object **read, struct object **write);
// Blocks until nobody can read from the pipe that this is the writing end of. -EINTR: killed.
MUST_USE status_t pipe_wait_for_readers(struct object *write);
// F_GETPIPE_SZ, F_SETPIPE_SZ: the size, or -EBADF (not a pipe), -EBUSY, -EPERM …
long pipe_get_size(struct object *object);
long pipe_set_size(struct object *object, unsigned long size);

// Files of text made by the kernel (procfs, sysfs). The generator appends to a growing buffer.
struct text_buffer {
    char *data;
    size_t length, capacity;
    bool failed;
};
void text_printf(struct text_buffer *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_append(struct text_buffer *text, const char *from, size_t length);
typedef void text_fn(struct text_buffer *text, void *context);
typedef ssize_t text_store_fn(void *context, const char *text, size_t length);
// Adds /proc/<path> or /sys/<path>; directories are made as needed. For subsystems at boot.
MUST_USE status_t procfs_add(const char *path, uint32_t mode, text_fn *show, text_store_fn *store, void *context);
MUST_USE status_t sysfs_add(const char *path, uint32_t mode, text_fn *show, text_store_fn *store, void *context);
// The mounts that can be reached from `root`, as /proc/PID/mounts or mountinfo has them. May block.
void mount_describe_all(struct text_buffer *text, bool mountinfo, const struct path *root);
// Adds a symbolic link in /sys; `target` is copied.
MUST_USE status_t sysfs_add_link(const char *path, const char *target);
