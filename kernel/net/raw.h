// SPDX-License-Identifier: MPL-2.0
// Raw sockets. Private to raw.c and raw_send.c.
#pragma once

#include "wire.h"

#define NO_CHECKSUM (-1)

struct raw_socket {
    struct datagram_socket datagram; // first
    struct list_node node;           // of all raw sockets, under inet_lock
    // Options: each read and written whole.
    _Atomic uint32_t refused[8];    // types of ICMP that it does not want: a bit each; IPv4: of the first 32
    _Atomic bool has_header;        // the program writes the IP header, too (IP_HDRINCL)
    _Atomic int32_t checksum_place; // IPv6: in the data, kept and checked by the kernel; NO_CHECKSUM: nowhere
};

ALWAYS_INLINE struct raw_socket *to_raw(struct socket *socket) {
    return CONTAINER_OF(to_datagram(socket), struct raw_socket, datagram);
}

ssize_t raw_send(struct socket *base, struct message *message);
