// SPDX-License-Identifier: MPL-2.0
// Paths as system calls pass them (see fd.h).
#include "fd.h"

status_t user_path_get(struct user_path *path, const char __user *from, bool empty_ok) {
    path->text = path->small;
    ssize_t length = string_from_user(path->small, from, sizeof path->small);
    if (UNLIKELY(length == -ENAMETOOLONG)) {
        path->text = kmalloc(PATH_MAX);
        if (!path->text)
            return -ENOMEM;
        length = string_from_user(path->text, from, PATH_MAX);
    }
    if (LIKELY(length > 0 || (length == 0 && empty_ok)))
        return 0;
    user_path_put(path);
    return length == 0 ? -ENOENT : (status_t)length;
}

status_t at_get(struct at *at, int dirfd, const char *text) {
    at->path = nullptr;
    if (dirfd == AT_FDCWD || *text == '/')
        return 0;
    status_t status = handle_lookup(dirfd, 0, &at->ref);
    if (status != 0)
        return status;
    if (handle_place(&at->ref, &at->place)) {
        at->path = &at->place;
        return 0;
    }
    handle_release(&at->ref);
    return -ENOTDIR;
}

status_t at_path_get(struct at_path *path, int dirfd, const char __user *text) {
    status_t status = user_path_get(&path->text, text, false);
    if (status != 0)
        return status;
    status = at_get(&path->at, dirfd, path->text.text);
    if (status != 0)
        user_path_put(&path->text);
    return status;
}

void at_path_put(struct at_path *path) {
    at_put(&path->at);
    user_path_put(&path->text);
}

status_t at_lookup(int dirfd, const char __user *text, int flags, bool follow, struct path *out) {
    struct user_path path;
    struct at at;
    status_t status = user_path_get(&path, text, flags & AT_EMPTY_PATH);
    if (status != 0)
        return status;
    status = at_get(&at, dirfd, path.text);
    if (status != 0)
        goto put_text;
    if (flags & AT_SYMLINK_NOFOLLOW)
        follow = false;
    else if (flags & AT_SYMLINK_FOLLOW)
        follow = true;
    unsigned lookup =
        (follow ? LOOKUP_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0) | (flags & AT_LOOK ? LOOKUP_LOOK : 0);
    status = path_lookup(at.path, path.text, lookup, out);
    at_put(&at);
put_text:
    user_path_put(&path);
    return status;
}

status_t fd_get(int fd, uint32_t rights, struct handle_ref *ref) {
    status_t status = handle_lookup(fd, rights, ref);
    if (status == 0 && UNLIKELY(ref->rights & RIGHT_PATH)) {
        handle_release(ref);
        return -EBADF;
    }
    return status;
}
