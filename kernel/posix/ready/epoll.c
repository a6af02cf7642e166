// SPDX-License-Identifier: MPL-2.0
// epoll: wait sets as Linux shows them.

#include "wait_time.h"
#include <abi/fcntl.h>
#include <abi/poll.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/status.h>
#include <object/wait_set.h>
#include <posix/process.h>
#include <sched/timer.h>

long sys_epoll_create1(int flags) {
    if (flags & ~O_CLOEXEC)
        return -EINVAL;
    struct object *set = wait_set_create();
    if (!set)
        return -ENOMEM;
    set->status_flags = O_RDWR;
    int fd = handle_install(set, RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(set);
    return fd;
}

long sys_epoll_create(int size) {
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

// Files and directories are always ready, and cannot be waited for.
static bool can_wait_for(struct object *object) {
    enum object_type type = object_wait_target(object)->ops->type;
    return type != OBJECT_FILE && type != OBJECT_DIRECTORY;
}

static status_t control(struct wait_set *set, int operation, struct object *object, int fd,
                        const struct abi_epoll_event *event) {
    struct wait_set_item_info info = {
        .mask = event->events & 0xffff,
        .flags = (event->events & EPOLLET ? WAIT_SET_EDGE : 0) |
                 (event->events & EPOLLONESHOT ? WAIT_SET_ONE_SHOT : 0) |
                 (event->events & EPOLLEXCLUSIVE ? WAIT_SET_EXCLUSIVE : 0),
        .data = event->data,
    };
    const uint32_t exclusive_ok = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
    if (operation != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE)) {
        if (operation == EPOLL_CTL_MOD || (event->events & ~exclusive_ok) || wait_set_of(object))
            return -EINVAL;
    }
    switch (operation) {
    case EPOLL_CTL_ADD:
        return wait_set_add(set, object, fd, &info);
    case EPOLL_CTL_MOD:
        return wait_set_modify(set, object, fd, &info);
    case EPOLL_CTL_DEL:
        return wait_set_remove(set, object, fd);
    default:
        return -EINVAL;
    }
}

long sys_epoll_ctl(int epfd, int operation, int fd, const void __user *event) {
    struct abi_epoll_event kernel_event = {};
    if (operation != EPOLL_CTL_DEL && copy_from_user(&kernel_event, event, sizeof kernel_event) != 0)
        return -EFAULT;
    struct handle_ref set_ref, ref;
    status_t status = handle_lookup(epfd, 0, &set_ref);
    if (status != 0)
        return status;
    status = handle_lookup(fd, RIGHT_WAIT, &ref);
    if (status != 0)
        goto put_set;
    struct wait_set *set = wait_set_of(set_ref.object);
    if (ref.rights & RIGHT_PATH)
        status = -EBADF;
    else if (!can_wait_for(ref.object))
        status = -EPERM;
    else if (!set || ref.object == set_ref.object)
        status = -EINVAL;
    else
        status = control(set, operation, ref.object, fd, &kernel_event);
    handle_release(&ref);
put_set:
    handle_release(&set_ref);
    return status;
}

struct sink {
    struct abi_epoll_event __user *at;
    bool fault;
};

static bool emit_event(void *context, uint32_t signals, uint64_t data) {
    struct sink *sink = context;
    if (put_user(signals & 0xffff, &sink->at->events) != 0 || put_user(data, &sink->at->data) != 0) {
        sink->fault = true;
        return false;
    }
    sink->at++;
    return true;
}

static long wait_events(int epfd, struct abi_epoll_event __user *to, int max, nsec_t deadline) {
    struct sink sink = {.at = to};
    struct handle_ref ref;
    if (max <= 0 || max > INT32_MAX / (int)sizeof *to)
        return -EINVAL;
    if (!user_range_ok((__force uintptr_t)to, (size_t)max * sizeof *to))
        return -EFAULT;
    status_t status = handle_lookup(epfd, 0, &ref);
    if (status != 0)
        return status;
    struct wait_set *set = wait_set_of(ref.object);
    long result = set ? wait_set_wait(set, (unsigned)max, deadline, emit_event, &sink) : -EINVAL;
    if (UNLIKELY(sink.fault && result == 0))
        result = -EFAULT;
    handle_release(&ref);
    return result;
}

static nsec_t deadline_of_ms(int timeout_ms) {
    return timeout_ms < 0 ? NSEC_NEVER : timeout_ms == 0 ? 0 : clock_now() + timeout_ms * 1000000ll;
}

long sys_epoll_wait(int epfd, void __user *events, int max, int timeout_ms) {
    return wait_events(epfd, events, max, deadline_of_ms(timeout_ms));
}

static long wait_masked(int epfd, void __user *events, int max, nsec_t deadline, const void __user *mask,
                        size_t mask_size) {
    status_t status = signal_mask_begin(mask, mask_size);
    if (status != 0)
        return status;
    long result = wait_events(epfd, events, max, deadline);
    signal_mask_end(result == -EINTR);
    return result;
}

long sys_epoll_pwait(int epfd, void __user *events, int max, int timeout_ms, const void __user *mask,
                     size_t mask_size) {
    return wait_masked(epfd, events, max, deadline_of_ms(timeout_ms), mask, mask_size);
}

long sys_epoll_pwait2(int epfd, void __user *events, int max, const void __user *timeout, const void __user *mask,
                      size_t mask_size) {
    nsec_t deadline;
    status_t status = wait_deadline_from_user(timeout, &deadline);
    return status != 0 ? status : wait_masked(epfd, events, max, deadline, mask, mask_size);
}
