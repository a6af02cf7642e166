// SPDX-License-Identifier: MPL-2.0
// Options of the Internet families, as a table: most are a number in a range that is kept and given back. Without
// packets many have nothing to change; those that have are looked at where it matters (enum inet_option).
#include "inet_priv.h"
#include "net_setting.h"

#include <lib/string.h>
#include <object/cred.h>
#include <object/task.h>

enum option_flag {
    FLAG = 1,         // any number: 0 or 1 is kept
    BYTE = 2,         // one byte will do (SOL_IP)
    UNBOUND = 4,      // only before bind
    NOT_STREAM = 8,   // -ENOPROTOOPT for SOCK_STREAM
    ONLY_STREAM = 16, // -ENOPROTOOPT for others
    COVERAGE = 32     // 0, or at least a header: brought into the range
};

struct option_rule {
    uint8_t level, name, flags;
    uint8_t place; // in inet_socket.option
    int32_t least, most, initial;
};

#define OTHER(n) (OPTION_OTHERS + (n))
#define IP IPPROTO_IP
#define IP6 IPPROTO_IPV6
#define TCP IPPROTO_TCP
#define LITE IPPROTO_UDPLITE
static const struct option_rule rules[] = {
    {IP, IP_TOS, BYTE, OPTION_TOS, INT32_MIN, INT32_MAX, 0},
    {IP, IP_TTL, BYTE, OPTION_TTL, 1, 255, 64},
    {IP, IP_RECVOPTS, BYTE | FLAG, OTHER(0), 0, 0, 0},
    {IP, IP_RETOPTS, BYTE | FLAG, OTHER(1), 0, 0, 0},
    {IP, IP_PKTINFO, BYTE | FLAG, OPTION_PKTINFO, 0, 0, 0},
    {IP, IP_MTU_DISCOVER, BYTE, OTHER(2), 0, 5, 1},
    {IP, IP_RECVERR, BYTE | FLAG, OPTION_RECVERR, 0, 0, 0},
    {IP, IP_RECVTTL, BYTE | FLAG, OPTION_RECVTTL, 0, 0, 0},
    {IP, IP_RECVTOS, BYTE | FLAG, OPTION_RECVTOS, 0, 0, 0},
    {IP, IP_FREEBIND, BYTE | FLAG, OPTION_FREEBIND, 0, 0, 0},
    {IP, IP_MINTTL, BYTE, OTHER(3), 0, 255, 0},
    {IP, IP_BIND_ADDRESS_NO_PORT, BYTE | FLAG, OTHER(4), 0, 0, 0},
    {IP, IP_MULTICAST_TTL, BYTE, OPTION_MULTICAST_TTL, 0, 255, 1},
    {IP, IP_MULTICAST_LOOP, BYTE | FLAG, OPTION_MULTICAST_LOOP, 0, 0, 1},
    {IP, IP_MULTICAST_ALL, BYTE, OPTION_MULTICAST_ALL, 0, 1, 1},
    {IP6, IPV6_UNICAST_HOPS, 0, OPTION_HOPS, -1, 255, -1},
    {IP6, IPV6_MULTICAST_HOPS, NOT_STREAM, OTHER(6), -1, 255, 1},
    {IP6, IPV6_MULTICAST_LOOP, 0, OTHER(7), 0, 1, 1},
    {IP6, IPV6_MULTICAST_ALL, 0, OTHER(8), 0, 1, 1},
    {IP6, IPV6_MTU_DISCOVER, 0, OTHER(9), 0, 5, 1},
    {IP6, IPV6_RECVERR, FLAG, OPTION_RECVERR6, 0, 0, 0},
    {IP6, IPV6_V6ONLY, FLAG | UNBOUND, OPTION_V6ONLY, 0, 0, 0},
    {IP6, IPV6_RECVPKTINFO, FLAG, OPTION_RECVPKTINFO6, 0, 0, 0},
    {IP6, IPV6_RECVHOPLIMIT, FLAG, OPTION_RECVHOPLIMIT, 0, 0, 0},
    {IP6, IPV6_DONTFRAG, FLAG, OTHER(10), 0, 0, 0},
    {IP6, IPV6_RECVTCLASS, FLAG, OPTION_RECVTCLASS, 0, 0, 0},
    {IP6, IPV6_TCLASS, 0, OPTION_TCLASS, -1, 255, 0},
    {TCP, TCP_NODELAY, FLAG | ONLY_STREAM, OTHER(11), 0, 0, 0},
    {TCP, TCP_CORK, FLAG | ONLY_STREAM, OTHER(12), 0, 0, 0},
    {TCP, TCP_KEEPIDLE, ONLY_STREAM, OTHER(13), 1, 32767, 7200},
    {TCP, TCP_KEEPINTVL, ONLY_STREAM, OTHER(14), 1, 32767, 75},
    {TCP, TCP_KEEPCNT, ONLY_STREAM, OTHER(15), 1, 127, 9},
    {TCP, TCP_SYNCNT, ONLY_STREAM, OTHER(16), 1, 127, 6},
    {TCP, TCP_LINGER2, ONLY_STREAM, OTHER(17), INT32_MIN, INT32_MAX, 60},
    {TCP, TCP_DEFER_ACCEPT, ONLY_STREAM, OPTION_DEFER_ACCEPT, INT32_MIN, INT32_MAX, 0},
    {TCP, TCP_WINDOW_CLAMP, ONLY_STREAM, OTHER(18), 0, INT32_MAX, 0},
    {TCP, TCP_QUICKACK, FLAG | ONLY_STREAM, OTHER(19), 0, 0, 1},
    {TCP, TCP_USER_TIMEOUT, ONLY_STREAM, OTHER(20), 0, INT32_MAX, 0},
    {TCP, TCP_FASTOPEN, ONLY_STREAM, OTHER(21), 0, INT32_MAX, 0},
    {TCP, TCP_NOTSENT_LOWAT, ONLY_STREAM, OTHER(22), INT32_MIN, INT32_MAX, -1},
    {TCP, TCP_MAXSEG, ONLY_STREAM, OPTION_MAXSEG, 88, 32767, 0},
    {IP6, IPV6_MINHOPCOUNT, 0, OTHER(23), 0, 255, 0},
    {IP6, IPV6_FREEBIND, FLAG, OPTION_FREEBIND, 0, 0, 0},
    {IP6, IPV6_AUTOFLOWLABEL, FLAG, OTHER(24), 0, 0, 1},
    {TCP, TCP_THIN_LINEAR_TIMEOUTS, ONLY_STREAM, OTHER(25), 0, 1, 0},
    {TCP, TCP_FASTOPEN_NO_COOKIE, ONLY_STREAM, OTHER(26), 0, 1, 0},
    {SOL_SOCKET, SO_NO_CHECK, FLAG, OTHER(27), 0, 0, 0},
    {LITE, UDPLITE_SEND_CSCOV, COVERAGE, OPTION_SEND_COVERAGE, 8, UINT16_MAX, 0},
    {LITE, UDPLITE_RECV_CSCOV, COVERAGE, OPTION_RECEIVE_COVERAGE, 8, UINT16_MAX, -1},
    {SOL_SOCKET, SO_TIMESTAMPNS, FLAG, OPTION_TIMESTAMPNS, 0, 0, 0},
};
static_assert(OTHER(28) <= INET_OPTION_COUNT);

static const struct option_rule *find_rule(struct inet_socket *socket, int level, int name) {
    bool stream = socket->socket.type == SOCK_STREAM;
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
        if (rules[i].level == level && rules[i].name == name)
            return (rules[i].flags & NOT_STREAM && stream) || (rules[i].flags & ONLY_STREAM && !stream) ? nullptr
                                                                                                        : &rules[i];
    return nullptr;
}

static bool level_is_known(struct inet_socket *socket, int level) {
    bool raw6 = socket->socket.type == SOCK_RAW && !inet_is_v4(socket);
    return (level == IPPROTO_IP && !raw6) || level == SOL_SOCKET || (level == IPPROTO_IPV6 && !inet_is_v4(socket)) ||
           level == socket->socket.protocol;
}

void inet_options_init(struct inet_socket *socket) {
    for (unsigned i = 0; i < ARRAY_SIZE(rules); i++)
        atomic_store_explicit(&socket->option[rules[i].place], rules[i].initial, memory_order_relaxed);
    static const struct {
        uint8_t place;
        enum net_setting setting;
    } set[] = {{OPTION_TTL, SETTING_TTL},
               {OTHER(13), SETTING_KEEPALIVE_TIME},
               {OTHER(14), SETTING_KEEPALIVE_INTERVAL},
               {OTHER(15), SETTING_KEEPALIVE_PROBES}};
    for (unsigned i = 0; i < ARRAY_SIZE(set); i++)
        atomic_store_explicit(&socket->option[set[i].place], net_setting(set[i].setting), memory_order_relaxed);
    if (!inet_is_v4(socket))
        atomic_store_explicit(&socket->option[OPTION_V6ONLY], net_setting(SETTING_V6ONLY) != 0, memory_order_relaxed);
    memcpy(socket->congestion, "cubic", 6);
}

// --- setting ---

static void keep(struct inet_socket *socket, unsigned place, int32_t number) {
    atomic_store_explicit(&socket->option[place], number, memory_order_relaxed);
}

static status_t set_by_rule(struct inet_socket *socket, const struct option_rule *rule, int32_t number) {
    if (rule->flags & FLAG)
        number = number != 0;
    else if (number == -1 && rule->level == IPPROTO_IP && (rule->name == IP_TTL || rule->name == IP_MULTICAST_TTL))
        number = rule->initial;
    else if (number == 0 && rule->level == IPPROTO_TCP && rule->name == TCP_MAXSEG)
        number = 0;
    else if (rule->place == OPTION_DEFER_ACCEPT)
        number = MAX(number, 0);
    else if (rule->level == IPPROTO_TCP && rule->name == TCP_LINGER2 && number == 0)
        number = rule->initial;
    else if (number == -1 && (rule->place == OPTION_TCLASS || rule->name == IPV6_MULTICAST_HOPS) && rule->level == IP6)
        number = rule->initial;
    else if (rule->flags & COVERAGE)
        number = number == 0 ? 0 : number < rule->least ? rule->least : MIN(number, rule->most);
    else if (number < rule->least || number > rule->most)
        return -EINVAL;
    if (rule->place == OPTION_TOS)
        number &= socket->socket.type == SOCK_STREAM ? 0xfc : 0xff; // the two lowest are TCP's own
    if (rule->flags & UNBOUND) {
        spin_lock(&inet_lock);
        bool bound = socket->claim.local.port != 0;
        spin_unlock(&inet_lock);
        if (bound)
            return -EINVAL;
    }
    keep(socket, rule->place, number);
    return 0;
}

static status_t set_congestion(struct inet_socket *socket, const char *value, size_t size) {
    char name[16] = {};
    if (size < 1)
        return -EINVAL;
    memcpy(name, value, MIN(size, sizeof(name) - 1));
    if (strcmp(name, "cubic") != 0 && strcmp(name, "reno") != 0)
        return -ENOENT;
    spin_lock(&inet_lock);
    memcpy(socket->congestion, name, sizeof(name));
    spin_unlock(&inet_lock);
    return 0;
}

static status_t bind_to_device(struct inet_socket *socket, const char *value, size_t size) {
    char name[16] = {};
    memcpy(name, value, MIN(size, sizeof(name) - 1));
    if (name[0] != '\0' && strcmp(name, "lo") != 0)
        return -ENODEV;
    keep(socket, OPTION_BOUND_TO_LO, name[0] != '\0');
    return 0;
}

// Any interface, or lo.
static bool interface_is_valid(int32_t interface) {
    return interface == 0 || interface == 1;
}

static status_t change_membership(struct inet_socket *socket, bool join, const struct inet_address *group) {
    if (!inet_address_is_multicast(group))
        return -EINVAL;
    return join ? inet_group_join(socket, group) : inet_group_leave(socket, group);
}

static status_t set_v4_membership(struct inet_socket *socket, bool join, const void *value, size_t size) {
    struct abi_ip_mreqn request = {};
    if (size < 8)
        return -EINVAL;
    memcpy(&request, value, MIN(size, sizeof(request)));
    struct inet_address group = inet_address_v4(request.group), local = inet_address_v4(request.local);
    if (!inet_address_is_multicast(&group))
        return -EINVAL;
    // Without an interface or an address of one there is no route that a group could be joined on.
    if (!interface_is_valid(request.interface) || (request.interface == 0 && !inet_address_is_local(&local)))
        return -ENODEV;
    return change_membership(socket, join, &group);
}

static status_t set_v6_membership(struct inet_socket *socket, bool join, const void *value, size_t size) {
    struct abi_ipv6_mreq request;
    struct inet_address group;
    if (size < sizeof(request))
        return -EINVAL;
    memcpy(&request, value, sizeof(request));
    memcpy(group.bytes, request.group, sizeof(group.bytes));
    if (!inet_address_is_multicast(&group))
        return -EINVAL;
    return request.interface == 1 ? change_membership(socket, join, &group) : -ENODEV;
}

// MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP: of either version.
static status_t set_membership(struct inet_socket *socket, int level, bool join, const void *value, size_t size) {
    struct abi_group_req request;
    struct inet_endpoint group;
    struct address address = {.size = sizeof(request.group)};
    int family = level == IPPROTO_IP ? AF_INET : AF_INET6;
    if (size < sizeof(request))
        return -EINVAL;
    memcpy(&request, value, sizeof(request));
    memcpy(address.bytes, request.group, sizeof(request.group));
    if (address.family != family)
        return family == AF_INET ? -EINVAL : -EADDRNOTAVAIL;
    status_t status = inet_endpoint_parse(family, &address, &group);
    if (status != 0)
        return status;
    return request.interface == 1 ? change_membership(socket, join, &group.address) : -ENODEV;
}

// IP_MULTICAST_IF: an address, or with more bytes an interface, too.
static status_t set_multicast_interface(struct inet_socket *socket, const void *value, size_t size) {
    struct abi_ip_mreqn request = {};
    int32_t source;
    if (size < sizeof(request.local))
        return -EINVAL;
    if (size < 8)
        memcpy(request.local, value, sizeof(request.local));
    else
        memcpy(&request, value, MIN(size, sizeof(request)));
    struct inet_address local = inet_address_v4(request.local);
    bool any = inet_address_is_any(&local);
    if (!interface_is_valid(request.interface) || (request.interface == 0 && !any && !inet_address_is_local(&local)))
        return -EADDRNOTAVAIL;
    memcpy(&source, request.local, sizeof(source));
    keep(socket, OPTION_MULTICAST_INTERFACE, request.interface == 1 || !any);
    keep(socket, OPTION_MULTICAST_SOURCE, source);
    return 0;
}

static status_t set_special(struct inet_socket *socket, int level, int name, const void *value, size_t size) {
    int32_t number = 0;
    bool stream = socket->socket.type == SOCK_STREAM;
    memcpy(&number, value, MIN(size, sizeof(number)));
    if (level == IPPROTO_TCP && stream && (name == TCP_REPAIR_QUEUE || name == TCP_REPAIR_WINDOW))
        return -EPERM; // of sockets under repair alone
    if (level == IPPROTO_TCP && stream && name == TCP_ULP)
        return -ENOENT; // there is no protocol above it
    if (level == IPPROTO_TCP && name == TCP_CONGESTION && stream)
        return set_congestion(socket, value, size);
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return bind_to_device(socket, value, size);
    if (level == IPPROTO_IP && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP))
        return stream ? -EPROTO : set_v4_membership(socket, name == IP_ADD_MEMBERSHIP, value, size);
    if (level == IPPROTO_IPV6 && (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP))
        return stream ? -EPROTO : set_v6_membership(socket, name == IPV6_ADD_MEMBERSHIP, value, size);
    if ((level == IPPROTO_IP || level == IPPROTO_IPV6) && (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP))
        return stream ? -EPROTO : set_membership(socket, level, name == MCAST_JOIN_GROUP, value, size);
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF)
        return stream ? -EINVAL : set_multicast_interface(socket, value, size);
    if (level == IPPROTO_IPV6 && name == IPV6_MULTICAST_IF) {
        if (stream || size < sizeof(number))
            return stream ? -ENOPROTOOPT : -EINVAL;
        if (!interface_is_valid(number))
            return -ENODEV;
        keep(socket, OPTION_MULTICAST_INTERFACE6, number);
        return 0;
    }
    return -ENOPROTOOPT;
}

status_t inet_set_option(struct socket *base, int level, int name, const void *value, size_t size) {
    struct inet_socket *socket = to_inet(base);
    int32_t number = 0;
    if (!level_is_known(socket, level))
        return -ENOPROTOOPT;
    const struct option_rule *rule = find_rule(socket, level, name);
    if (!rule)
        return set_special(socket, level, name, value, size);
    if (size < (rule->flags & BYTE ? 1 : sizeof(number)))
        return -EINVAL;
    if (size < sizeof(number))
        number = *(const uint8_t *)value;
    else
        memcpy(&number, value, sizeof(number));
    return set_by_rule(socket, rule, number);
}

// --- getting ---

static status_t give(void *to, size_t *size, const void *from, size_t length) {
    *size = MIN(*size, length);
    memcpy(to, from, *size);
    return 0;
}

static int32_t shown(struct inet_socket *socket, const struct option_rule *rule, bool connected) {
    int32_t number = inet_option(socket, rule->place);
    if (rule->place == OPTION_HOPS && number == -1)
        return 64;
    if (rule->place == OPTION_RECEIVE_COVERAGE)
        return MAX(number, 0);
    if (rule->place == OPTION_MAXSEG)
        return connected ? (inet_is_v4(socket) ? 65483 : 65463) : number ? number : 536;
    return number;
}

static status_t get_special(struct inet_socket *socket, int level, int name, void *value, size_t *size,
                            bool connected) {
    int32_t mtu = 65536, listens;
    if (level == SOL_SOCKET && name == SO_ACCEPTCONN) {
        spin_lock(&inet_lock);
        listens = socket->claim.state == TCP_LISTEN;
        spin_unlock(&inet_lock);
        return give(value, size, &listens, sizeof(listens));
    }
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        return inet_option(socket, OPTION_BOUND_TO_LO) ? give(value, size, "lo", 3) : give(value, size, "", 0);
    if (level == SOL_SOCKET && name == SO_PEERCRED)
        return give(value, size, &(struct abi_ucred){0, ~0u, ~0u}, sizeof(struct abi_ucred));
    if ((level == IPPROTO_IP && name == IP_MTU) || (level == IPPROTO_IPV6 && name == IPV6_MTU))
        return connected ? give(value, size, &mtu, sizeof(mtu)) : -ENOTCONN;
    if (level == IPPROTO_IP && name == IP_MULTICAST_IF)
        return give(value, size, &(int32_t){inet_option(socket, OPTION_MULTICAST_SOURCE)}, sizeof(int32_t));
    if (level == IPPROTO_IPV6 && name == IPV6_MULTICAST_IF)
        return give(value, size, &(int32_t){inet_option(socket, OPTION_MULTICAST_INTERFACE6)}, sizeof(int32_t));
    if (level == IPPROTO_TCP && name == TCP_CONGESTION && socket->socket.type == SOCK_STREAM) {
        char text[16];
        spin_lock(&inet_lock);
        memcpy(text, socket->congestion, sizeof(text));
        spin_unlock(&inet_lock);
        return give(value, size, text, sizeof(text));
    }
    return -ENOPROTOOPT;
}

status_t inet_get_option(struct socket *base, int level, int name, void *value, size_t *size) {
    struct inet_socket *socket = to_inet(base);
    if (!level_is_known(socket, level))
        return inet_is_v4(socket) ? -EOPNOTSUPP : -ENOPROTOOPT;
    spin_lock(&inet_lock);
    bool connected = socket->claim.remote.port != 0;
    spin_unlock(&inet_lock);
    const struct option_rule *rule = find_rule(socket, level, name);
    if (!rule)
        return get_special(socket, level, name, value, size, connected);
    int32_t number = shown(socket, rule, connected);
    if (level == IPPROTO_IP && *size > 0 && *size < sizeof(number) && number >= 0 && number <= 255)
        return give(value, size, &(uint8_t){(uint8_t)number}, 1);
    return give(value, size, &number, sizeof(number));
}
