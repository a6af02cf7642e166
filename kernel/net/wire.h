// SPDX-License-Identifier: MPL-2.0
// Packets as they would lie on a wire. Data between sockets needs none; they are built where a program makes its own
// (raw and ping sockets), where one looks on (raw sockets), and where ICMP speaks. Private to kernel/net.
#pragma once

#include "datagram.h"
#include "inet_count.h"

#include <abi/ip.h>

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define WIRE_MAX 65536u // lo's MTU
#define UDP_HEADER 8u

struct wire {
    bool v4;
    uint8_t protocol, hops, class;
    struct inet_address from, to;
    uint32_t header_size; // bytes of the IP header, just before `data`
    uint32_t size;        // bytes of data
    uint8_t *data;        // what follows that header
    uint8_t memory[];
};

// Who takes a copy of something: sockets, one reference each.
struct inet_receivers {
    unsigned count, room;
    struct inet_socket **list; // `few`, or on the heap
    struct inet_socket *few[8];
};

// --- wire.c ---
// Room for an IP header without options and so much data. The caller fills in data, protocol, addresses, hops and
// class. nullptr: no memory, or more than WIRE_MAX.
struct wire *wire_create(bool v4, size_t size);
void wire_free(struct wire *wire);
// Takes addresses, hops and class from a datagram's.
void wire_describe(struct wire *wire, const struct packet_route *route);
// The other way round: how a packet of its data came.
void wire_route(const struct wire *wire, uint16_t port, struct packet *packet);
void wire_seal(struct wire *wire); // writes the IP header
// The Internet checksum of the first `size` bytes of data and, but for IPv4's ICMP, of the addresses. 0: what is there
// is right; with the checksum's place 0, what belongs there (in network byte order).
uint16_t wire_checksum(const struct wire *wire, uint32_t size);
uint16_t wire_sum(const void *data, size_t size); // of bytes alone
// To who looks on. True: a raw socket took it.
bool wire_show(const struct wire *wire);
// Does anybody look on?
bool wire_is_watched(void);
// A sealed packet goes over lo: is counted, shown, and given to its protocol.
void wire_carry(const struct wire *wire);

// A packet of so many bytes, headers included, goes over lo.
ALWAYS_INLINE void wire_count(bool v6, size_t size) {
    interface_count(size);
    inet_count(COUNT_PACKETS, v6, 1);
    inet_count(COUNT_BYTES, v6, size);
}

void receivers_init(struct inet_receivers *receivers);
// One that is just being destroyed, or for which there is no memory, is left out.
void receivers_add_locked(struct inet_receivers *receivers, struct inet_socket *socket) REQUIRES(&inet_lock);
void receivers_fini(struct inet_receivers *receivers);

// --- icmp.c ---
void icmp_input(const struct wire *wire);
// Nobody takes this packet: its port, or its protocol, is not there.
enum icmp_refuse { ICMP_REFUSE_PORT, ICMP_REFUSE_PROTOCOL };
void icmp_refuse(const struct wire *about, enum icmp_refuse what);

// --- the protocols: a packet that came in; an error about one that was sent, whose ports they fill in ---
void udp_input(const struct wire *wire);
// To every member of a group; the packets have `route`.
void udp_input_group(const struct wire *wire, const struct packet_route *route, const struct inet_endpoint *to,
                     const struct inet_endpoint *from);
// The packet goes to this socket, or is lost.
void udp_deliver(struct inet_socket *receiver, struct packet *packet);
void udp_fail(struct inet_error *error);
void ping_input(const struct wire *wire);
void ping_fail(struct inet_error *error);
bool raw_input(const struct wire *wire); // true: a socket wanted it
void raw_fail(struct inet_error *error);
bool raw_exists(void);
