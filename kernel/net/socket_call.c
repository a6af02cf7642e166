// SPDX-License-Identifier: MPL-2.0
// The calls that make, name and connect sockets.
#include "net_priv.h"
#include "net_setting.h"
#include <object/task.h>

#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>

static bool type_is_valid(int type) {
    return !(type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC));
}

static bool is_nonblocking(struct socket *socket) {
    return atomic_load_explicit(&socket->object.status_flags, memory_order_relaxed) & O_NONBLOCK;
}

static status_t find_family(int number, const struct socket_family **family) {
    *family = number >= 0 && number < AF_MAX ? socket_family_find(number) : nullptr;
    return *family ? 0 : -EAFNOSUPPORT;
}

long sys_socket(int family_number, int type, int protocol) {
    const struct socket_family *family;
    struct socket *socket;
    if (job_flags_current() & JOB_NO_SOCKETS)
        return -EACCES;
    if (!type_is_valid(type))
        return -EINVAL;
    status_t status = find_family(family_number, &family);
    if (status == 0)
        status = family->create(type & SOCK_TYPE_MASK, protocol, &socket);
    return status == 0 ? socket_install(socket, type) : status;
}

long sys_socketpair(int family_number, int type, int protocol, int __user *fds) {
    const struct socket_family *family;
    struct socket *a, *b;
    int handles[2];
    if (job_flags_current() & JOB_NO_SOCKETS)
        return -EACCES;
    if (!type_is_valid(type))
        return -EINVAL;
    status_t status = find_family(family_number, &family);
    if (status != 0)
        return status;
    if (!family->pair)
        return -EOPNOTSUPP;
    if ((status = family->create(type & SOCK_TYPE_MASK, protocol, &a)) != 0)
        return status;
    if ((status = family->create(type & SOCK_TYPE_MASK, protocol, &b)) != 0)
        goto fail_second;
    if ((status = family->pair(a, b)) != 0)
        goto fail_pair;
    if ((handles[0] = socket_install(a, type)) < 0) {
        b->ops->closed(b);
        object_put(&b->object);
        return handles[0];
    }
    if ((handles[1] = socket_install(b, type)) < 0) {
        (void)handle_close(handles[0]);
        return handles[1];
    }
    if (copy_to_user(fds, handles, sizeof(handles)) != 0) {
        (void)handle_close(handles[0]);
        (void)handle_close(handles[1]);
        return -EFAULT;
    }
    return 0;
fail_pair:
    b->ops->closed(b);
    object_put(&b->object);
fail_second:
    a->ops->closed(a);
    object_put(&a->object);
    return status;
}

long sys_bind(int fd, const void __user *user_address, unsigned size) {
    struct handle_ref ref;
    struct socket *socket;
    struct address address;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    status = address_from_user(&address, user_address, size);
    if (status == 0)
        status = socket->ops->bind ? socket->ops->bind(socket, &address) : -EOPNOTSUPP;
    handle_release(&ref);
    return status;
}

long sys_connect(int fd, const void __user *user_address, unsigned size) {
    struct handle_ref ref;
    struct socket *socket;
    struct address address;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    status = address_from_user(&address, user_address, size);
    if (status == 0)
        status = socket->ops->connect ? socket->ops->connect(socket, &address, is_nonblocking(socket)) : -EOPNOTSUPP;
    handle_release(&ref);
    return status;
}

long sys_listen(int fd, int backlog) {
    struct handle_ref ref;
    struct socket *socket;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    backlog = (int)MIN((unsigned)backlog, (unsigned)net_setting(SETTING_BACKLOG));
    status = socket->ops->listen ? socket->ops->listen(socket, backlog) : -EOPNOTSUPP;
    handle_release(&ref);
    return status;
}

// The number is reserved first: a connection that was taken off the queue must not be lost for want of one.
static long accept_on(struct socket *socket, void __user *user_address, int32_t __user *size, int flags) {
    struct socket *accepted;
    int handle = handle_reserve(flags & SOCK_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (handle < 0)
        return handle;
    status_t status =
        socket->ops->accept ? socket->ops->accept(socket, is_nonblocking(socket), &accepted) : -EOPNOTSUPP;
    if (status != 0)
        goto fail_accept;
    if ((__force uintptr_t)user_address != 0) {
        struct address address;
        status = accepted->ops->get_name(accepted, NAME_ACCEPTED, &address);
        if (status == -ENOTCONN)
            status = -ECONNABORTED;
        if (status == 0)
            status = address_to_user(&address, user_address, size);
        if (status != 0)
            goto fail_address;
    }
    if (flags & SOCK_NONBLOCK)
        atomic_fetch_or_explicit(&accepted->object.status_flags, O_NONBLOCK, memory_order_relaxed);
    handle_commit(handle, &accepted->object, SOCKET_RIGHTS);
    return handle;
fail_address:
    accepted->ops->closed(accepted);
    object_put(&accepted->object);
fail_accept:
    handle_unreserve(handle);
    return status;
}

long sys_accept4(int fd, void __user *address, int __user *size, int flags) {
    struct handle_ref ref;
    struct socket *socket;
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    status_t status = socket_lookup(fd, RIGHT_READ, &ref, &socket);
    if (status != 0)
        return status;
    long result = accept_on(socket, address, size, flags);
    handle_release(&ref);
    return result;
}

long sys_accept(int fd, void __user *address, int __user *size) {
    return sys_accept4(fd, address, size, 0);
}

static long get_name(int fd, enum socket_name name, void __user *to, int32_t __user *size) {
    struct handle_ref ref;
    struct socket *socket;
    struct address address;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    status = socket->ops->get_name(socket, name, &address);
    if (status == 0)
        status = address_to_user(&address, to, size);
    handle_release(&ref);
    return status;
}

long sys_getsockname(int fd, void __user *address, int __user *size) {
    return get_name(fd, NAME_OWN, address, size);
}
long sys_getpeername(int fd, void __user *address, int __user *size) {
    return get_name(fd, NAME_PEER, address, size);
}

long sys_shutdown(int fd, int how) {
    struct handle_ref ref;
    struct socket *socket;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    if (how < SHUT_RD || how > SHUT_RDWR)
        status = -EINVAL;
    else
        status = socket->ops->shutdown ? socket->ops->shutdown(socket, how != SHUT_WR, how != SHUT_RD) : -EOPNOTSUPP;
    handle_release(&ref);
    return status;
}
