// SPDX-License-Identifier: MPL-2.0
// What the file calls share: descriptors as starting points of paths, path strings, vectors of buffers.
#pragma once

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>
#include <vfs/namespace.h>

// A path string from user space: short ones need no allocation.
enum { USER_PATH_SHORT = 200 };
struct user_path {
    char *text;
    char small[USER_PATH_SHORT];
};
// -EFAULT, -ENAMETOOLONG, -ENOMEM; -ENOENT if empty and `empty_ok` is not set.
MUST_USE status_t user_path_get(struct user_path *path, const char __user *from, bool empty_ok);
ALWAYS_INLINE void user_path_put(struct user_path *path) {
    if (UNLIKELY(path->text != path->small))
        kfree(path->text);
}

// Where a relative path begins: a descriptor, or (path null) the working directory.
struct at {
    const struct path *path; // null, or &place
    struct path place;
    struct handle_ref ref;
};
// AT_FDCWD and absolute texts need no descriptor. -EBADF, -ENOTDIR.
MUST_USE status_t at_get(struct at *at, int dirfd, const char *text);
ALWAYS_INLINE void at_put(struct at *at) {
    if (at->path)
        handle_release(&at->ref);
}

// A path with its starting point, in one go: at_path.text is `text.text`.
struct at_path {
    struct at at;
    struct user_path text;
};
MUST_USE status_t at_path_get(struct at_path *path, int dirfd, const char __user *text);
void at_path_put(struct at_path *path);

// The place that (dirfd, text, AT_*) names: AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH. `follow`: by
// default. AT_LOOK: only to look at it, else a handle that was reduced gives -EACCES.
enum { AT_LOOK = 1 << 30 };
MUST_USE status_t at_lookup(int dirfd, const char __user *text, int flags, bool follow, struct path *out);

// A descriptor that is not O_PATH.
MUST_USE status_t fd_get(int fd, uint32_t rights, struct handle_ref *ref);

// May data be written by the handle? A directory's WRITE is for the names in it.
ALWAYS_INLINE bool writes_data(const struct handle_ref *ref) {
    return ref->rights & RIGHT_WRITE && ref->object->ops->type != OBJECT_DIRECTORY;
}

// IO_NONBLOCK if the description has O_NONBLOCK.
ALWAYS_INLINE unsigned io_flags(struct object *object) {
    static_assert(O_NONBLOCK == 04000 && IO_NONBLOCK == 0x10000);
    return (atomic_load_explicit(&object->status_flags, memory_order_relaxed) & O_NONBLOCK) << 5;
}

// The largest transfer of one call.
#define IO_SIZE_MAX 0x7ffff000ul
