// SPDX-License-Identifier: MPL-2.0
// NETLINK_ROUTE: links, addresses and routes of lo, for who asks; nothing can be changed.
#include "inet_priv.h"
#include "interface.h"
#include "netlink_priv.h"

#include <lib/string.h>
#include <object/cred.h>
#include <object/task.h>

#define LO 1

static const uint8_t loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};

// --- links ---

// struct rtnl_link_stats64 and, with narrower numbers, rtnl_link_stats: packets in and out, bytes in and out, and 20
// counts of what never happens on lo.
static void put_counts(struct text_buffer *answer) {
    struct interface_counts total = interface_total();
    uint64_t wide[24] = {total.packets, total.packets, total.bytes, total.bytes};
    uint32_t narrow[24];
    for (unsigned i = 0; i < ARRAY_SIZE(wide); i++)
        narrow[i] = (uint32_t)wide[i];
    netlink_add(answer, IFLA_STATS64, wide, sizeof(wide));
    netlink_add(answer, IFLA_STATS, narrow, sizeof(narrow));
}

static void put_link(const struct netlink_request *request, struct text_buffer *answer) {
    static const uint8_t zeros[6];
    struct abi_ifinfomsg link = {
        .type = ARPHRD_LOOPBACK, .index = LO, .flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP};
    size_t start = netlink_begin(answer, request, RTM_NEWLINK, &link, sizeof(link));
    netlink_add(answer, IFLA_IFNAME, "lo", 3);
    netlink_add_u32(answer, IFLA_TXQLEN, 1000);
    netlink_add_u8(answer, IFLA_OPERSTATE, 0); // unknown, as Linux says of lo
    netlink_add_u8(answer, IFLA_LINKMODE, 0);
    netlink_add_u32(answer, IFLA_MTU, 65536);
    netlink_add_u32(answer, IFLA_GROUP, 0);
    netlink_add_u32(answer, IFLA_PROMISCUITY, 0);
    netlink_add_u32(answer, IFLA_NUM_TX_QUEUES, 1);
    netlink_add_u32(answer, IFLA_NUM_RX_QUEUES, 1);
    netlink_add_u8(answer, IFLA_CARRIER, 1);
    netlink_add(answer, IFLA_QDISC, "noqueue", 8);
    netlink_add(answer, IFLA_ADDRESS, zeros, 6);
    netlink_add(answer, IFLA_BROADCAST, zeros, 6);
    put_counts(answer);
    netlink_end(answer, start);
}

static status_t get_link(const struct netlink_request *request, struct text_buffer *answer) {
    struct abi_ifinfomsg wanted;
    if (!netlink_fixed(request, &wanted, sizeof(wanted), netlink_is_dump(request) ? 1 : sizeof(wanted)))
        return -EINVAL;
    if (!netlink_is_dump(request)) {
        const uint8_t *name = netlink_attribute(request, sizeof(wanted), IFLA_IFNAME, sizeof("lo"));
        if (wanted.index <= 0 && !name)
            return -EINVAL;
        if (wanted.index > 0 ? wanted.index != LO : memcmp(name, "lo", sizeof("lo")) != 0)
            return -ENODEV;
    }
    put_link(request, answer);
    return 0;
}

// `ip link set lo up`, which it is. -EOPNOTSUPP: any other change.
static status_t set_link(const struct netlink_request *request) {
    struct abi_ifinfomsg wanted;
    if (!netlink_fixed(request, &wanted, sizeof(wanted), sizeof(wanted)))
        return -EINVAL;
    bool only_up = wanted.index == LO && (wanted.change & ~(uint32_t)IFF_UP) == 0 && wanted.flags & IFF_UP;
    return only_up && request->size == sizeof(wanted) ? 0 : -EOPNOTSUPP;
}

// --- addresses ---

static void put_address(const struct netlink_request *request, struct text_buffer *answer, bool v4) {
    static const uint32_t for_ever[4] = {UINT32_MAX, UINT32_MAX};
    struct abi_ifaddrmsg address = {.family = v4 ? AF_INET : AF_INET6,
                                    .prefix = v4 ? 8 : 128,
                                    .flags = IFA_F_PERMANENT,
                                    .scope = RT_SCOPE_HOST,
                                    .index = LO};
    size_t start = netlink_begin(answer, request, RTM_NEWADDR, &address, sizeof(address));
    netlink_add(answer, IFA_ADDRESS, v4 ? loopback4 : loopback6, v4 ? 4 : 16);
    if (v4) {
        netlink_add(answer, IFA_LOCAL, loopback4, 4);
        netlink_add(answer, IFA_LABEL, "lo", 3);
    }
    netlink_add_u32(answer, IFA_FLAGS, IFA_F_PERMANENT);
    netlink_add(answer, IFA_CACHEINFO, for_ever, sizeof(for_ever));
    netlink_end(answer, start);
}

static status_t get_address(const struct netlink_request *request, struct text_buffer *answer) {
    struct abi_ifaddrmsg wanted;
    if (!netlink_fixed(request, &wanted, sizeof(wanted), 1))
        return -EINVAL;
    if (!netlink_is_dump(request))
        return -EOPNOTSUPP;
    if (request->strict && wanted.index > LO)
        return -ENODEV;
    if (wanted.family != AF_INET6)
        put_address(request, answer, true);
    if (wanted.family != AF_INET)
        put_address(request, answer, false);
    return 0;
}

// --- routes ---

struct route {
    uint8_t family, length, table, scope, type;
    uint8_t to[16];
    uint32_t priority; // 0: not said
};
static const struct route routes[] = {
    {AF_INET, 8, RT_TABLE_LOCAL, RT_SCOPE_HOST, RTN_LOCAL, {127}, 0},
    {AF_INET, 32, RT_TABLE_LOCAL, RT_SCOPE_HOST, RTN_LOCAL, {127, 0, 0, 1}, 0},
    {AF_INET, 32, RT_TABLE_LOCAL, RT_SCOPE_LINK, RTN_BROADCAST, {127, 255, 255, 255}, 0},
    {AF_INET6, 128, RT_TABLE_MAIN, RT_SCOPE_UNIVERSE, RTN_UNICAST, {[15] = 1}, 256},
    {AF_INET6, 128, RT_TABLE_LOCAL, RT_SCOPE_UNIVERSE, RTN_LOCAL, {[15] = 1}, 0},
};

static void put_route(const struct netlink_request *request, struct text_buffer *answer, const struct route *route) {
    bool v4 = route->family == AF_INET;
    struct abi_rtmsg message = {.family = route->family,
                                .to_length = route->length,
                                .table = route->table,
                                .protocol = RTPROT_KERNEL,
                                .scope = route->scope,
                                .type = route->type};
    size_t start = netlink_begin(answer, request, RTM_NEWROUTE, &message, sizeof(message));
    netlink_add_u32(answer, RTA_TABLE, route->table);
    netlink_add(answer, RTA_DST, route->to, v4 ? 4 : 16);
    if (v4)
        netlink_add(answer, RTA_PREFSRC, loopback4, 4);
    if (route->priority != 0)
        netlink_add_u32(answer, RTA_PRIORITY, route->priority);
    netlink_add_u32(answer, RTA_OIF, LO);
    netlink_end(answer, start);
}

static void dump_routes(const struct netlink_request *request, struct text_buffer *answer,
                        const struct abi_rtmsg *wanted) {
    const uint8_t *attribute = netlink_attribute(request, sizeof(*wanted), RTA_TABLE, 4);
    uint32_t table = wanted->table;
    if (attribute)
        memcpy(&table, attribute, sizeof(table));
    for (unsigned i = 0; i < ARRAY_SIZE(routes); i++)
        if ((wanted->family == AF_UNSPEC || wanted->family == routes[i].family) &&
            (!request->strict || table == 0 || table == routes[i].table))
            put_route(request, answer, &routes[i]);
}

// The way to one address.
static status_t find_route(const struct netlink_request *request, struct text_buffer *answer,
                           const struct abi_rtmsg *wanted) {
    bool v4 = wanted->family == AF_INET;
    if (!v4 && wanted->family != AF_INET6)
        return -EOPNOTSUPP;
    const uint8_t *to = netlink_attribute(request, sizeof(*wanted), RTA_DST, v4 ? 4 : 16);
    if (!to)
        return -EINVAL;
    struct inet_endpoint endpoint = {.address = v4 ? inet_address_v4(to) : (struct inet_address){}};
    struct inet_address from = inet_address_any(v4);
    if (!v4)
        memcpy(endpoint.address.bytes, to, 16);
    status_t status = inet_route(&endpoint, &from);
    if (status != 0)
        return status;
    struct route route = {wanted->family, v4 ? 32 : 128, RT_TABLE_LOCAL, RT_SCOPE_UNIVERSE, RTN_LOCAL, {},
                          v4 ? 0 : 256};
    memcpy(route.to, endpoint.address.bytes + (v4 ? 12 : 0), v4 ? 4 : 16);
    put_route(request, answer, &route);
    return 0;
}

static status_t get_route(const struct netlink_request *request, struct text_buffer *answer) {
    struct abi_rtmsg wanted;
    if (!netlink_fixed(request, &wanted, sizeof(wanted), netlink_is_dump(request) ? 1 : sizeof(wanted)))
        return -EINVAL;
    if (!netlink_is_dump(request))
        return find_route(request, answer, &wanted);
    dump_routes(request, answer, &wanted);
    return 0;
}

status_t netlink_route(const struct netlink_request *request, struct text_buffer *answer) {
    unsigned type = request->header.type;
    if (type > RTM_MAX)
        return -EOPNOTSUPP;
    if (request->size < 1) // of whatever family
        return 0;
    if (type % 4 != 2 && !cred_has_cap(cred_current(), CAP_NET_ADMIN)) // not RTM_GET…
        return -EPERM;
    switch (type) {
    case RTM_NEWLINK:
        return set_link(request);
    case RTM_GETLINK:
        return get_link(request, answer);
    case RTM_GETADDR:
        return get_address(request, answer);
    case RTM_GETROUTE:
        return get_route(request, answer);
    case RTM_GETNEIGH:
        return netlink_is_dump(request) ? 0 : -EOPNOTSUPP; // lo has no neighbours
    default:
        return -EOPNOTSUPP;
    }
}
