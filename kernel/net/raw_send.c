// SPDX-License-Identifier: MPL-2.0
// Sending on raw sockets: behind an IP header of the kernel's, or with one that the program wrote (IP_HDRINCL). Every
// byte is the program's: what cannot be a packet is lost, as it would be by who receives it. Fragments are, too: they
// are not put together.
#include "raw.h"

#include <lib/string.h>

#define PACKET_MAX 0xffffu
#define FRAGMENT_BITS 0x3fff // not the first, or not the last

// The program's header is made true where it cannot lie; -EINVAL: it says that it is longer than the packet.
static status_t complete_header(struct wire *wire, uint8_t *bytes, size_t size, const struct inet_address *from) {
    struct abi_ip_header header;
    memcpy(&header, bytes, sizeof(header));
    size_t length = (header.version & 15) * 4u;
    if (length > size)
        return -EINVAL;
    if (length < sizeof(header))
        return 0;
    struct inet_address source = inet_address_v4(header.from);
    if (inet_address_is_any(&source))
        memcpy(header.from, from->bytes + 12, sizeof(header.from));
    header.size = network_16((uint16_t)size);
    header.checksum = 0;
    memcpy(bytes, &header, sizeof(header));
    header.checksum = wire_sum(bytes, length);
    memcpy(bytes, &header, sizeof(header));
    return 0;
}

// What the receiver makes of the program's packet of IPv4. False: nothing.
static bool parse_v4(struct wire *wire, uint8_t *bytes, uint32_t size) {
    struct abi_ip_header header;
    memcpy(&header, bytes, sizeof(header));
    uint32_t length = (header.version & 15) * 4u;
    if (header.version >> 4 != 4 || length < sizeof(header) || length > size ||
        network_16(header.fragment) & FRAGMENT_BITS)
        return false;
    wire->header_size = length;
    wire->hops = header.hops;
    wire->class = header.class;
    wire->protocol = header.protocol;
    wire->from = inet_address_v4(header.from);
    wire->to = inet_address_v4(header.to);
    wire->data = bytes + length;
    wire->size = size - length;
    return true;
}

static bool parse_v6(struct wire *wire, uint8_t *bytes, uint32_t size) {
    struct abi_ip6_header header;
    memcpy(&header, bytes, sizeof(header));
    if (header.version[0] >> 4 != 6 || network_16(header.size) > size - sizeof(header))
        return false;
    wire->header_size = sizeof(header);
    wire->hops = header.hops;
    wire->class = (uint8_t)(header.version[0] << 4 | header.version[1] >> 4);
    wire->protocol = header.protocol;
    memcpy(wire->from.bytes, header.from, sizeof(header.from));
    memcpy(wire->to.bytes, header.to, sizeof(header.to));
    wire->data = bytes + sizeof(header);
    wire->size = network_16(header.size);
    return true;
}

// The packet with its header is what the program gave.
static status_t send_whole(struct wire *wire, struct message *message, const struct inet_address *from) {
    uint8_t *bytes = wire->data;
    uint32_t size = wire->size;
    if (uio_read(message->data, bytes, size) != size)
        return -EFAULT;
    status_t status = wire->v4 ? complete_header(wire, bytes, size, from) : 0;
    if (status == 0 && (wire->v4 ? parse_v4(wire, bytes, size) : parse_v6(wire, bytes, size)))
        wire_carry(wire);
    return status;
}

static status_t send_data(struct raw_socket *socket, struct wire *wire, struct message *message) {
    int32_t place = atomic_load_explicit(&socket->checksum_place, memory_order_relaxed);
    if (uio_read(message->data, wire->data, wire->size) != wire->size)
        return -EFAULT;
    if (place != NO_CHECKSUM) {
        uint16_t checksum = 0;
        if (wire->size < sizeof(checksum) || (uint32_t)place > wire->size - sizeof(checksum))
            return -EINVAL;
        memcpy(wire->data + place, &checksum, sizeof(checksum));
        checksum = wire_checksum(wire, wire->size);
        memcpy(wire->data + place, &checksum, sizeof(checksum));
    }
    wire_seal(wire);
    wire_carry(wire);
    return 0;
}

// Where to; the port of an IPv6 address may name the protocol.
static status_t find_destination(struct inet_socket *socket, struct message *message, struct inet_endpoint *to) {
    const struct address *address = message->address;
    status_t status;
    if (address && address->size > 0 && (inet_is_v4(socket) || address->family != AF_UNSPEC)) {
        struct address known = *address;
        if (inet_is_v4(socket) && known.size >= sizeof(struct abi_sockaddr_in) && known.family == AF_UNSPEC)
            known.family = AF_INET;
        status = inet_endpoint_parse(socket->socket.family, &known, to);
    } else {
        status = datagram_destination(socket, message, to);
    }
    if (status != 0)
        return status;
    if (!inet_is_v4(socket) && to->port != 0 && to->port != socket->socket.protocol)
        return -EINVAL;
    return inet_address_is_v4(&to->address) == inet_is_v4(socket) ? 0 : -ENETUNREACH;
}

ssize_t raw_send(struct socket *base, struct message *message) {
    struct inet_socket *socket = to_inet(base);
    bool v4 = inet_is_v4(socket), whole = atomic_load_explicit(&to_raw(base)->has_header, memory_order_relaxed);
    size_t size = message->data->resid;
    struct inet_endpoint to, from;
    struct packet_route route;
    if (size > PACKET_MAX)
        return -EMSGSIZE;
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    status_t status = find_destination(socket, message, &to);
    if (status != 0)
        return status;
    spin_lock(&inet_lock);
    status = datagram_source_locked(socket, message, &to, &from);
    spin_unlock(&inet_lock);
    if (status == 0 && whole && size < (v4 ? IPV4_HEADER : IPV6_HEADER))
        status = -EINVAL;
    if (status == 0 && !whole && v4 && size > PACKET_MAX - IPV4_HEADER)
        status = -EMSGSIZE;
    if (status == 0)
        status = datagram_may_send(to_datagram(base));
    struct wire *wire = status == 0 ? wire_create(v4, size) : nullptr;
    if (!wire)
        return status != 0 ? status : -ENOBUFS;
    wire->protocol = (uint8_t)base->protocol;
    datagram_describe(socket, message, &to, &from, &route);
    wire_describe(wire, &route);
    status = whole ? send_whole(wire, message, &from.address) : send_data(to_raw(base), wire, message);
    wire_free(wire);
    return status == 0 ? (ssize_t)size : status;
}
