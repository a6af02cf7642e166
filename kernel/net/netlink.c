// SPDX-License-Identifier: MPL-2.0
// AF_NETLINK sockets. What is sent to the kernel is answered at once: the answers, or an error, are cut into datagrams
// and lie in the socket's own queue when send returns. They are paid for by the job of who made the socket and bounded
// (ANSWER_MAX). Groups may be joined; nothing is announced yet.
#include "netlink_priv.h"
#include "packet.h"
#include "stream.h"

#include <arch/uaccess.h>
#include <lib/log.h>
#include <lib/random.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <net/netlink.h>
#include <object/cred.h>
#include <object/task.h>

#define REQUEST_MAX 65536u
#define ANSWER_MAX (4u << 20) // bytes in the queue
#define DATAGRAM_MAX 3776u    // as Linux cuts them: programs read into a page
#define GROUPS 32

struct netlink_socket {
    struct socket socket;   // first
    _Atomic uint32_t flags; // NETLINK_… options, by number
    uint32_t port, groups;  // under netlink.lock; port 0: not bound
    struct list_node node;  // under netlink.lock
    struct spinlock lock;   // protects the rest
    struct list_node packets;
    uint32_t bytes;
    bool closed;
    struct memory_charge memory;
    struct wait_queue readers;
};

static struct {
    struct spinlock lock;
    struct list_node bound GUARDED_BY(&lock); // struct netlink_socket.node
} netlink = {.bound = LIST_INIT(netlink.bound)};

CHARGED_CACHE(netlink_slab, struct netlink_socket);
static const struct socket_ops netlink_ops;

static struct netlink_socket *to_netlink(struct socket *socket) {
    return CONTAINER_OF(socket, struct netlink_socket, socket);
}
static bool has_flag(struct netlink_socket *socket, unsigned option) {
    return atomic_load_explicit(&socket->flags, memory_order_relaxed) >> option & 1;
}

static status_t netlink_create(int type, int protocol, struct socket **out) {
    if (type != SOCK_RAW && type != SOCK_DGRAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != NETLINK_ROUTE && protocol != NETLINK_SOCK_DIAG && protocol != NETLINK_KOBJECT_UEVENT)
        return -EPROTONOSUPPORT;
    struct netlink_socket *socket = charged_alloc_zero(&netlink_slab);
    if (!socket)
        return -ENOMEM;
    socket_init(&socket->socket, &netlink_ops, AF_NETLINK, type);
    socket->socket.protocol = protocol;
    list_init(&socket->node);
    list_init(&socket->packets);
    wait_queue_init(&socket->readers);
    charge_init(&socket->memory, account_current());
    object_signal(&socket->socket.object, 0, SOCKET_WRITABLE);
    *out = &socket->socket;
    return 0;
}

// --- names ---

static bool is_taken_locked(const struct netlink_socket *socket, uint32_t port) REQUIRES(&netlink.lock) {
    struct netlink_socket *other;
    LIST_FOR_EACH(other, &netlink.bound, node)
    if (other->port == port && other->socket.protocol == socket->socket.protocol)
        return true;
    return false;
}

// Port 0: the process's id, or any other that is free.
static status_t bind_locked(struct netlink_socket *socket, uint32_t port) REQUIRES(&netlink.lock) {
    if (socket->port != 0)
        return port == 0 || port == socket->port ? 0 : -EINVAL;
    uint32_t chosen = port ? port : (uint32_t)socket_credentials().pid;
    for (unsigned i = 0; is_taken_locked(socket, chosen); i++) {
        if (port != 0 || i == 64)
            return -EADDRINUSE;
        chosen = (uint32_t)random_u64() | 0x80000000u;
    }
    socket->port = chosen;
    list_push_back(&netlink.bound, &socket->node);
    return 0;
}

static status_t parse(const struct address *address, struct abi_sockaddr_nl *out) {
    if (address->size < sizeof(*out) || address->family != AF_NETLINK)
        return -EINVAL;
    memcpy(out, address->bytes, sizeof(*out));
    return 0;
}

static status_t netlink_bind(struct socket *base, const struct address *address) {
    struct netlink_socket *socket = to_netlink(base);
    struct abi_sockaddr_nl name;
    status_t status = parse(address, &name);
    if (status != 0)
        return status;
    spin_lock(&netlink.lock);
    status = bind_locked(socket, name.port);
    if (status == 0)
        socket->groups = name.groups;
    spin_unlock(&netlink.lock);
    return status;
}

static status_t netlink_connect(struct socket *base, const struct address *address, bool nonblock) {
    struct netlink_socket *socket = to_netlink(base);
    struct abi_sockaddr_nl name;
    if (address->size >= sizeof(address->family) && address->family == AF_UNSPEC)
        return 0;
    status_t status = parse(address, &name);
    if (status == 0 && (name.port != 0 || name.groups != 0)) // to programs
        status = cred_has_cap(cred_current(), CAP_NET_ADMIN) ? -ECONNREFUSED : -EPERM;
    if (status != 0)
        return status;
    spin_lock(&netlink.lock);
    status = bind_locked(socket, 0);
    spin_unlock(&netlink.lock);
    return status;
}

static void put_name(struct address *out, uint32_t port, uint32_t groups) {
    struct abi_sockaddr_nl name = {.family = AF_NETLINK, .port = port, .groups = groups};
    memset(out->bytes, 0, sizeof(out->bytes));
    memcpy(out->bytes, &name, out->size = sizeof(name));
}

static status_t netlink_get_name(struct socket *base, enum socket_name name, struct address *out) {
    struct netlink_socket *socket = to_netlink(base);
    spin_lock(&netlink.lock);
    bool own = name == NAME_OWN; // the peer is always the kernel
    put_name(out, own ? socket->port : 0, own ? socket->groups : 0);
    spin_unlock(&netlink.lock);
    return 0;
}

// --- answering ---

static void add_error(struct netlink_socket *socket, const struct netlink_request *request, status_t status,
                      struct text_buffer *answer) {
    bool capped = status == 0 || has_flag(socket, NETLINK_CAP_ACK);
    struct abi_nlmsghdr header = {.type = NLMSG_ERROR,
                                  .flags = capped ? NLM_F_CAPPED : 0,
                                  .sequence = request->header.sequence,
                                  .port = request->port};
    int32_t error = status;
    size_t start = answer->length;
    text_append(answer, (const char *)&header, sizeof(header));
    text_append(answer, (const char *)&error, sizeof(error));
    text_append(answer, (const char *)&request->header, sizeof(request->header));
    if (!capped)
        text_append(answer, (const char *)request->body, ALIGN_UP(request->size, (size_t)4));
    netlink_end(answer, start);
}

static void answer_request(struct netlink_socket *socket, struct netlink_request *request, struct text_buffer *answer) {
    size_t start = answer->length;
    status_t status =
        socket->socket.protocol == NETLINK_ROUTE ? netlink_route(request, answer) : netlink_sock_diag(request, answer);
    bool changes = socket->socket.protocol == NETLINK_ROUTE && request->header.type % 4 != 2;
    if (status == 0 && netlink_is_dump(request) && !changes) {
        int32_t zero = 0;
        netlink_end(answer, netlink_begin(answer, request, NLMSG_DONE, &zero, sizeof(zero)));
        return;
    }
    if (status != 0)
        answer->length = start; // nothing half done
    if (status != 0 || request->header.flags & NLM_F_ACK)
        add_error(socket, request, status, answer);
}

// Goes through the requests in a kernel copy of what was sent, whose end is padded.
static void answer_all(struct netlink_socket *socket, uint32_t port, const uint8_t *data, size_t size,
                       struct text_buffer *answer) {
    struct netlink_request request = {.port = port, .strict = has_flag(socket, NETLINK_GET_STRICT_CHK)};
    size_t at = 0;
    while (netlink_next(&request, data, size, &at)) {
        if (request.header.flags & NLM_F_REQUEST && request.header.type >= NLMSG_MIN_TYPE)
            answer_request(socket, &request, answer);
        else if (request.header.flags & NLM_F_ACK)
            add_error(socket, &request, 0, answer);
        if (answer->length > ANSWER_MAX)
            return;
    }
}

static status_t queue(struct netlink_socket *socket, const void *data, size_t size) {
    struct uio uio;
    struct packet *packet;
    uio_init_kernel(&uio, (void *)(uintptr_t)data, size);
    status_t status = packet_create(&uio, size, &packet);
    if (status != 0)
        return status;
    packet->routed = true;
    spin_lock(&socket->lock);
    bool fits = !socket->closed && socket->bytes + packet->charge <= ANSWER_MAX &&
                charge_cover(&socket->memory, stream_pages(socket->bytes + packet->charge));
    if (fits) {
        list_push_back(&socket->packets, &packet->node);
        socket->bytes += packet->charge;
        wait_queue_wake_one(&socket->readers);
        object_signal(&socket->socket.object, 0, SIGNALS_READ);
    }
    spin_unlock(&socket->lock);
    if (!fits)
        packet_destroy(packet);
    return fits ? 0 : -ENOBUFS;
}

bool netlink_is(const struct socket *socket) {
    return socket->ops == &netlink_ops;
}

status_t netlink_deliver(struct socket *socket, const void *data, size_t size) {
    return queue(to_netlink(socket), data, size);
}

// Whole messages to a datagram, as many as fit.
static status_t queue_answer(struct netlink_socket *socket, const struct text_buffer *answer) {
    size_t start = 0, at = 0;
    status_t status = answer->failed ? -ENOBUFS : 0;
    while (status == 0 && at < answer->length) {
        uint32_t size;
        memcpy(&size, answer->data + at, sizeof(size));
        size = ALIGN_UP(size, 4u);
        if (at > start && at + size - start > DATAGRAM_MAX) {
            status = queue(socket, answer->data + start, at - start);
            start = at;
        }
        at += size;
    }
    return status == 0 && at > start ? queue(socket, answer->data + start, at - start) : status;
}

static ssize_t netlink_send(struct socket *base, struct message *message) {
    struct netlink_socket *socket = to_netlink(base);
    struct abi_sockaddr_nl to = {};
    size_t size = message->data->resid;
    status_t status = message->address && message->address->size > 0 ? parse(message->address, &to) : 0;
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (status == 0 && (to.port != 0 || to.groups != 0)) // to programs
        status = cred_has_cap(cred_current(), CAP_NET_ADMIN) ? -ECONNREFUSED : -EPERM;
    if (status == 0 && base->protocol == NETLINK_KOBJECT_UEVENT)
        status = -ECONNREFUSED; // the kernel does not listen
    if (status == 0 && size > REQUEST_MAX)
        status = -EMSGSIZE;
    if (status != 0)
        return status;
    spin_lock(&netlink.lock);
    status = bind_locked(socket, 0);
    uint32_t port = socket->port;
    spin_unlock(&netlink.lock);
    uint8_t *data = status == 0 ? kzalloc_charged(size + 4) : nullptr;
    if (!data)
        return status != 0 ? status : -ENOMEM;
    struct text_buffer answer = {};
    if (uio_read(message->data, data, size) != size) {
        status = -EFAULT;
    } else {
        answer_all(socket, port, data, size, &answer);
        status = queue_answer(socket, &answer);
    }
    kfree(answer.data);
    kfree(data);
    return status == 0 ? (ssize_t)size : status;
}

// --- receiving ---

static status_t take_packet(struct netlink_socket *socket, const struct message *message, nsec_t deadline,
                            struct packet **out) {
    status_t status = 0;
    spin_lock(&socket->lock);
    while (status == 0 && list_is_empty(&socket->packets))
        status = message->flags & MSG_DONTWAIT
                     ? -EAGAIN
                     : wait_queue_sleep(&socket->readers, &socket->lock, WAIT_INTERRUPTIBLE, deadline);
    if (status == 0) {
        *out = LIST_ENTRY(list_pop_front(&socket->packets), struct packet, node);
        socket->bytes -= (*out)->charge;
        charge_trim(&socket->memory, stream_pages(socket->bytes));
        if (list_is_empty(&socket->packets))
            object_signal(&socket->socket.object, SIGNALS_READ, 0);
    }
    spin_unlock(&socket->lock);
    return status;
}

// A peeked packet goes back to the front.
static void put_back(struct netlink_socket *socket, struct packet *packet) {
    spin_lock(&socket->lock);
    bool open = !socket->closed && charge_cover(&socket->memory, stream_pages(socket->bytes + packet->charge));
    if (open) {
        list_push_front(&socket->packets, &packet->node);
        socket->bytes += packet->charge;
        object_signal(&socket->socket.object, 0, SIGNALS_READ);
        wait_queue_wake_one(&socket->readers);
    }
    spin_unlock(&socket->lock);
    if (!open)
        packet_destroy(packet);
}

static ssize_t netlink_receive(struct socket *base, struct message *message) {
    struct netlink_socket *socket = to_netlink(base);
    struct packet *packet;
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    status_t status = take_packet(socket, message, socket_deadline(timeout), &packet);
    if (status != 0)
        return socket_interrupted(status, timeout);
    size_t full = packet->size, size = MIN(full, message->data->resid);
    size_t copied = packet_copy(packet, 0, message->data, size);
    if (message->flags & MSG_PEEK)
        put_back(socket, packet);
    else
        packet_destroy(packet);
    if (message->address)
        put_name(message->address, 0, 0);
    if (message->ancillary) { // the kernel's
        message->ancillary->credentials = (struct abi_ucred){};
        message->ancillary->has_credentials = true;
    }
    if (copied < size)
        return -EFAULT;
    if (full > size)
        message->result |= MSG_TRUNC;
    return (ssize_t)(message->flags & MSG_TRUNC ? full : size);
}

// --- options, the end ---

static status_t netlink_set_option(struct socket *base, int level, int name, const void *value, size_t size) {
    struct netlink_socket *socket = to_netlink(base);
    uint32_t number;
    if (level != SOL_NETLINK)
        return -ENOPROTOOPT;
    if (size < sizeof(number))
        return -EINVAL;
    memcpy(&number, value, sizeof(number));
    switch (name) {
    case NETLINK_ADD_MEMBERSHIP:
    case NETLINK_DROP_MEMBERSHIP:
        if (number == 0 || number > GROUPS)
            return -EINVAL;
        spin_lock(&netlink.lock);
        uint32_t bit = 1u << (number - 1);
        socket->groups = name == NETLINK_ADD_MEMBERSHIP ? socket->groups | bit : socket->groups & ~bit;
        spin_unlock(&netlink.lock);
        return 0;
    case NETLINK_PKTINFO:
    case NETLINK_BROADCAST_ERROR:
    case NETLINK_NO_ENOBUFS:
    case NETLINK_CAP_ACK:
    case NETLINK_EXT_ACK:
    case NETLINK_GET_STRICT_CHK:
        if (number != 0)
            atomic_fetch_or_explicit(&socket->flags, 1u << name, memory_order_relaxed);
        else
            atomic_fetch_and_explicit(&socket->flags, ~(1u << name), memory_order_relaxed);
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static status_t netlink_get_option(struct socket *base, int level, int name, void *value, size_t *size) {
    if (level != SOL_NETLINK)
        return -ENOPROTOOPT;
    bool known = (name >= NETLINK_PKTINFO && name <= NETLINK_NO_ENOBUFS) ||
                 (name >= NETLINK_CAP_ACK && name <= NETLINK_GET_STRICT_CHK);
    if (!known)
        return -ENOPROTOOPT;
    int32_t number = has_flag(to_netlink(base), (unsigned)name);
    if (*size < sizeof(number))
        return -EINVAL;
    *size = sizeof(number);
    memcpy(value, &number, sizeof(number));
    return 0;
}

static void netlink_closed(struct socket *base) {
    struct netlink_socket *socket = to_netlink(base);
    struct list_node dead = LIST_INIT(dead);
    spin_lock(&netlink.lock);
    list_remove(&socket->node);
    spin_unlock(&netlink.lock);
    spin_lock(&socket->lock);
    socket->closed = true;
    socket->bytes = 0;
    list_splice_back(&dead, &socket->packets);
    spin_unlock(&socket->lock);
    packet_destroy_all(&dead);
}

static void netlink_destroy(struct socket *base) {
    struct netlink_socket *socket = to_netlink(base);
    charge_fini(&socket->memory);
    charged_free(&netlink_slab, socket);
}

static const struct socket_ops netlink_ops = {
    .bind = netlink_bind,
    .connect = netlink_connect,
    .get_name = netlink_get_name,
    .send = netlink_send,
    .receive = netlink_receive,
    .set_option = netlink_set_option,
    .get_option = netlink_get_option,
    .closed = netlink_closed,
    .destroy = netlink_destroy,
};

void netlink_init(void) {
    static const struct socket_family family = {.number = AF_NETLINK, .create = netlink_create};
    socket_family_register(&family);
}
