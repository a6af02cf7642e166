// SPDX-License-Identifier: MPL-2.0
// Ping sockets (SOCK_DGRAM of ICMP): a program without privileges sends echo requests and gets the answers to its own.
// A socket's port is the identifier of its echoes. Only members of the groups in ping_group_range may make one: at
// first nobody.
#include "wire.h"

#include <lib/string.h>
#include <mm/charged.h>
#include <object/cred.h>
#include <object/task.h>

_Atomic uint64_t ping_groups = 1ull << 32;

CHARGED_CACHE(ping_slab, struct datagram_socket);

static bool may_ping(void) {
    uint64_t range = atomic_load_explicit(&ping_groups, memory_order_relaxed);
    uint32_t least = (uint32_t)(range >> 32), most = (uint32_t)range;
    const struct cred *cred = cred_current();
    bool found = cred->egid >= least && cred->egid <= most;
    for (unsigned i = 0; i < cred->group_count && !found; i++)
        found = cred->groups[i] >= least && cred->groups[i] <= most;
    return found;
}

status_t ping_create(int family, struct socket **out) {
    if (!may_ping())
        return -EACCES;
    struct datagram_socket *socket = charged_alloc_zero(&ping_slab);
    if (!socket)
        return -ENOMEM;
    datagram_init(socket, &ping_ops, family, SOCK_DGRAM, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    atomic_fetch_or_explicit(&socket->inet.socket.option_bits, 1u << SO_REUSEADDR, memory_order_relaxed);
    atomic_store_explicit(&socket->inet.option[OPTION_V6ONLY], family == AF_INET6, memory_order_relaxed);
    *out = &socket->inet.socket;
    return 0;
}

// --- coming in ---

static struct inet_socket *find(const struct wire *wire, const struct inet_endpoint *mine) {
    struct inet_endpoint from = {.address = wire->from};
    spin_lock(&inet_lock);
    struct inet_socket *socket = inet_receiver_find_locked(wire->protocol, mine, &from);
    if (socket && !refcount_try_up(&socket->socket.object.ref))
        socket = nullptr;
    spin_unlock(&inet_lock);
    return socket;
}

void ping_input(const struct wire *wire) {
    struct abi_icmp_header header;
    struct packet *packet;
    struct uio uio;
    memcpy(&header, wire->data, sizeof(header)); // icmp_input has looked
    struct inet_endpoint to = {wire->to, network_16(header.id)};
    struct inet_socket *socket = find(wire, &to);
    if (!socket)
        return;
    uio_init_kernel(&uio, wire->data, wire->size);
    if (packet_create(&uio, wire->size, &packet) == 0) {
        wire_route(wire, 0, packet);
        datagram_deliver(to_datagram(&socket->socket), packet);
    }
    object_put(&socket->socket.object);
}

void ping_fail(struct inet_error *error) {
    struct abi_icmp_header header;
    struct wire quoted = {.v4 = error->v4, .protocol = error->protocol, .from = error->remote.address};
    memcpy(&header, error->data, sizeof(header)); // a quote has so much
    error->local.port = network_16(header.id);
    struct inet_socket *socket = find(&quoted, &error->local);
    if (!socket)
        return;
    error->remote.port = 0;
    datagram_fail(to_datagram(&socket->socket), error, 0);
    object_put(&socket->socket.object);
}

// --- sending ---

static status_t check_destination(struct inet_socket *socket, const struct message *message, struct inet_endpoint *to) {
    const struct address *address = message->address;
    if (address && address->size > 0) {
        status_t status = inet_endpoint_parse(socket->socket.family, address, to);
        if (status != 0)
            return status;
    } else {
        status_t status = datagram_destination(socket, message, to);
        if (status != 0)
            return status;
    }
    return inet_address_is_v4(&to->address) == inet_is_v4(socket) ? 0 : -EINVAL;
}

// The request as the program wrote it, but for the identifier and the checksum.
static status_t fill(struct wire *wire, struct message *message) {
    struct abi_icmp_header header;
    if (uio_read(message->data, wire->data, wire->size) != wire->size)
        return -EFAULT;
    memcpy(&header, wire->data, sizeof(header));
    return header.type == (wire->v4 ? ICMP_ECHO : ICMP6_ECHO) && header.code == 0 ? 0 : -EINVAL;
}

static status_t address(struct inet_socket *socket, struct message *message, struct wire *wire) {
    struct inet_endpoint to, from;
    struct packet_route route;
    struct abi_icmp_header header;
    status_t status = check_destination(socket, message, &to);
    if (status != 0)
        return status;
    spin_lock(&inet_lock);
    status = datagram_source_locked(socket, message, &to, &from);
    uint16_t id = socket->claim.local.port;
    spin_unlock(&inet_lock);
    if (status != 0)
        return status;
    datagram_describe(socket, message, &to, &from, &route);
    wire_describe(wire, &route);
    memcpy(&header, wire->data, sizeof(header));
    header.id = network_16(id);
    header.checksum = 0;
    memcpy(wire->data, &header, sizeof(header));
    header.checksum = wire_checksum(wire, wire->size);
    memcpy(wire->data, &header, sizeof(header));
    wire_seal(wire);
    return 0;
}

static ssize_t ping_send(struct socket *base, struct message *message) {
    size_t size = message->data->resid;
    struct inet_socket *socket = to_inet(base);
    if (size > 0xffff)
        return -EMSGSIZE;
    if (size < sizeof(struct abi_icmp_header))
        return -EINVAL;
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    struct wire *wire = wire_create(inet_is_v4(socket), size);
    if (!wire)
        return -ENOBUFS;
    wire->protocol = (uint8_t)base->protocol;
    status_t status = fill(wire, message);
    if (status == 0)
        status = address(socket, message, wire);
    if (status == 0 && wire->header_size + size > 0xffff)
        status = -EMSGSIZE;
    if (status == 0)
        status = datagram_may_send(to_datagram(base));
    if (status == 0)
        wire_carry(wire);
    wire_free(wire);
    return status == 0 ? (ssize_t)size : status;
}

static void ping_destroy(struct socket *base) {
    struct datagram_socket *socket = to_datagram(base);
    datagram_fini(socket);
    charged_free(&ping_slab, socket);
}

const struct socket_ops ping_ops = {
    .bind = inet_bind,
    .connect = datagram_connect,
    .get_name = inet_get_name,
    .shutdown = datagram_shutdown,
    .send = ping_send,
    .receive = datagram_receive,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .take_control = datagram_take_control,
    .memory = datagram_memory,
    .ioctl = datagram_ioctl,
    .closed = datagram_closed,
    .destroy = ping_destroy,
};
