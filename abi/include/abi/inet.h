// SPDX-License-Identifier: MPL-2.0
// Linux's constants and structures of the Internet families. Ports and addresses lie in network byte order.
#pragma once

#include <lib/types.h>

enum { IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPPROTO_ICMPV6 = 58 };
enum { IPPROTO_UDPLITE = 136, IPPROTO_RAW = 255, IPPROTO_MAX = 263 }; // MAX: with MPTCP
enum { UDPLITE_SEND_CSCOV = 10, UDPLITE_RECV_CSCOV = 11 };

struct abi_sockaddr_in {
    uint16_t family;
    uint16_t port;
    uint8_t address[4];
    uint8_t zero[8];
};
static_assert(sizeof(struct abi_sockaddr_in) == 16);

struct abi_sockaddr_in6 {
    uint16_t family;
    uint16_t port;
    uint32_t flow;
    uint8_t address[16];
    uint32_t scope;
};
static_assert(sizeof(struct abi_sockaddr_in6) == 28);
#define SOCKADDR_IN6_MIN 24 // without the scope: RFC 2133

enum {
    IP_TOS = 1,
    IP_TTL = 2,
    IP_RECVOPTS = 6,
    IP_RETOPTS = 7,
    IP_PKTINFO = 8,
    IP_MTU_DISCOVER = 10,
    IP_RECVERR = 11,
    IP_RECVTTL = 12,
    IP_RECVTOS = 13,
    IP_MTU = 14,
    IP_FREEBIND = 15,
    IP_MINTTL = 21,
    IP_BIND_ADDRESS_NO_PORT = 24,
    IP_MULTICAST_IF = 32,
    IP_MULTICAST_TTL = 33,
    IP_MULTICAST_LOOP = 34,
    IP_ADD_MEMBERSHIP = 35,
    IP_DROP_MEMBERSHIP = 36,
    MCAST_JOIN_GROUP = 42, // of IPv6, too
    MCAST_LEAVE_GROUP = 45,
    IP_MULTICAST_ALL = 49
};
enum {
    IPV6_UNICAST_HOPS = 16,
    IPV6_MULTICAST_IF = 17,
    IPV6_MULTICAST_HOPS = 18,
    IPV6_MULTICAST_LOOP = 19,
    IPV6_ADD_MEMBERSHIP = 20,
    IPV6_DROP_MEMBERSHIP = 21,
    IPV6_MTU_DISCOVER = 23,
    IPV6_MTU = 24,
    IPV6_RECVERR = 25,
    IPV6_V6ONLY = 26,
    IPV6_MULTICAST_ALL = 29,
    IPV6_RECVPKTINFO = 49,
    IPV6_PKTINFO = 50,
    IPV6_RECVHOPLIMIT = 51,
    IPV6_HOPLIMIT = 52,
    IPV6_DONTFRAG = 62,
    IPV6_RECVTCLASS = 66,
    IPV6_TCLASS = 67,
    IPV6_AUTOFLOWLABEL = 70,
    IPV6_MINHOPCOUNT = 73,
    IPV6_FREEBIND = 78
};
enum {
    TCP_NODELAY = 1,
    TCP_MAXSEG = 2,
    TCP_CORK = 3,
    TCP_KEEPIDLE = 4,
    TCP_KEEPINTVL = 5,
    TCP_KEEPCNT = 6,
    TCP_SYNCNT = 7,
    TCP_LINGER2 = 8,
    TCP_DEFER_ACCEPT = 9,
    TCP_WINDOW_CLAMP = 10,
    TCP_INFO = 11,
    TCP_QUICKACK = 12,
    TCP_CONGESTION = 13,
    TCP_USER_TIMEOUT = 18,
    TCP_THIN_LINEAR_TIMEOUTS = 16,
    TCP_REPAIR_QUEUE = 20,
    TCP_FASTOPEN = 23,
    TCP_NOTSENT_LOWAT = 25,
    TCP_REPAIR_WINDOW = 29,
    TCP_ULP = 31,
    TCP_FASTOPEN_NO_COOKIE = 34
};
// struct tcp_info of Linux 6.1.
struct abi_tcp_info {
    uint8_t state, congestion, retransmits, probes, backoff, options, window_scales, flags;
    uint32_t timeout, ack_timeout, send_segment, receive_segment; // microseconds, bytes
    uint32_t unacked, sacked, lost, retransmitted, forward_acks;
    uint32_t last_sent, last_ack_sent, last_received, last_ack_received;
    uint32_t path_mtu, receive_threshold, round_trip, round_trip_variance, send_threshold, send_window, advertised;
    uint32_t reordering, receive_round_trip, receive_space, total_retransmitted;
    uint64_t pacing_rate, pacing_rate_max, bytes_acked, bytes_received;
    uint32_t segments_out, segments_in, not_sent, round_trip_least, data_segments_in, data_segments_out;
    uint64_t delivery_rate, busy_time, limited_by_receiver, limited_by_buffer;
    uint32_t delivered, delivered_marked;
    uint64_t bytes_sent, bytes_retransmitted;
    uint32_t duplicates, reordered, out_of_order, window;
};
static_assert(sizeof(struct abi_tcp_info) == 232);
enum { TCPI_OPT_TIMESTAMPS = 1, TCPI_OPT_SACK = 2, TCPI_OPT_WSCALE = 4 };
enum tcp_state {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT = 2,
    TCP_FIN_WAIT2 = 5,
    TCP_TIME_WAIT = 6,
    TCP_CLOSE = 7,
    TCP_CLOSE_WAIT = 8,
    TCP_LISTEN = 10
};

struct abi_in_pktinfo {
    int32_t interface;
    uint8_t specific[4]; // receiving: where the packet came in; sending: the source
    uint8_t address[4];  // receiving: what it was sent to
};
struct abi_in6_pktinfo {
    uint8_t address[16];
    uint32_t interface;
};
struct abi_ip_mreqn {
    uint8_t group[4];
    uint8_t local[4];
    int32_t interface; // not in struct ip_mreq
};
struct abi_ipv6_mreq {
    uint8_t group[16];
    int32_t interface;
};
struct abi_group_req {
    uint32_t interface, pad;
    uint8_t group[128]; // sockaddr_storage
};
static_assert(sizeof(struct abi_group_req) == 136);
static_assert(sizeof(struct abi_in_pktinfo) == 12 && sizeof(struct abi_in6_pktinfo) == 20);
static_assert(sizeof(struct abi_ip_mreqn) == 12 && sizeof(struct abi_ipv6_mreq) == 20);

ALWAYS_INLINE uint16_t network_16(uint16_t value) { // there and back
    return __builtin_bswap16(value);
}
