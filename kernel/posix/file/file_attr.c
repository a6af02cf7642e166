// SPDX-License-Identifier: MPL-2.0
// chmod, chown, utimes, truncate.
#include "fd.h"

#include <vfs/vnode.h>

// Applies to a path, or to an open file.
static long set_at(int dirfd, const char __user *text, int flags, const struct attributes *attributes, bool now) {
    struct path path;
    status_t status = at_lookup(dirfd, text, flags, true, &path);
    if (status != 0)
        return status;
    status = vfs_set_attributes(&path, attributes, now);
    path_put(&path);
    return status;
}

static long set_open(int fd, const struct attributes *attributes, bool now, bool path_ok) {
    struct handle_ref ref;
    status_t status = path_ok ? handle_lookup(fd, 0, &ref) : fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    const struct path *path = object_path(ref.object);
    // Pipes and sockets have attributes that nobody else can look up; Linux lets their owner set them.
    if (handle_withheld(ref.object, ref.rights) & RIGHT_ADMIN)
        status = -EACCES;
    else
        status = path ? vfs_set_attributes(path, attributes, now) : -EINVAL;
    handle_release(&ref);
    return status;
}

// ---------------------------------------------------------------- chmod, chown

long sys_fchmodat(int dirfd, const char __user *text, uint32_t mode) {
    return set_at(dirfd, text, 0, &(struct attributes){.valid = ATTR_MODE, .mode = mode}, false);
}

long sys_chmod(const char __user *text, uint32_t mode) {
    return sys_fchmodat(AT_FDCWD, text, mode);
}

long sys_fchmod(int fd, uint32_t mode) {
    return set_open(fd, &(struct attributes){.valid = ATTR_MODE, .mode = mode}, false, false);
}

// -1 leaves an id as it is.
static struct attributes owner(uint32_t uid, uint32_t gid) {
    return (struct attributes){
        .valid = (uid != UINT32_MAX ? ATTR_UID : 0u) | (gid != UINT32_MAX ? ATTR_GID : 0u), .uid = uid, .gid = gid};
}

long sys_fchownat(int dirfd, const char __user *text, uint32_t uid, uint32_t gid, int flags) {
    struct attributes attributes = owner(uid, gid);
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return set_at(dirfd, text, flags, &attributes, false);
}

long sys_chown(const char __user *text, uint32_t uid, uint32_t gid) {
    return sys_fchownat(AT_FDCWD, text, uid, gid, 0);
}

long sys_lchown(const char __user *text, uint32_t uid, uint32_t gid) {
    return sys_fchownat(AT_FDCWD, text, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uint32_t uid, uint32_t gid) {
    struct attributes attributes = owner(uid, gid);
    return set_open(fd, &attributes, false, false);
}

// ---------------------------------------------------------------- times

enum { UTIME_NOW = (1l << 30) - 1, UTIME_OMIT = (1l << 30) - 2, NSEC_PER_SEC = 1000000000 };

// *now: both are to be the present, for which write permission is enough.
static status_t times_of(const struct time_spec times[2], struct attributes *out, bool *now) {
    struct time_spec present = time_now();
    *out = (struct attributes){};
    *now = times[0].nanoseconds == UTIME_NOW && times[1].nanoseconds == UTIME_NOW;
    for (int i = 0; i < 2; i++) {
        int64_t nsec = times[i].nanoseconds;
        if (nsec != UTIME_NOW && nsec != UTIME_OMIT && (nsec < 0 || nsec >= NSEC_PER_SEC))
            return -EINVAL;
        if (nsec == UTIME_OMIT)
            continue;
        struct time_spec time = nsec == UTIME_NOW ? present : times[i];
        out->valid |= i ? ATTR_MODIFIED : ATTR_ACCESSED;
        *(i ? &out->modified : &out->accessed) = time;
    }
    return 0;
}

static long set_times(int dirfd, const char __user *text, int flags, const struct time_spec times[2]) {
    struct attributes attributes;
    bool now;
    status_t status = times_of(times, &attributes, &now);
    if (status != 0)
        return status;
    if (!attributes.valid)
        return 0;
    if (!text)
        return dirfd == AT_FDCWD ? -EFAULT : set_open(dirfd, &attributes, now, false);
    return set_at(dirfd, text, flags, &attributes, now);
}

static const struct time_spec both_now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

long sys_utimensat(int dirfd, const char __user *text, const void __user *user, int flags) {
    struct time_spec times[2];
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!user)
        return set_times(dirfd, text, flags, both_now);
    if (copy_from_user(times, user, sizeof times) != 0)
        return -EFAULT;
    return set_times(dirfd, text, flags, times);
}

// struct timeval: microseconds.
long sys_futimesat(int dirfd, const char __user *text, const void __user *user) {
    struct time_spec times[2];
    if (!user)
        return set_times(dirfd, text, 0, both_now);
    if (copy_from_user(times, user, sizeof times) != 0)
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (times[i].nanoseconds < 0 || times[i].nanoseconds >= 1000000)
            return -EINVAL;
        times[i].nanoseconds *= 1000;
    }
    return set_times(dirfd, text, 0, times);
}

long sys_utimes(const char __user *text, const void __user *user) {
    return sys_futimesat(AT_FDCWD, text, user);
}

// struct utimbuf: seconds.
long sys_utime(const char __user *text, const void __user *user) {
    int64_t seconds[2];
    if (!user)
        return set_times(AT_FDCWD, text, 0, both_now);
    if (copy_from_user(seconds, user, sizeof seconds) != 0)
        return -EFAULT;
    struct time_spec times[2] = {{seconds[0], 0}, {seconds[1], 0}};
    return set_times(AT_FDCWD, text, 0, times);
}

// ---------------------------------------------------------------- truncate

long sys_truncate(const char __user *text, loff_t size) {
    struct path path;
    if (size < 0)
        return -EINVAL;
    status_t status = path_lookup_user(AT_FDCWD, text, LOOKUP_FOLLOW, &path);
    if (status != 0)
        return status;
    status = vfs_truncate(&path, (uint64_t)size);
    path_put(&path);
    return status;
}

long sys_ftruncate(int fd, loff_t size) {
    struct handle_ref ref;
    if (size < 0)
        return -EINVAL;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct object *object = ref.object;
    status =
        ref.rights & RIGHT_WRITE && object->ops->truncate ? object->ops->truncate(object, (uint64_t)size) : -EINVAL;
    handle_release(&ref);
    return status;
}
