// SPDX-License-Identifier: MPL-2.0
// Linux's socket constants and structures.
#pragma once

#include <lib/types.h>

enum { AF_UNSPEC = 0, AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_MAX = 46 };
enum {
    SOCK_STREAM = 1,
    SOCK_DGRAM = 2,
    SOCK_RAW = 3,
    SOCK_SEQPACKET = 5,
    SOCK_TYPE_MASK = 15,
    SOCK_NONBLOCK = 04000,
    SOCK_CLOEXEC = 02000000
};
enum { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };
enum { SOMAXCONN = 4096 };

enum {
    MSG_OOB = 1,
    MSG_PEEK = 2,
    MSG_DONTROUTE = 4,
    MSG_CTRUNC = 8,
    MSG_TRUNC = 0x20,
    MSG_DONTWAIT = 0x40,
    MSG_EOR = 0x80,
    MSG_WAITALL = 0x100,
    MSG_ERRQUEUE = 0x2000,
    MSG_NOSIGNAL = 0x4000,
    MSG_MORE = 0x8000,
    MSG_WAITFORONE = 0x10000,
    MSG_CMSG_CLOEXEC = 0x40000000
};

enum { SOL_SOCKET = 1 };
enum {
    SO_DEBUG = 1,
    SO_REUSEADDR = 2,
    SO_TYPE = 3,
    SO_ERROR = 4,
    SO_DONTROUTE = 5,
    SO_BROADCAST = 6,
    SO_SNDBUF = 7,
    SO_RCVBUF = 8,
    SO_KEEPALIVE = 9,
    SO_OOBINLINE = 10,
    SO_NO_CHECK = 11,
    SO_PRIORITY = 12,
    SO_BSDCOMPAT = 14,
    SO_LINGER = 13,
    SO_REUSEPORT = 15,
    SO_PASSCRED = 16,
    SO_PEERCRED = 17,
    SO_RCVLOWAT = 18,
    SO_SNDLOWAT = 19,
    SO_RCVTIMEO = 20,
    SO_SNDTIMEO = 21,
    SO_BINDTODEVICE = 25,
    SO_PEERNAME = 28,
    SO_TIMESTAMP = 29,
    SO_ACCEPTCONN = 30,
    SO_PEERSEC = 31,
    SO_SNDBUFFORCE = 32,
    SO_RCVBUFFORCE = 33,
    SO_TIMESTAMPNS = 35,
    SO_PASSSEC = 34,
    SO_MARK = 36,
    SO_PROTOCOL = 38,
    SO_DOMAIN = 39,
    SO_RXQ_OVFL = 40,
    SO_PEEK_OFF = 42,
    SO_LOCK_FILTER = 44,
    SO_BPF_EXTENSIONS = 48,
    SO_INCOMING_CPU = 49,
    SO_MEMINFO = 55,
    SO_INCOMING_NAPI_ID = 56,
    SO_COOKIE = 57,
    SO_PEERGROUPS = 59,
    SO_BINDTOIFINDEX = 62,
    SO_NETNS_COOKIE = 71
};
enum { SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
enum { SCM_MAX_FD = 253 };

enum : uint32_t { SIOCINQ = 0x541b, SIOCOUTQ = 0x5411, SIOCATMARK = 0x8905 };

#define UNIX_PATH_MAX 108
struct abi_sockaddr_un {
    uint16_t family;
    char path[UNIX_PATH_MAX];
};
static_assert(sizeof(struct abi_sockaddr_un) == 110);
#define ABI_SOCKADDR_MAX 128 // sizeof(struct sockaddr_storage)

struct abi_ucred {
    int32_t pid;
    uint32_t uid, gid;
};
static_assert(sizeof(struct abi_ucred) == 12);

struct abi_msghdr {
    uint64_t name; // user pointers
    int32_t name_size;
    int32_t pad0;
    uint64_t iov;
    uint64_t iov_count;
    uint64_t control;
    uint64_t control_size;
    uint32_t flags;
    uint32_t pad1;
};
static_assert(sizeof(struct abi_msghdr) == 56);
struct abi_mmsghdr {
    struct abi_msghdr header;
    uint32_t size;
    uint32_t pad;
};
static_assert(sizeof(struct abi_mmsghdr) == 64);

struct abi_cmsghdr {
    uint64_t size; // with this header
    int32_t level, type;
};
static_assert(sizeof(struct abi_cmsghdr) == 16);

struct abi_linger {
    int32_t on, seconds;
};
struct abi_timeval {
    int64_t seconds, microseconds;
};
