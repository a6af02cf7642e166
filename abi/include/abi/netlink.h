// SPDX-License-Identifier: MPL-2.0
// Linux's netlink: messages, and what is asked of NETLINK_ROUTE and NETLINK_SOCK_DIAG.
#pragma once

#include <lib/types.h>

enum { NETLINK_ROUTE = 0, NETLINK_USERSOCK = 2, NETLINK_SOCK_DIAG = 4, NETLINK_KOBJECT_UEVENT = 15 };

struct abi_sockaddr_nl {
    uint16_t family;
    uint16_t pad;
    uint32_t port;
    uint32_t groups;
};
struct abi_nlmsghdr {
    uint32_t size; // with this header
    uint16_t type, flags;
    uint32_t sequence, port;
};
struct abi_nlattr {
    uint16_t size; // with this header
    uint16_t type;
};
static_assert(sizeof(struct abi_sockaddr_nl) == 12 && sizeof(struct abi_nlmsghdr) == 16);

enum { NLM_F_REQUEST = 1, NLM_F_MULTI = 2, NLM_F_ACK = 4, NLM_F_DUMP = 0x300, NLM_F_CAPPED = 0x100 };
enum { NLMSG_NOOP = 1, NLMSG_ERROR = 2, NLMSG_DONE = 3, NLMSG_MIN_TYPE = 16 };
enum { SOL_NETLINK = 270 };
enum {
    NETLINK_ADD_MEMBERSHIP = 1,
    NETLINK_DROP_MEMBERSHIP = 2,
    NETLINK_PKTINFO = 3,
    NETLINK_BROADCAST_ERROR = 4,
    NETLINK_NO_ENOBUFS = 5,
    NETLINK_CAP_ACK = 10,
    NETLINK_EXT_ACK = 11,
    NETLINK_GET_STRICT_CHK = 12
};

enum {
    RTM_NEWLINK = 16,
    RTM_GETLINK = 18,
    RTM_NEWADDR = 20,
    RTM_GETADDR = 22,
    RTM_NEWROUTE = 24,
    RTM_GETROUTE = 26,
    RTM_GETNEIGH = 30,
    RTM_MAX = 123,
    SOCK_DIAG_BY_FAMILY = 20
};

struct abi_ifinfomsg {
    uint8_t family, pad;
    uint16_t type;
    int32_t index;
    uint32_t flags, change;
};
struct abi_ifaddrmsg {
    uint8_t family, prefix, flags, scope;
    uint32_t index;
};
struct abi_rtmsg {
    uint8_t family, to_length, from_length, tos;
    uint8_t table, protocol, scope, type;
    uint32_t flags;
};
static_assert(sizeof(struct abi_ifinfomsg) == 16 && sizeof(struct abi_ifaddrmsg) == 8 &&
              sizeof(struct abi_rtmsg) == 12);

enum {
    IFLA_ADDRESS = 1,
    IFLA_BROADCAST = 2,
    IFLA_IFNAME = 3,
    IFLA_MTU = 4,
    IFLA_QDISC = 6,
    IFLA_STATS = 7,
    IFLA_TXQLEN = 13,
    IFLA_OPERSTATE = 16,
    IFLA_LINKMODE = 17,
    IFLA_STATS64 = 23,
    IFLA_GROUP = 27,
    IFLA_PROMISCUITY = 30,
    IFLA_NUM_TX_QUEUES = 31,
    IFLA_NUM_RX_QUEUES = 32,
    IFLA_CARRIER = 33
};
enum { IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_LABEL = 3, IFA_CACHEINFO = 6, IFA_FLAGS = 8 };
enum { RTA_DST = 1, RTA_OIF = 4, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_TABLE = 15 };
enum { RT_TABLE_MAIN = 254, RT_TABLE_LOCAL = 255, RTPROT_KERNEL = 2 };
enum { RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RT_SCOPE_HOST = 254 };
enum { RTN_UNICAST = 1, RTN_LOCAL = 2, RTN_BROADCAST = 3 };
enum { IFA_F_PERMANENT = 0x80, ARPHRD_LOOPBACK = 772 };

struct abi_inet_diag_id {
    uint16_t source_port, destination_port; // network byte order
    uint8_t source[16], destination[16];
    uint32_t interface;
    uint32_t cookie[2];
};
struct abi_inet_diag_req {
    uint8_t family, protocol, extensions, pad;
    uint32_t states;
    struct abi_inet_diag_id id;
};
struct abi_inet_diag_msg {
    uint8_t family, state, timer, retransmits;
    struct abi_inet_diag_id id;
    uint32_t expires, receive_queue, send_queue, uid, inode;
};
static_assert(sizeof(struct abi_inet_diag_req) == 56 && sizeof(struct abi_inet_diag_msg) == 72);

enum { INET_DIAG_REQ_BYTECODE = 1, INET_DIAG_SHUTDOWN = 8, INET_DIAG_SKV6ONLY = 11 };

struct abi_unix_diag_req {
    uint8_t family, protocol;
    uint16_t pad;
    uint32_t states, inode, show;
    uint32_t cookie[2];
};
struct abi_unix_diag_msg {
    uint8_t family, type, state, pad;
    uint32_t inode;
    uint32_t cookie[2];
};
static_assert(sizeof(struct abi_unix_diag_req) == 24 && sizeof(struct abi_unix_diag_msg) == 16);
enum { UDIAG_SHOW_NAME = 1, UDIAG_SHOW_PEER = 4, UDIAG_SHOW_RQLEN = 16 };
enum { UNIX_DIAG_NAME = 0, UNIX_DIAG_PEER = 2, UNIX_DIAG_RQLEN = 4, UNIX_DIAG_SHUTDOWN = 6 };

// Interfaces by ioctl: struct ifreq.
struct abi_ifreq {
    char name[16];
    union {
        uint8_t address[16]; // struct sockaddr
        int32_t number;
        uint16_t flags;
        uint8_t bytes[24];
    };
};
struct abi_ifconf {
    int32_t size, pad;
    uint64_t buffer; // struct abi_ifreq[]
};
static_assert(sizeof(struct abi_ifreq) == 40 && sizeof(struct abi_ifconf) == 16);
enum : uint32_t {
    SIOCGIFNAME = 0x8910,
    SIOCGIFCONF = 0x8912,
    SIOCGIFFLAGS = 0x8913,
    SIOCSIFFLAGS = 0x8914,
    SIOCGIFADDR = 0x8915,
    SIOCGIFDSTADDR = 0x8917,
    SIOCGIFBRDADDR = 0x8919,
    SIOCGIFNETMASK = 0x891b,
    SIOCGIFMETRIC = 0x891d,
    SIOCGIFMTU = 0x8921,
    SIOCGIFHWADDR = 0x8927,
    SIOCGIFINDEX = 0x8933,
    SIOCGIFTXQLEN = 0x8942
};
enum { IFF_UP = 1, IFF_LOOPBACK = 8, IFF_RUNNING = 0x40, IFF_LOWER_UP = 0x10000 };
