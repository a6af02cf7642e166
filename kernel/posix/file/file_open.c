// SPDX-License-Identifier: MPL-2.0
// open, close, dup, pipe.
#include "fd.h"

static const uint64_t open_flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC |
                                   O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |
                                   O_SYNC | O_PATH | O_TMPFILE_ONLY;

static long open_text(int dirfd, const char *text, const struct open_request *request) {
    struct object *object;
    struct at at;
    status_t status = at_get(&at, dirfd, text);
    if (status != 0)
        return status;
    int fd = handle_reserve(request->flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0) {
        at_put(&at);
        return fd;
    }
    status = vfs_open_at(at.path, text, request, &object);
    at_put(&at);
    if (UNLIKELY(status != 0)) {
        handle_unreserve(fd);
        return status;
    }
    handle_commit(fd, object, file_rights(file_of(object)));
    return fd;
}

static long open_user(int dirfd, const char __user *text, const struct open_request *request) {
    struct user_path path;
    status_t status = user_path_get(&path, text, false);
    if (status != 0)
        return status;
    long fd = open_text(dirfd, path.text, request);
    user_path_put(&path);
    return fd;
}

// open and openat ignore what they do not know, and O_PATH drops almost everything.
static struct open_request open_request(int flags, uint32_t mode) {
    uint32_t known = (uint32_t)flags & (uint32_t)open_flags;
    if (known & O_PATH)
        known &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    return (struct open_request){.flags = known, .mode = mode & S_IALLUGO};
}

long sys_openat(int dirfd, const char __user *path, int flags, uint32_t mode) {
    struct open_request request = open_request(flags, mode);
    return open_user(dirfd, path, &request);
}

long sys_open(const char __user *path, int flags, uint32_t mode) {
    return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(const char __user *path, uint32_t mode) {
    return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

// openat2 refuses what it does not know.
static status_t check_how(const struct abi_open_how *how) {
    uint64_t resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |
                       RESOLVE_IN_ROOT | RESOLVE_CACHED;
    if (how->flags & ~open_flags || how->resolve & ~resolve || how->mode & ~(uint64_t)S_IALLUGO)
        return -EINVAL;
    if (how->mode && !(how->flags & (O_CREAT | O_TMPFILE_ONLY)))
        return -EINVAL;
    if ((how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
        return -EINVAL;
    if (how->flags & O_PATH && how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
        return -EINVAL;
    return how->resolve & RESOLVE_CACHED ? -EAGAIN : 0; // as if nothing were cached: the caller tries without
}

long sys_openat2(int dirfd, const char __user *path, const void __user *how_user, size_t size) {
    static const struct {
        unsigned resolve, lookup;
    } map[] = {{RESOLVE_NO_XDEV, LOOKUP_NO_XDEV},
               {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGIC},
               {RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS},
               {RESOLVE_BENEATH, LOOKUP_BENEATH},
               {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT}};
    struct abi_open_how how;
    if (size < sizeof how)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_from_user(&how, how_user, sizeof how) != 0)
        return -EFAULT;
    for (size_t i = sizeof how; i < size; i++) { // what we do not know must be zero
        uint8_t byte;
        if (get_user(byte, (const uint8_t __user *)how_user + i) != 0)
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    status_t status = check_how(&how);
    if (status != 0)
        return status;
    struct open_request request = {.flags = (uint32_t)how.flags, .mode = (uint32_t)how.mode};
    for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
        if (how.resolve & map[i].resolve)
            request.lookup |= map[i].lookup;
    return open_user(dirfd, path, &request);
}

// ---------------------------------------------------------------- close, dup

long sys_close(int fd) {
    return handle_close(fd);
}

long sys_close_range(unsigned first, unsigned last, unsigned flags) {
    enum { CLOSE_RANGE_UNSHARE = 2, CLOSE_RANGE_CLOEXEC = 4 };
    if (flags & ~(unsigned)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE) {
        long status = sys_unshare(0x400); // CLONE_FILES
        if (status != 0)
            return status;
    }
    handle_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
    return 0;
}

long sys_dup(int fd) {
    return handle_duplicate(fd, UINT32_MAX, 0, 0);
}

long sys_dup3(int from, int to, int flags) {
    if (from == to || flags & ~O_CLOEXEC)
        return -EINVAL;
    return handle_duplicate_to(from, to, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
}

long sys_dup2(int from, int to) {
    if (from != to)
        return handle_duplicate_to(from, to, 0);
    int flags = handle_get_flags(from);
    return flags < 0 ? flags : to;
}

// ---------------------------------------------------------------- pipe

long sys_pipe2(int __user *fds, int flags) {
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    struct object *read, *write;
    uint32_t handle_flags = flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0;
    int pair[2];
    status_t status;
    pair[0] = handle_reserve(handle_flags);
    if (pair[0] < 0)
        return pair[0];
    status = pair[1] = handle_reserve(handle_flags);
    if (pair[1] < 0)
        goto unreserve_read;
    status = copy_to_user(fds, pair, sizeof pair);
    if (status == 0)
        status = pipe_create((uint32_t)flags, &read, &write);
    if (status != 0)
        goto unreserve_write;
    handle_commit(pair[0], read, RIGHTS_BASIC | RIGHT_READ | RIGHT_SIGNAL | RIGHT_ADMIN);
    handle_commit(pair[1], write, RIGHTS_BASIC | RIGHT_WRITE | RIGHT_SIGNAL | RIGHT_ADMIN);
    return 0;
unreserve_write:
    handle_unreserve(pair[1]);
unreserve_read:
    handle_unreserve(pair[0]);
    return status;
}

long sys_pipe(int __user *fds) {
    return sys_pipe2(fds, 0);
}
