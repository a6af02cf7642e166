// SPDX-License-Identifier: MPL-2.0
// The calls that send and receive.
#include "control.h"
#include "net_priv.h"
#include "parcel.h"

#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <sched/timer.h>

#define TRANSFER_MAX 0x7ffff000ul // bytes in one call, as on Linux
#define FEW_PIECES 8

static uint32_t with_nonblock(struct socket *socket, uint32_t flags) {
    bool nonblock = atomic_load_explicit(&socket->object.status_flags, memory_order_relaxed) & O_NONBLOCK;
    return nonblock ? flags | MSG_DONTWAIT : flags;
}

long sys_sendto(int fd, const void __user *buffer, size_t size, unsigned flags, const void __user *user_address,
                unsigned address_size) {
    struct handle_ref ref;
    struct socket *socket;
    struct address address;
    struct uio uio;
    status_t status = socket_lookup(fd, RIGHT_WRITE, &ref, &socket);
    if (status != 0)
        return status;
    uio_init_user(&uio, (void __user *)buffer, MIN(size, TRANSFER_MAX));
    struct message message = {.data = &uio, .flags = with_nonblock(socket, flags)};
    if ((__force uintptr_t)user_address != 0) {
        status = address_from_user(&address, user_address, address_size);
        message.address = &address;
    }
    ssize_t result = status != 0 ? status : socket->ops->send(socket, &message);
    handle_release(&ref);
    return result;
}

long sys_recvfrom(int fd, void __user *buffer, size_t size, unsigned flags, void __user *user_address,
                  int __user *address_size) {
    struct handle_ref ref;
    struct socket *socket;
    struct address address;
    struct uio uio;
    status_t status = socket_lookup(fd, RIGHT_READ, &ref, &socket);
    if (status != 0)
        return status;
    uio_init_user(&uio, buffer, MIN(size, TRANSFER_MAX));
    bool wants_address = (__force uintptr_t)user_address != 0;
    address.size = 0;
    struct message message = {
        .data = &uio, .address = wants_address ? &address : nullptr, .flags = with_nonblock(socket, flags)};
    ssize_t result = socket->ops->receive(socket, &message);
    if (result >= 0 && wants_address) {
        status = address_to_user(&address, user_address, address_size);
        if (status != 0)
            result = status;
    }
    handle_release(&ref);
    return result;
}

// --- sendmsg and recvmsg ---

struct pieces {
    struct uio uio;
    struct uio_vec *vec; // `few`, or on the heap
    struct uio_vec few[FEW_PIECES];
};

static status_t pieces_from_user(struct pieces *pieces, const struct abi_msghdr *header) {
    if (header->iov_count > IOV_MAX)
        return -EMSGSIZE;
    size_t count = header->iov_count;
    pieces->vec = pieces->few;
    if (count > FEW_PIECES && !(pieces->vec = kcalloc_charged(count, sizeof(struct uio_vec))))
        return -ENOMEM;
    status_t status = copy_from_user(pieces->vec, (const void __user *)header->iov, count * sizeof(struct uio_vec));
    size_t total = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        if ((ssize_t)pieces->vec[i].size < 0)
            status = -EINVAL;
        pieces->vec[i].size = MIN(pieces->vec[i].size, TRANSFER_MAX - total);
        total += pieces->vec[i].size;
    }
    if (status != 0 && pieces->vec != pieces->few)
        kfree(pieces->vec);
    pieces->uio = (struct uio){.vec = pieces->vec, .count = (unsigned)count, .resid = total};
    return status;
}

static void pieces_free(struct pieces *pieces) {
    if (pieces->vec != pieces->few)
        kfree(pieces->vec);
}

static void ancillary_init(struct ancillary *ancillary) {
    memset(ancillary, 0, offsetof(struct ancillary, records)); // those are counted
}

static ssize_t send_one(struct socket *socket, const struct abi_msghdr __user *user_header, uint32_t flags) {
    struct abi_msghdr header;
    struct pieces pieces;
    struct address address;
    struct ancillary ancillary;
    ancillary_init(&ancillary);
    struct message message = {.data = &pieces.uio, .flags = with_nonblock(socket, flags)};
    if (copy_from_user(&header, user_header, sizeof(header)) != 0)
        return -EFAULT;
    if (header.name != 0 && header.name_size != 0) {
        if (header.name_size < 0)
            return -EINVAL;
        unsigned size = MIN((unsigned)header.name_size, (unsigned)ABI_SOCKADDR_MAX);
        status_t status = address_from_user(&address, (const void __user *)header.name, size);
        if (status != 0)
            return status;
        message.address = &address;
    }
    ssize_t result = pieces_from_user(&pieces, &header);
    if (result != 0)
        return result;
    if (header.control_size > 0) {
        message.ancillary = &ancillary;
        result = control_from_user(socket, (const void __user *)header.control, header.control_size, &ancillary);
    }
    if (result == 0)
        result = socket->ops->send(socket, &message);
    parcel_destroy(ancillary.rights);
    pieces_free(&pieces);
    return result;
}

// Writes name, control messages and flags back.
static status_t finish_receive(struct socket *socket, struct abi_msghdr __user *user_header,
                               const struct abi_msghdr *header, struct message *message) {
    uint32_t result_flags = message->result;
    if (message->address) {
        int32_t size = (int32_t)message->address->size;
        unsigned part = MIN((unsigned)header->name_size, (unsigned)size);
        if (copy_to_user((void __user *)header->name, message->address->bytes, part) != 0)
            return -EFAULT;
    }
    if (put_user((int32_t)(message->address ? message->address->size : 0), &user_header->name_size) != 0)
        return -EFAULT;
    struct control_space space = {.buffer = (void __user *)header->control,
                                  .size = header->control != 0 ? header->control_size : 0,
                                  .credentials = socket_option(socket, SO_PASSCRED),
                                  .close_on_exec = message->flags & MSG_CMSG_CLOEXEC};
    size_t used = control_to_user(&space, message->ancillary, &result_flags);
    result_flags |= message->flags & MSG_CMSG_CLOEXEC;
    if (put_user(result_flags, &user_header->flags) != 0 || put_user((uint64_t)used, &user_header->control_size) != 0)
        return -EFAULT;
    return 0;
}

static ssize_t receive_one(struct socket *socket, struct abi_msghdr __user *user_header, uint32_t flags) {
    struct abi_msghdr header;
    struct pieces pieces;
    struct address address;
    struct ancillary ancillary;
    ancillary_init(&ancillary);
    address.size = 0;
    if (copy_from_user(&header, user_header, sizeof(header)) != 0)
        return -EFAULT;
    if (header.name_size < 0)
        return -EINVAL;
    struct message message = {.data = &pieces.uio,
                              .address = header.name != 0 ? &address : nullptr,
                              .ancillary = &ancillary,
                              .flags = with_nonblock(socket, flags)};
    ssize_t result = pieces_from_user(&pieces, &header);
    if (result != 0)
        return result;
    result = socket->ops->receive(socket, &message);
    if (result >= 0) {
        status_t status = finish_receive(socket, user_header, &header, &message);
        if (status != 0)
            result = status;
    }
    parcel_destroy(ancillary.rights);
    pieces_free(&pieces);
    return result;
}

long sys_sendmsg(int fd, const void __user *message, unsigned flags) {
    struct handle_ref ref;
    struct socket *socket;
    status_t status = socket_lookup(fd, RIGHT_WRITE, &ref, &socket);
    if (status != 0)
        return status;
    ssize_t result = send_one(socket, message, flags);
    handle_release(&ref);
    return result;
}

long sys_recvmsg(int fd, void __user *message, unsigned flags) {
    struct handle_ref ref;
    struct socket *socket;
    status_t status = socket_lookup(fd, RIGHT_READ, &ref, &socket);
    if (status != 0)
        return status;
    ssize_t result = receive_one(socket, message, flags);
    handle_release(&ref);
    return result;
}

long sys_sendmmsg(int fd, void __user *messages, unsigned count, unsigned flags) {
    struct handle_ref ref;
    struct socket *socket;
    struct abi_mmsghdr __user *entry = messages;
    ssize_t result = socket_lookup(fd, RIGHT_WRITE, &ref, &socket);
    if (result != 0)
        return result;
    count = MIN(count, (unsigned)IOV_MAX);
    unsigned done = 0;
    for (; done < count; done++, entry++) {
        result = send_one(socket, &entry->header, flags);
        if (result >= 0)
            result = put_user((uint32_t)result, &entry->size);
        if (result < 0)
            break;
        sched_preempt_point();
    }
    handle_release(&ref);
    return done > 0 ? (long)done : result;
}

static status_t timeout_from_user(const void __user *timeout, nsec_t *deadline) {
    struct {
        int64_t seconds, nanoseconds;
    } value;
    *deadline = NSEC_NEVER;
    if ((__force uintptr_t)timeout == 0)
        return 0;
    if (copy_from_user(&value, timeout, sizeof(value)) != 0)
        return -EFAULT;
    if (value.seconds < 0 || value.nanoseconds < 0 || value.nanoseconds >= 1000000000)
        return -EINVAL;
    if (value.seconds < 1000000000)
        *deadline = nsec_sum(clock_now(), value.seconds * 1000000000 + value.nanoseconds);
    return 0;
}

// The deadline is looked at after each message, as on Linux: it does not end a wait.
long sys_recvmmsg(int fd, void __user *messages, unsigned count, unsigned flags, void __user *timeout) {
    struct handle_ref ref;
    struct socket *socket;
    struct abi_mmsghdr __user *entry = messages;
    nsec_t deadline;
    ssize_t result = timeout_from_user(timeout, &deadline);
    if (result == 0)
        result = socket_lookup(fd, RIGHT_READ, &ref, &socket);
    if (result != 0)
        return result;
    count = MIN(count, (unsigned)IOV_MAX);
    unsigned done = 0;
    while (done < count) {
        result = receive_one(socket, &entry->header, flags & ~(unsigned)MSG_WAITFORONE);
        if (result >= 0)
            result = put_user((uint32_t)result, &entry->size);
        if (result < 0)
            break;
        done++;
        entry++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (deadline != NSEC_NEVER && clock_now() >= deadline)
            break;
        sched_preempt_point();
    }
    handle_release(&ref);
    return done > 0 ? (long)done : result;
}
