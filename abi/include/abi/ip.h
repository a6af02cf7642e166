// SPDX-License-Identifier: MPL-2.0
// Headers of IP and ICMP as raw sockets see them, and what sockets tell of ICMP's errors. Numbers in headers are in
// network byte order.
#pragma once

#include <lib/types.h>

struct abi_ip_header {
    uint8_t version; // 4, and the header's size in words
    uint8_t class;
    uint16_t size; // of the packet
    uint16_t id;
    uint16_t fragment;
    uint8_t hops, protocol;
    uint16_t checksum;
    uint8_t from[4], to[4];
};
struct abi_ip6_header {
    uint8_t version[4]; // 6, class, flow
    uint16_t size;      // of what follows
    uint8_t protocol, hops;
    uint8_t from[16], to[16];
};
struct abi_icmp_header {
    uint8_t type, code;
    uint16_t checksum;
    uint16_t id, sequence; // of echoes; of errors: what the type says
};
static_assert(sizeof(struct abi_ip_header) == 20 && sizeof(struct abi_ip6_header) == 40);
static_assert(sizeof(struct abi_icmp_header) == 8);

enum { ICMP_ECHO_REPLY = 0, ICMP_UNREACHABLE = 3, ICMP_ECHO = 8, ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER = 12 };
enum { ICMP_UNREACHABLE_PROTOCOL = 2, ICMP_UNREACHABLE_PORT = 3, ICMP_FRAGMENTATION_NEEDED = 4 };
enum {
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAMETER = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129
};
enum { ICMP6_UNREACHABLE_PORT = 4, ICMP6_PARAMETER_HEADER = 1 };

// Options of raw sockets.
enum { SOL_RAW = 255, ICMP_FILTER = 1, ICMPV6_FILTER = 1, IP_HDRINCL = 3, IPV6_CHECKSUM = 7, IPV6_HDRINCL = 36 };

// Linux's struct sock_extended_err: an entry of an error queue. The offender's address follows it.
struct abi_extended_error {
    uint32_t error;
    uint8_t origin, type, code, pad;
    uint32_t info, data;
};
static_assert(sizeof(struct abi_extended_error) == 16);
enum { SO_EE_ORIGIN_LOCAL = 1, SO_EE_ORIGIN_ICMP = 2, SO_EE_ORIGIN_ICMP6 = 3 };
