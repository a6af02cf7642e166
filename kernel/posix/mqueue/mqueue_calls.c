// SPDX-License-Identifier: MPL-2.0
// mq_open and its family: Linux's checks in Linux's order.
#include "file/fd.h"
#include "mqueue.h"
#include "process/process_priv.h"
#include "time/time_priv.h"

#include <abi/mqueue.h>
#include <abi/signal.h>
#include <arch/uaccess.h>
#include <net/netlink.h>
#include <net/socket.h>

// ---------------------------------------------------------------- names

long sys_mq_open(const char __user *from, int flags, uint32_t mode, const void __user *attributes) {
    struct abi_mq_attr asked;
    struct mqueue_shape shape;
    struct user_path name;
    struct object *object;
    if (attributes && copy_from_user(&asked, attributes, sizeof(asked)) != 0)
        return -EFAULT;
    // What is negative is too large.
    shape = (struct mqueue_shape){attributes ? (uint64_t)asked.messages_max : 0, (uint64_t)asked.size_max};
    status_t status = user_path_get(&name, from, false);
    if (status != 0)
        return status;
    uint32_t kept = (uint32_t)flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NONBLOCK);
    status = mqueue_open(&(struct mqueue_open){.name = name.text,
                                               .flags = kept,
                                               .mode = mode & S_IRWXUGO & ~fs_current()->umask,
                                               .shape = attributes ? &shape : nullptr},
                         &object);
    user_path_put(&name);
    if (status != 0)
        return status;
    int fd = handle_install(object, file_rights(file_of(object)), HANDLE_CLOEXEC); // as on Linux, always
    if (fd < 0)
        object_put(object);
    return fd;
}

long sys_mq_unlink(const char __user *from) {
    struct user_path name;
    status_t status = user_path_get(&name, from, false);
    if (status != 0)
        return status;
    status = mqueue_unlink(name.text);
    user_path_put(&name);
    return status;
}

// ---------------------------------------------------------------- messages

// The queue behind a descriptor that has the rights; -EBADF otherwise. On success the caller releases `ref`.
static status_t queue_get(int fd, uint32_t rights, struct handle_ref *ref, struct mqueue **queue) {
    status_t status = handle_lookup(fd, 0, ref);
    if (status != 0)
        return status;
    *queue = ref->rights & RIGHT_PATH ? nullptr : mqueue_of_file(ref->object);
    if (*queue && (ref->rights & rights) == rights)
        return 0;
    handle_release(ref);
    return -EBADF;
}

// An absolute time of the wall clock, as a monotonic one.
static status_t deadline_from_user(const void __user *from, nsec_t *out) {
    nsec_t time;
    *out = NSEC_NEVER;
    if (!from)
        return 0;
    status_t status = timespec_from_user(from, &time);
    if (status == 0 && time != NSEC_NEVER)
        *out = MAX(time - atomic_load(&realtime_offset), (nsec_t)1);
    return status;
}

static bool may_wait(const struct handle_ref *ref) {
    return !(atomic_load_explicit(&ref->object->status_flags, memory_order_relaxed) & O_NONBLOCK);
}

long sys_mq_timedsend(int fd, const void __user *from, size_t size, unsigned priority, const void __user *timeout) {
    struct handle_ref ref;
    struct mqueue *queue;
    nsec_t deadline;
    status_t status = deadline_from_user(timeout, &deadline);
    if (status == 0 && priority >= MQ_PRIO_MAX)
        status = -EINVAL;
    if (status == 0)
        status = queue_get(fd, RIGHT_WRITE, &ref, &queue);
    if (status != 0)
        return status;
    struct mqueue_message *message = nullptr;
    status = size > queue->shape.size_max ? -EMSGSIZE : 0;
    if (status == 0)
        message = mqueue_message_make(from, size, priority, &status);
    if (status == 0) {
        status = mqueue_send(queue, message, may_wait(&ref), deadline);
        if (status != 0)
            mqueue_message_free(message);
    }
    handle_release(&ref);
    return status;
}

long sys_mq_timedreceive(int fd, void __user *to, size_t size, unsigned __user *priority_to,
                         const void __user *timeout) {
    struct handle_ref ref;
    struct mqueue *queue;
    struct mqueue_message *message;
    nsec_t deadline;
    unsigned priority;
    status_t status = deadline_from_user(timeout, &deadline);
    if (status == 0)
        status = queue_get(fd, RIGHT_READ, &ref, &queue);
    if (status != 0)
        return status;
    status = size < queue->shape.size_max ? -EMSGSIZE : mqueue_receive(queue, may_wait(&ref), deadline, &message);
    handle_release(&ref);
    if (status != 0)
        return status;
    ssize_t done = mqueue_message_take(message, to, &priority);
    return done >= 0 && priority_to && put_user(priority, priority_to) != 0 ? -EFAULT : done;
}

// ---------------------------------------------------------------- notices and attributes

// SIGEV_THREAD: a thread of the program waits at a netlink socket, whose descriptor is in the place of the signal's
// number. It gets the cookie back, whose last byte then says why. *socket: referenced.
static status_t take_thread_notice(const struct abi_sigevent *event, struct mqueue_notice *notice) {
    struct handle_ref ref;
    if (copy_from_user(notice->cookie, (const void __user *)event->value, sizeof(notice->cookie)) != 0)
        return -EFAULT;
    status_t status = fd_get(event->signal, 0, &ref);
    if (status != 0)
        return status;
    struct socket *socket = socket_of(ref.object);
    status = !socket ? -ENOTSOCK : !netlink_is(socket) ? -EINVAL : 0;
    if (status == 0) {
        object_get(&socket->object);
        notice->socket = socket;
    }
    handle_release(&ref);
    return status;
}

static status_t notice_from_user(const void __user *from, struct mqueue_notice *notice) {
    struct abi_sigevent event;
    if (copy_from_user(&event, from, sizeof(event)) != 0)
        return -EFAULT;
    if (event.notify != SIGEV_NONE && event.notify != SIGEV_SIGNAL && event.notify != SIGEV_THREAD)
        return -EINVAL;
    if (event.notify == SIGEV_SIGNAL && (unsigned)event.signal > SIGNAL_COUNT)
        return -EINVAL;
    *notice = (struct mqueue_notice){.how = event.notify, .signal = event.signal, .value = event.value};
    return event.notify == SIGEV_THREAD ? take_thread_notice(&event, notice) : 0;
}

long sys_mq_notify(int fd, const void __user *from) {
    struct mqueue_notice notice = {};
    struct handle_ref ref;
    struct mqueue *queue;
    status_t status = from ? notice_from_user(from, &notice) : 0;
    if (status != 0)
        return status;
    status = queue_get(fd, 0, &ref, &queue);
    if (status == 0) {
        if (from)
            status = mqueue_notify(queue, &notice);
        else
            mqueue_forget(queue, process_current());
        handle_release(&ref);
    }
    if (notice.socket)
        object_put(&notice.socket->object);
    return status;
}

long sys_mq_getsetattr(int fd, const void __user *from, void __user *to) {
    struct abi_mq_attr wanted, now = {};
    struct handle_ref ref;
    struct mqueue *queue;
    if (from && copy_from_user(&wanted, from, sizeof(wanted)) != 0)
        return -EFAULT;
    if (from && (wanted.flags & ~(int64_t)O_NONBLOCK))
        return -EINVAL;
    status_t status = queue_get(fd, 0, &ref, &queue);
    if (status != 0)
        return status;
    spin_lock(&queue->object.lock);
    now.messages = (int64_t)queue->count;
    spin_unlock(&queue->object.lock);
    now.messages_max = (int64_t)queue->shape.messages_max;
    now.size_max = (int64_t)queue->shape.size_max;
    _Atomic uint32_t *flags = &ref.object->status_flags;
    now.flags = (int64_t)(atomic_load_explicit(flags, memory_order_relaxed) & O_NONBLOCK);
    if (from && wanted.flags)
        atomic_fetch_or(flags, O_NONBLOCK);
    else if (from)
        atomic_fetch_and(flags, ~(uint32_t)O_NONBLOCK);
    handle_release(&ref);
    return to && copy_to_user(to, &now, sizeof(now)) != 0 ? -EFAULT : 0;
}
