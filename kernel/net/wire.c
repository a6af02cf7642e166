// SPDX-License-Identifier: MPL-2.0
// Building, checking and carrying packets (wire.h).
#include "wire.h"

#include <lib/string.h>
#include <mm/charged.h>
#include <sched/realtime.h>

#define DONT_FRAGMENT 0x4000

struct wire *wire_create(bool v4, size_t size) {
    uint32_t header = v4 ? IPV4_HEADER : IPV6_HEADER;
    struct wire *wire = size <= WIRE_MAX ? kmalloc_charged(sizeof(*wire) + header + size) : nullptr;
    if (!wire)
        return nullptr;
    *wire = (struct wire){.v4 = v4, .hops = 64, .header_size = header, .size = (uint32_t)size};
    wire->data = wire->memory + header;
    return wire;
}

void wire_free(struct wire *wire) {
    kfree(wire);
}

void wire_describe(struct wire *wire, const struct packet_route *route) {
    memcpy(wire->from.bytes, route->from, sizeof(wire->from.bytes));
    memcpy(wire->to.bytes, route->to, sizeof(wire->to.bytes));
    wire->hops = route->hops;
    wire->class = route->class;
}

void wire_route(const struct wire *wire, uint16_t port, struct packet *packet) {
    packet->routed = true;
    packet->route =
        (struct packet_route){.port = port, .hops = wire->hops, .class = wire->class, .time = clock_realtime()};
    memcpy(packet->route.from, wire->from.bytes, sizeof(packet->route.from));
    memcpy(packet->route.to, wire->to.bytes, sizeof(packet->route.to));
}

// --- checksums ---

// Adds to a sum of 16-bit words, as they lie in memory.
static uint32_t add(uint32_t sum, const uint8_t *bytes, size_t size) {
    uint64_t wide = sum;
    for (; size > 1; bytes += 2, size -= 2)
        wide += bytes[0] | (uint32_t)bytes[1] << 8;
    if (size > 0)
        wide += bytes[0];
    while (wide >> 16)
        wide = (wide & 0xffff) + (wide >> 16);
    return (uint32_t)wide;
}

uint16_t wire_sum(const void *data, size_t size) {
    return (uint16_t)~add(0, data, size);
}

uint16_t wire_checksum(const struct wire *wire, uint32_t size) {
    uint32_t sum = 0;
    if (!wire->v4 || wire->protocol != IPPROTO_ICMP) {
        unsigned skip = wire->v4 ? 12 : 0;
        uint8_t rest[8] = {0, 0, (uint8_t)(wire->size >> 8), (uint8_t)wire->size, 0, 0, 0, wire->protocol};
        sum = add(sum, wire->from.bytes + skip, 16 - skip);
        sum = add(sum, wire->to.bytes + skip, 16 - skip);
        sum = add(sum, rest, sizeof(rest));
    }
    return (uint16_t)~add(sum, wire->data, size);
}

// --- headers ---

static void seal_v4(struct wire *wire) {
    struct abi_ip_header header = {.version = 4 << 4 | IPV4_HEADER / 4,
                                   .class = wire->class,
                                   .size = network_16((uint16_t)(wire->header_size + wire->size)),
                                   .fragment = network_16(DONT_FRAGMENT),
                                   .hops = wire->hops,
                                   .protocol = wire->protocol};
    memcpy(header.from, wire->from.bytes + 12, sizeof(header.from));
    memcpy(header.to, wire->to.bytes + 12, sizeof(header.to));
    header.checksum = wire_sum(&header, sizeof(header));
    memcpy(wire->data - wire->header_size, &header, sizeof(header));
}

static void seal_v6(struct wire *wire) {
    struct abi_ip6_header header = {.version = {(uint8_t)(6 << 4 | wire->class >> 4), (uint8_t)(wire->class << 4)},
                                    .size = network_16((uint16_t)wire->size),
                                    .protocol = wire->protocol,
                                    .hops = wire->hops};
    memcpy(header.from, wire->from.bytes, sizeof(header.from));
    memcpy(header.to, wire->to.bytes, sizeof(header.to));
    memcpy(wire->data - wire->header_size, &header, sizeof(header));
}

void wire_seal(struct wire *wire) {
    if (wire->v4)
        seal_v4(wire);
    else
        seal_v6(wire);
}

// --- carrying ---

bool wire_is_watched(void) {
    return raw_exists();
}

bool wire_show(const struct wire *wire) {
    return raw_input(wire);
}

// A protocol that is not here is refused; one that is, takes it or drops it. (TCP's and UDP-Lite's sockets do not take
// packets: those that a program made by hand only raw sockets see.)
void wire_carry(const struct wire *wire) {
    wire_count(!wire->v4, wire->header_size + wire->size);
    if (!inet_address_is_local(&wire->to))
        return;
    bool taken = wire_show(wire);
    if (wire->protocol == (wire->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        icmp_input(wire);
    else if (wire->protocol == IPPROTO_UDP)
        udp_input(wire);
    else if (!taken && wire->protocol != IPPROTO_TCP && wire->protocol != IPPROTO_UDPLITE)
        icmp_refuse(wire, ICMP_REFUSE_PROTOCOL);
}

// --- receivers ---

void receivers_init(struct inet_receivers *receivers) {
    receivers->count = 0;
    receivers->room = ARRAY_SIZE(receivers->few);
    receivers->list = receivers->few;
}

void receivers_add_locked(struct inet_receivers *receivers, struct inet_socket *socket) {
    if (receivers->count == receivers->room) {
        struct inet_socket **longer = kcalloc_charged(receivers->room * 2, sizeof(*longer));
        if (!longer)
            return;
        memcpy(longer, receivers->list, receivers->count * sizeof(*longer));
        if (receivers->list != receivers->few)
            kfree(receivers->list);
        receivers->list = longer;
        receivers->room *= 2;
    }
    if (refcount_try_up(&socket->socket.object.ref))
        receivers->list[receivers->count++] = socket;
}

void receivers_fini(struct inet_receivers *receivers) {
    for (unsigned i = 0; i < receivers->count; i++)
        object_put(&receivers->list[i]->socket.object);
    if (receivers->list != receivers->few)
        kfree(receivers->list);
}
