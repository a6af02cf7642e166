// SPDX-License-Identifier: MPL-2.0
// Control messages of datagrams: from where, to where, with how many hops, in which class, and when.
#include "control.h"
#include "datagram.h"

#include <lib/string.h>

// IP_PKTINFO and the like on sending.
status_t datagram_take_control(struct socket *base, const struct control_message *control, struct ancillary *out) {
    struct abi_in_pktinfo info;
    struct abi_in6_pktinfo info6;
    int32_t number;
    bool ip = control->level == IPPROTO_IP, ip6 = control->level == IPPROTO_IPV6 && base->family == AF_INET6;
    if (ip && control->type == IP_PKTINFO && control->size == sizeof(info)) {
        memcpy(&info, control->data, sizeof(info));
        struct inet_address source = inet_address_v4(info.specific);
        out->has_source = !inet_address_is_any(&source);
        memcpy(out->source, source.bytes, sizeof(out->source));
        return !out->has_source || inet_address_is_local(&source) ? 0 : -EINVAL;
    }
    if (ip6 && control->type == IPV6_PKTINFO && control->size == sizeof(info6)) {
        memcpy(&info6, control->data, sizeof(info6));
        struct inet_address source;
        memcpy(source.bytes, info6.address, sizeof(source.bytes));
        out->has_source = !inet_address_is_any(&source);
        memcpy(out->source, source.bytes, sizeof(out->source));
        return !out->has_source || inet_address_is_local(&source) ? 0 : -EINVAL;
    }
    if (control->size != sizeof(number))
        return ip || ip6 ? -EINVAL : 0;
    memcpy(&number, control->data, sizeof(number));
    bool hops = (ip && control->type == IP_TTL) || (ip6 && control->type == IPV6_HOPLIMIT);
    bool class = (ip && control->type == IP_TOS) || (ip6 && control->type == IPV6_TCLASS);
    if ((hops && (number < (ip ? 1 : -1) || number > 255)) || (class && (number < (ip ? 0 : -1) || number > 255)))
        return -EINVAL;
    if (hops)
        out->hops = (int16_t)number;
    else if (class)
        out->class = (int16_t)number;
    else
        return ip || ip6 ? -EINVAL : 0;
    return 0;
}

static void add_number(struct ancillary *to, int level, int type, int32_t number) {
    control_add(to, level, type, &number, sizeof(number));
}

static void add_time(struct inet_socket *socket, nsec_t time, struct ancillary *to) {
    int64_t stamp[2] = {(int64_t)(time / 1000000000), (int64_t)(time % 1000000000)};
    if (inet_option(socket, OPTION_TIMESTAMPNS)) {
        control_add(to, SOL_SOCKET, SO_TIMESTAMPNS, stamp, sizeof(stamp));
    } else if (socket_option(&socket->socket, SO_TIMESTAMP)) {
        stamp[1] /= 1000;
        control_add(to, SOL_SOCKET, SO_TIMESTAMP, stamp, sizeof(stamp));
    }
}

void datagram_add_controls(struct inet_socket *socket, const struct packet_route *route, struct ancillary *to) {
    bool v4 = inet_address_is_v4((const struct inet_address *)route->to);
    add_time(socket, route->time, to);
    if (v4 && inet_option(socket, OPTION_PKTINFO)) {
        struct abi_in_pktinfo info = {.interface = 1};
        memcpy(info.specific, route->to + 12, sizeof(info.specific));
        memcpy(info.address, route->to + 12, sizeof(info.address));
        control_add(to, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    if (v4 && inet_option(socket, OPTION_RECVTTL))
        add_number(to, IPPROTO_IP, IP_TTL, route->hops);
    if (v4 && inet_option(socket, OPTION_RECVTOS))
        control_add(to, IPPROTO_IP, IP_TOS, &route->class, 1);
    if (inet_is_v4(socket))
        return;
    if (inet_option(socket, OPTION_RECVPKTINFO6)) {
        struct abi_in6_pktinfo info = {.interface = 1};
        memcpy(info.address, route->to, sizeof(info.address));
        control_add(to, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
    if (inet_option(socket, OPTION_RECVHOPLIMIT))
        add_number(to, IPPROTO_IPV6, IPV6_HOPLIMIT, route->hops);
    if (inet_option(socket, OPTION_RECVTCLASS))
        add_number(to, IPPROTO_IPV6, IPV6_TCLASS, route->class);
}
