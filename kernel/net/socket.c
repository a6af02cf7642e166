// SPDX-License-Identifier: MPL-2.0
// The socket object: what read, write, ioctl, fstat and close do, and the table of address families.
#include "net_priv.h"
#include "net_setting.h"

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <arch/uaccess.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <net/net.h>
#include <object/stat.h>
#include <object/task.h>
#include <sched/timer.h>
#include <vfs/hooks.h>

#define FAMILY_MAX 8

static struct {
    const struct socket_family *family[FAMILY_MAX]; // filled at boot, then constant
    unsigned count;
} families;

void socket_family_register(const struct socket_family *family) {
    ASSERT(families.count < FAMILY_MAX);
    families.family[families.count++] = family;
}

const struct socket_family *socket_family_find(int number) {
    for (unsigned i = 0; i < families.count; i++)
        if (families.family[i]->number == number)
            return families.family[i];
    return nullptr;
}

ALWAYS_INLINE struct socket *to_socket(struct object *object) {
    return CONTAINER_OF(object, struct socket, object);
}

static ssize_t socket_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct socket *socket = to_socket(object);
    if (UNLIKELY(pos))
        return -ESPIPE;
    struct message message = {.data = uio, .flags = flags & IO_NONBLOCK ? MSG_DONTWAIT : 0};
    return socket->ops->receive(socket, &message);
}

static ssize_t socket_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct socket *socket = to_socket(object);
    if (UNLIKELY(pos))
        return -ESPIPE;
    struct message message = {.data = uio, .flags = flags & IO_NONBLOCK ? MSG_DONTWAIT : 0};
    return socket->ops->send(socket, &message);
}

static long socket_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct socket *socket = to_socket(object);
    long result = socket->ops->ioctl ? socket->ops->ioctl(socket, command, argument) : -ENOTTY;
    return result == -ENOTTY ? interface_ioctl(command, argument) : result;
}

static status_t socket_stat(struct object *object, struct stat_info *out) {
    memset(out, 0, sizeof(*out));
    out->inode = object->id;
    out->mode = S_IFSOCK | 0777;
    out->links = 1;
    out->block_size = PAGE_SIZE;
    out->uid = cred_current()->fsuid;
    out->gid = cred_current()->fsgid;
    return 0;
}

static int socket_link_text(struct object *object, char *to, size_t size) {
    return fmt_snprintf(to, size, "socket:[%llu]", (unsigned long long)object->id);
}

static void socket_closed(struct object *object) {
    struct socket *socket = to_socket(object);
    socket->ops->closed(socket);
}

static void socket_handle_closed(struct object *object, struct task *task) {
    struct socket *socket = to_socket(object);
    if (socket->ops->handle_closed)
        socket->ops->handle_closed(socket);
}

static struct flight *socket_flight(struct object *object) {
    struct socket *socket = to_socket(object);
    return socket->ops->flight ? socket->ops->flight(socket) : nullptr;
}

static _Atomic unsigned sockets_alive;
unsigned socket_count(void) {
    return atomic_load_explicit(&sockets_alive, memory_order_relaxed);
}

static void socket_destroy(struct object *object) {
    struct socket *socket = to_socket(object);
    atomic_fetch_sub_explicit(&sockets_alive, 1, memory_order_relaxed);
    socket->ops->destroy(socket);
}

static const struct object_ops socket_object_ops = {
    .type = OBJECT_STREAM,
    .name = "socket",
    .destroy = socket_destroy,
    .closed = socket_closed,
    .handle_closed = socket_handle_closed,
    .flight = socket_flight,
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
    .stat = socket_stat,
    .link_text = socket_link_text,
    .async_owner = object_async_named,
};

struct socket *socket_of(struct object *object) {
    return object->ops == &socket_object_ops ? to_socket(object) : nullptr;
}

void socket_init(struct socket *socket, const struct socket_ops *ops, int family, int type) {
    object_init(&socket->object, &socket_object_ops, 0);
    atomic_store_explicit(&socket->object.status_flags, O_RDWR, memory_order_relaxed);
    atomic_fetch_add_explicit(&sockets_alive, 1, memory_order_relaxed);
    socket->ops = ops;
    socket->family = (uint16_t)family;
    socket->type = (uint8_t)type;
    socket->send_buffer = (uint32_t)net_setting(SETTING_SEND_BUFFER);
    socket->receive_buffer = (uint32_t)net_setting(SETTING_RECEIVE_BUFFER);
    socket->receive_low_water = 1;
    socket->peek_offset = -1;
    socket->incoming_cpu = -1;
}

// Whether it is a socket is asked before what the handle may do.
status_t socket_lookup(int handle, uint32_t rights, struct handle_ref *ref, struct socket **socket) {
    status_t status = handle_lookup(handle, 0, ref);
    if (UNLIKELY(status != 0))
        return status;
    *socket = socket_of(ref->object);
    if (LIKELY(*socket && (ref->rights & rights) == rights))
        return 0;
    status = *socket || (ref->rights & RIGHT_PATH) ? -EBADF : -ENOTSOCK;
    handle_release(ref);
    return status;
}

int socket_install(struct socket *socket, int type) {
    if (type & SOCK_NONBLOCK)
        atomic_fetch_or_explicit(&socket->object.status_flags, O_NONBLOCK, memory_order_relaxed);
    int handle = handle_install(&socket->object, SOCKET_RIGHTS, type & SOCK_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (handle < 0) {
        socket->ops->closed(socket);
        object_put(&socket->object);
    }
    return handle;
}

status_t socket_take_error(struct socket *socket) {
    if (LIKELY(atomic_load_explicit(&socket->error, memory_order_relaxed) == 0))
        return 0;
    int error = atomic_exchange_explicit(&socket->error, 0, memory_order_relaxed);
    object_signal(&socket->object, SIGNAL_ERROR, 0);
    // What came meanwhile shows again.
    if (atomic_load_explicit(&socket->has_errors, memory_order_relaxed) ||
        atomic_load_explicit(&socket->error, memory_order_relaxed) != 0)
        object_signal(&socket->object, 0, SIGNAL_ERROR);
    return -error;
}

void socket_peek_moved(struct socket *socket, int64_t bytes) {
    int64_t offset = atomic_load_explicit(&socket->peek_offset, memory_order_relaxed);
    if (LIKELY(offset < 0))
        return;
    offset = MIN(offset + bytes, (int64_t)INT32_MAX);
    offset = MAX(offset, (int64_t)0);
    atomic_store_explicit(&socket->peek_offset, (int32_t)offset, memory_order_relaxed);
}

nsec_t socket_deadline(nsec_t timeout) {
    return LIKELY(timeout == 0) ? NSEC_NEVER : nsec_sum(clock_now(), timeout);
}

status_t socket_interrupted(status_t status, nsec_t timeout) {
    if (status == -ETIMEDOUT)
        return -EAGAIN;
    if (status == -EINTR && timeout == 0)
        return -ERESTARTSYS;
    return status;
}

status_t socket_broken_pipe(uint32_t flags) {
    if (!(flags & MSG_NOSIGNAL) && vfs_hooks && vfs_hooks->broken_pipe)
        vfs_hooks->broken_pipe();
    return -EPIPE;
}

struct abi_ucred socket_credentials(void) {
    const struct cred *cred = cred_current();
    return (struct abi_ucred){task_current()->id, cred->euid, cred->egid};
}

status_t address_from_user(struct address *address, const void __user *from, unsigned size) {
    if (size > sizeof(address->bytes))
        return -EINVAL;
    memset(address->bytes, 0, sizeof(address->bytes));
    address->size = size;
    return size == 0 ? 0 : copy_from_user(address->bytes, from, size);
}

status_t address_to_user(const struct address *address, void __user *to, int32_t __user *size) {
    int32_t room;
    if (get_user(room, size) != 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_to_user(to, address->bytes, MIN((unsigned)room, address->size)) != 0)
        return -EFAULT;
    return put_user((int32_t)address->size, size);
}

void net_init(void) {
    net_settings_init();
    unix_init();
    inet_init();
    netlink_init();
}
