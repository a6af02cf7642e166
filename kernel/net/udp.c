// SPDX-License-Identifier: MPL-2.0
// UDP sockets. A datagram goes straight into the queue of its receiver. Where nobody has the port, or a raw socket
// looks on, the packet is built as it would lie on the wire: for the eyes of that socket, and to be quoted by ICMP.
//
// UDP-Lite is the same with ports of its own, and a checksum that may cover only a part: nothing is ever damaged here,
// but a receiver that wants more covered than the sender did does not get the datagram.
#include "control.h"
#include "wire.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>

#define SIZE_MAX_V4 65507u // 65535 less the headers
#define SIZE_MAX_V6 65527u

// At the beginning of a datagram's wire data; numbers in network byte order.
struct udp_header {
    uint16_t from, to;
    uint16_t size; // UDP-Lite: what the checksum covers
    uint16_t checksum;
};

CHARGED_CACHE(udp_slab, struct datagram_socket);

status_t udp_create(int family, int protocol, struct socket **out) {
    struct datagram_socket *socket = charged_alloc_zero(&udp_slab);
    if (!socket)
        return -ENOMEM;
    datagram_init(socket, &udp_ops, family, SOCK_DGRAM, protocol);
    *out = &socket->inet.socket;
    return 0;
}

// How much of a datagram of `size` bytes is covered: 0 all of it, which Linux does not mind whatever is wanted.
static uint16_t coverage_of(struct inet_socket *socket, size_t size) {
    int32_t covered = inet_option(socket, OPTION_SEND_COVERAGE);
    return covered > 0 && (size_t)covered < size + UDP_HEADER ? (uint16_t)covered : 0;
}

enum fate { TAKEN = 0, REFUSED = COUNT_UDP_REFUSED - COUNT_UDP, LOST = COUNT_UDP_LOST - COUNT_UDP };
static void count(int protocol, bool v6, enum fate fate) {
    inet_count((protocol == IPPROTO_UDP ? COUNT_UDP : COUNT_UDPLITE) + (unsigned)fate, v6, 1);
}

void udp_deliver(struct inet_socket *receiver, struct packet *packet) {
    int32_t wanted = inet_option(receiver, OPTION_RECEIVE_COVERAGE), covered = packet->route.coverage;
    struct datagram_socket *socket = to_datagram(&receiver->socket);
    bool v6 = !inet_address_is_v4((const struct inet_address *)packet->route.to);
    if (wanted < 0 || covered == 0 || (wanted > 0 && covered >= wanted)) {
        count(receiver->socket.protocol, v6, datagram_deliver(socket, packet) ? TAKEN : LOST);
        return;
    }
    spin_lock(&socket->lock);
    socket->drops++;
    spin_unlock(&socket->lock);
    count(receiver->socket.protocol, v6, LOST);
    packet_destroy(packet);
}

// --- packets on the wire ---

static void build_header(struct wire *wire, const struct packet *packet, const struct inet_endpoint *to,
                         const struct inet_endpoint *from) {
    struct udp_header header = {network_16(from->port), network_16(to->port)};
    uint32_t covered = packet->route.coverage ? packet->route.coverage : wire->size;
    header.size = network_16((uint16_t)(wire->protocol == IPPROTO_UDP || packet->route.coverage ? covered : 0));
    memcpy(wire->data, &header, sizeof(header));
    header.checksum = wire_checksum(wire, covered);
    if (header.checksum == 0)
        header.checksum = 0xffff;
    memcpy(wire->data, &header, sizeof(header));
}

// Shows a datagram to who looks on; `refused`: and gives it to the members of its group, or tells the sender that
// nobody takes it. It is lost for them if there is no memory.
static void show(struct inet_socket *socket, const struct packet *packet, const struct inet_endpoint *to,
                 const struct inet_endpoint *from, bool refused) {
    struct uio uio;
    struct wire *wire = wire_create(inet_address_is_v4(&to->address), UDP_HEADER + packet->size);
    if (!wire)
        return;
    wire->protocol = (uint8_t)socket->socket.protocol;
    wire_describe(wire, &packet->route);
    uio_init_kernel(&uio, wire->data + UDP_HEADER, packet->size);
    if (packet_copy(packet, 0, &uio, packet->size) == packet->size) {
        build_header(wire, packet, to, from);
        wire_seal(wire);
        wire_show(wire);
        if (inet_address_is_group(&to->address))
            udp_input_group(wire, &packet->route, to, from);
        else if (refused)
            icmp_refuse(wire, ICMP_REFUSE_PORT);
    }
    wire_free(wire);
}

static bool parse_header(const struct wire *wire, struct udp_header *header) {
    if (wire->size < sizeof(*header))
        return false;
    memcpy(header, wire->data, sizeof(*header));
    uint32_t size = network_16(header->size);
    if (size < sizeof(*header) || size > wire->size)
        return false;
    return header->checksum == 0 ? wire->v4 : wire_checksum(wire, size) == 0;
}

// One that was built by hand.
void udp_input(const struct wire *wire) {
    struct udp_header header;
    struct packet *packet;
    struct uio uio;
    if (!parse_header(wire, &header))
        return;
    struct inet_endpoint to = {wire->to, network_16(header.to)}, from = {wire->from, network_16(header.from)};
    spin_lock(&inet_lock);
    struct inet_socket *receiver = inet_receiver_find_locked(IPPROTO_UDP, &to, &from);
    if (receiver && !refcount_try_up(&receiver->socket.object.ref))
        receiver = nullptr;
    spin_unlock(&inet_lock);
    if (!receiver) {
        count(IPPROTO_UDP, !wire->v4, REFUSED);
        icmp_refuse(wire, ICMP_REFUSE_PORT);
        return;
    }
    uio_init_kernel(&uio, wire->data + sizeof(header), network_16(header.size) - sizeof(header));
    if (packet_create(&uio, uio.resid, &packet) == 0) {
        wire_route(wire, from.port, packet);
        udp_deliver(receiver, packet);
    }
    object_put(&receiver->socket.object);
}

void udp_fail(struct inet_error *error) {
    struct udp_header header;
    if (error->size < sizeof(header))
        return;
    memcpy(&header, error->data, sizeof(header));
    error->local.port = network_16(header.from);
    error->remote.port = network_16(header.to);
    spin_lock(&inet_lock);
    struct inet_socket *sender = inet_receiver_find_locked(error->protocol, &error->local, &error->remote);
    if (sender && !refcount_try_up(&sender->socket.object.ref))
        sender = nullptr;
    spin_unlock(&inet_lock);
    if (!sender)
        return;
    datagram_fail(to_datagram(&sender->socket), error, sizeof(header));
    object_put(&sender->socket.object);
}

// --- sending ---

// Who gets it, referenced (null: nobody, or members of a group), and from whom it comes.
static status_t find_receiver(struct inet_socket *socket, struct message *message, struct inet_endpoint *to,
                              struct inet_endpoint *from, struct inet_socket **out) {
    spin_lock(&inet_lock);
    status_t status = datagram_source_locked(socket, message, to, from);
    bool one = status == 0 && !inet_address_is_group(&to->address);
    *out = one ? inet_receiver_find_locked(socket->socket.protocol, to, from) : nullptr;
    if (*out && !refcount_try_up(&(*out)->socket.object.ref))
        *out = nullptr;
    spin_unlock(&inet_lock);
    return status;
}

static ssize_t udp_send(struct socket *base, struct message *message) {
    struct inet_socket *socket = to_inet(base), *receiver;
    struct inet_endpoint to, from;
    struct packet *packet;
    size_t size = message->data->resid;
    if (size > 0xffff)
        return -EMSGSIZE;
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    status_t status = datagram_destination(socket, message, &to);
    if (status == 0 && to.port == 0)
        status = message->address ? -EINVAL : -EDESTADDRREQ;
    if (status == 0)
        status = find_receiver(socket, message, &to, &from, &receiver);
    if (status != 0)
        return status;
    if (size > (inet_address_is_v4(&to.address) ? SIZE_MAX_V4 : SIZE_MAX_V6))
        status = -EMSGSIZE;
    if (status == 0)
        status = datagram_may_send(to_datagram(base));
    if (status == 0)
        status = packet_create(message->data, size, &packet);
    if (status == 0) {
        packet->routed = true;
        datagram_describe(socket, message, &to, &from, &packet->route);
        packet->route.coverage = coverage_of(socket, size);
        bool v6 = !inet_address_is_v4(&to.address);
        wire_count(v6, size + UDP_HEADERS + (v6 ? IPV6_LONGER : 0));
        if (UNLIKELY(!receiver || wire_is_watched()))
            show(socket, packet, &to, &from, !receiver);
        if (receiver) {
            udp_deliver(receiver, packet);
        } else {
            if (!inet_address_is_group(&to.address))
                count(base->protocol, v6, REFUSED);
            packet_destroy(packet);
        }
    }
    if (receiver)
        object_put(&receiver->socket.object);
    return status == 0 ? (ssize_t)size : status;
}

static void udp_destroy(struct socket *base) {
    struct datagram_socket *socket = to_datagram(base);
    datagram_fini(socket);
    charged_free(&udp_slab, socket);
}

const struct socket_ops udp_ops = {
    .peeks_at = true,
    .bind = inet_bind,
    .connect = datagram_connect,
    .get_name = inet_get_name,
    .shutdown = datagram_shutdown,
    .send = udp_send,
    .receive = datagram_receive,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .take_control = datagram_take_control,
    .memory = datagram_memory,
    .ioctl = datagram_ioctl,
    .closed = datagram_closed,
    .destroy = udp_destroy,
};
