// SPDX-License-Identifier: MPL-2.0
// fcntl, flock and the ioctl commands that belong to descriptors.
#include "async.h"
#include "fd.h"

#include <posix/memfd.h>
#include <posix/process.h>
#include <vfs/locks.h>

// ---------------------------------------------------------------- record locks

// The range of a struct flock in absolute bytes.
static status_t lock_range(struct file *file, const struct abi_flock *flock, struct lock_request *request) {
    int64_t base = 0, start, end = INT64_MAX;
    if (flock->whence == SEEK_CUR)
        base = file->position;
    else if (flock->whence == SEEK_END)
        base = file->vnode->data ? (int64_t)atomic_load(&file->vnode->data->size) : 0;
    else if (flock->whence != SEEK_SET)
        return -EINVAL;
    if (__builtin_add_overflow(base, flock->start, &start))
        return -EOVERFLOW;
    if (flock->length > 0) {
        if (__builtin_add_overflow(start, flock->length - 1, &end))
            return -EOVERFLOW;
    } else if (flock->length < 0) {
        end = start - 1;
        start += flock->length;
    }
    if (start < 0)
        return -EINVAL;
    request->start = (uint64_t)start;
    request->end = end == INT64_MAX ? UINT64_MAX : (uint64_t)end;
    return 0;
}

static status_t get_lock(struct file *file, struct lock_request *request, struct abi_flock __user *user) {
    vfs_lock_test(file->vnode, request);
    struct abi_flock flock = {.type = (int16_t)request->type};
    if (request->type != F_UNLCK) {
        flock.start = (int64_t)request->start;
        flock.length = request->end == UINT64_MAX ? 0 : (int64_t)(request->end - request->start + 1);
        flock.pid = request->pid;
    } else if (copy_from_user(&flock, user, sizeof flock) != 0) {
        return -EFAULT;
    } else {
        flock.type = F_UNLCK;
    }
    return copy_to_user(user, &flock, sizeof flock);
}

static status_t record_lock(struct handle_ref *ref, unsigned command, struct abi_flock __user *user) {
    bool ofd = command >= F_OFD_GETLK;
    struct abi_flock flock;
    struct file *file = file_of(ref->object);
    if (!file)
        return -EBADF;
    if (copy_from_user(&flock, user, sizeof flock) != 0)
        return -EFAULT;
    if (ofd && flock.pid != 0)
        return -EINVAL;
    struct lock_request request = {.type = flock.type};
    request.owner = ofd ? (const void *)ref->object : (const void *)task_current();
    request.pid = ofd ? -1 : task_current()->id;
    status_t status = lock_range(file, &flock, &request);
    if (status != 0)
        return status;
    if (command == F_GETLK || command == F_OFD_GETLK)
        return flock.type == F_RDLCK || flock.type == F_WRLCK ? get_lock(file, &request, user) : -EINVAL;
    if (flock.type == F_RDLCK && !(ref->rights & RIGHT_READ))
        return -EBADF;
    if (flock.type == F_WRLCK && !writes_data(ref))
        return -EBADF;
    if (flock.type != F_RDLCK && flock.type != F_WRLCK && flock.type != F_UNLCK)
        return -EINVAL;
    return vfs_lock_set(file->vnode, &request, command == F_SETLKW || command == F_OFD_SETLKW);
}

long sys_flock(int fd, unsigned operation) {
    struct handle_ref ref;
    int type;
    switch (operation & ~(unsigned)LOCK_NB) {
    case LOCK_SH:
        type = F_RDLCK;
        break;
    case LOCK_EX:
        type = F_WRLCK;
        break;
    case LOCK_UN:
        type = F_UNLCK;
        break;
    default:
        return -EINVAL;
    }
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct file *file = file_of(ref.object);
    status = file ? vfs_flock(file, type, !(operation & LOCK_NB)) : -EBADF;
    handle_release(&ref);
    return status == -EAGAIN ? -EWOULDBLOCK : status;
}

// ---------------------------------------------------------------- flags

static const uint32_t settable_flags = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

static status_t set_status_flags(struct object *object, uint32_t flags) {
    flags &= settable_flags;
    if (object->ops->set_flags) {
        status_t status = object->ops->set_flags(object, flags);
        if (status != 0)
            return status;
    }
    struct file *file = file_of(object);
    struct object *targets[2] = {object, file ? file->inner : nullptr};
    for (int i = 0; i < 2; i++) {
        if (!targets[i])
            continue;
        uint32_t old = atomic_load(&targets[i]->status_flags);
        while (!atomic_compare_exchange_weak(&targets[i]->status_flags, &old, (old & ~settable_flags) | flags)) {
        }
    }
    return 0;
}

// A file that cannot tell by signals ignores O_ASYNC.
static status_t set_flags(struct object *object, int fd, uint32_t flags) {
    status_t status = async_set(object, fd, flags & O_ASYNC);
    return status == 0 || status == -ENOTTY ? set_status_flags(object, flags) : status;
}

static long get_status_flags(struct object *object) {
    uint32_t flags = atomic_load(&object->status_flags);
    return (long)(object_path(object) ? flags | O_LARGEFILE : flags);
}

// ---------------------------------------------------------------- fcntl

static long object_command(struct handle_ref *ref, int fd, unsigned command, unsigned long argument) {
    struct object *object = ref->object;
    switch (command) {
    case F_SETFL:
        return set_flags(object, fd, (uint32_t)argument);
    case F_SETOWN:
    case F_GETOWN:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_SETSIG:
    case F_GETSIG:
        return async_command(object, command, argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return record_lock(ref, command, (struct abi_flock __user *)argument);
    case F_NOTIFY:
        return async_watch_directory(object, fd, argument);
    case F_SETPIPE_SZ:
        return pipe_set_size(object, argument);
    case F_GETPIPE_SZ:
        return pipe_get_size(object);
    case F_ADD_SEALS:
        return memfd_add_seals(object, ref->rights, (unsigned)argument);
    case F_GET_SEALS:
        return memfd_get_seals(object);
    default:
        return -EINVAL;
    }
}

// Two descriptors of one description?
static long same_description(int fd, int other, struct handle_ref *ref) {
    struct handle_ref second;
    if (handle_lookup(other, 0, &second) != 0)
        return -EBADF;
    bool same = second.object == ref->object;
    handle_release(&second);
    return same;
}

long sys_fcntl(int fd, unsigned command, unsigned long argument) {
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return argument > INT32_MAX || argument >= rlimit_current(RLIMIT_NOFILE)
                   ? -EINVAL
                   : handle_duplicate(fd, UINT32_MAX, command == F_DUPFD_CLOEXEC ? HANDLE_CLOEXEC : 0, (int)argument);
    case F_GETFD: {
        int flags = handle_get_flags(fd);
        return flags < 0 ? flags : flags & HANDLE_CLOEXEC ? FD_CLOEXEC : 0;
    }
    case F_SETFD:
        return handle_set_flags(fd, argument & FD_CLOEXEC ? HANDLE_CLOEXEC : 0);
    }
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    long result;
    if (command == F_GETFL)
        result = get_status_flags(ref.object);
    else if (command == F_DUPFD_QUERY)
        result = same_description(fd, (int)argument, &ref);
    else
        result = ref.rights & RIGHT_PATH ? -EBADF : object_command(&ref, fd, command, argument);
    handle_release(&ref);
    return result;
}

// ---------------------------------------------------------------- ioctl

// FIONBIO, FIOASYNC.
static long set_flag(struct object *object, int fd, unsigned command, const int __user *user) {
    int on;
    if (get_user(on, user) != 0)
        return -EFAULT;
    if (command == FIOASYNC)
        return async_set(object, fd, on);
    uint32_t flags = atomic_load(&object->status_flags);
    return set_status_flags(object, on ? flags | O_NONBLOCK : flags & ~(uint32_t)O_NONBLOCK);
}

// Lacking READ or WRITE is EBADF, lacking another right is EACCES.
static long object_ioctl(const struct handle_ref *ref, unsigned command, unsigned long argument) {
    const struct object_ops *ops = ref->object->ops;
    uint32_t needed = ops->ioctl_rights ? ops->ioctl_rights(ref->object, command) : 0;
    if (!rights_include(ref->rights, needed))
        return needed & ~ref->rights & (RIGHT_READ | RIGHT_WRITE) ? -EBADF : -EACCES;
    return ops->ioctl ? ops->ioctl(ref->object, command, argument) : -ENOTTY;
}

long sys_ioctl(int fd, unsigned command, unsigned long argument) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct object *object = ref.object;
    long result;
    switch (command) {
    case FIOCLEX:
        result = handle_set_flags(fd, HANDLE_CLOEXEC);
        break;
    case FIONCLEX:
        result = handle_set_flags(fd, 0);
        break;
    case FIONBIO:
    case FIOASYNC:
        result = set_flag(object, fd, command, (const int __user *)argument);
        break;
    default:
        result = async_ioctl(object, command, argument);
        if (result == -ENOTTY)
            result = object_ioctl(&ref, command, argument);
    }
    handle_release(&ref);
    return result;
}
