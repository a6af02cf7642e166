// SPDX-License-Identifier: MPL-2.0
// AF_INET and AF_INET6: making sockets, bind, names.
#include "inet_priv.h"
#include "net_setting.h"

#include <lib/string.h>
#include <net/net.h>
#include <object/cred.h>
#include <object/task.h>

void inet_socket_init(struct inet_socket *socket, const struct socket_ops *ops, int family, int type, int protocol) {
    socket_init(&socket->socket, ops, family, type);
    socket->socket.protocol = protocol;
    list_init(&socket->claim.node);
    list_init(&socket->claim.receiver);
    list_init(&socket->groups);
    socket->claim.socket = socket;
    socket->claim.local.address = inet_address_any(family == AF_INET);
    socket->claim.state = TCP_CLOSE;
    socket->claim.uid = cred_current()->euid;
    inet_options_init(socket);
}

static status_t create(int family, int type, int protocol, struct socket **out) {
    if (protocol < 0 || protocol >= IPPROTO_MAX)
        return -EINVAL;
    if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        return tcp_create(family, out);
    if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
        return udp_create(family, IPPROTO_UDP, out);
    if (type == SOCK_DGRAM && protocol == IPPROTO_UDPLITE)
        return udp_create(family, protocol, out);
    if (type == SOCK_DGRAM && protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return ping_create(family, out);
    if (type == SOCK_RAW)
        return raw_create(family, protocol, out);
    return type == SOCK_STREAM || type == SOCK_DGRAM ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
}

static status_t create_v4(int type, int protocol, struct socket **out) {
    return create(AF_INET, type, protocol, out);
}
static status_t create_v6(int type, int protocol, struct socket **out) {
    return create(AF_INET6, type, protocol, out);
}

// --- bind ---

// May a socket be bound to this address?
static status_t check_address(struct inet_socket *socket, const struct inet_endpoint *endpoint) {
    const struct inet_address *address = &endpoint->address;
    bool mapped = !inet_is_v4(socket) && inet_address_is_v4(address);
    bool multicast = inet_address_is_multicast(address), broadcast = inet_address_is_broadcast(address);
    if (mapped && inet_option(socket, OPTION_V6ONLY))
        return -EINVAL;
    if (!inet_is_v4(socket) && !mapped && multicast && socket->socket.type == SOCK_STREAM)
        return -EINVAL;
    if (!inet_address_is_any(address) && !inet_address_is_local(address) && !multicast && !broadcast &&
        !inet_option(socket, OPTION_FREEBIND) &&
        !net_setting(inet_is_v4(socket) ? SETTING_NONLOCAL_BIND : SETTING_NONLOCAL_BIND6))
        return -EADDRNOTAVAIL;
    bool ping = socket->socket.protocol == IPPROTO_ICMP || socket->socket.protocol == IPPROTO_ICMPV6;
    if (!ping && endpoint->port != 0 && endpoint->port < net_setting(SETTING_PRIVILEGED_PORTS) &&
        !cred_has_cap(cred_current(), CAP_NET_BIND_SERVICE))
        return -EACCES;
    return 0;
}

status_t inet_bind(struct socket *base, const struct address *address) {
    struct inet_socket *socket = to_inet(base);
    struct inet_endpoint endpoint;
    status_t status = inet_endpoint_parse(base->family, address, &endpoint);
    if (status == 0)
        status = check_address(socket, &endpoint);
    if (status != 0)
        return status;
    spin_lock(&inet_lock);
    struct inet_claim *claim = &socket->claim;
    if (claim->local.port != 0 || claim->state != TCP_CLOSE) {
        status = -EINVAL;
    } else {
        struct inet_address before = claim->local.address;
        claim->local.address = endpoint.address;
        status = inet_port_claim_locked(claim, endpoint.port);
        if (status != 0)
            claim->local.address = before;
    }
    if (status == 0) {
        socket->address_bound = !inet_address_is_any(&endpoint.address);
        socket->port_bound = endpoint.port != 0;
        if (base->type == SOCK_DGRAM)
            status = inet_receiver_add_locked(claim);
    }
    spin_unlock(&inet_lock);
    return status;
}

status_t inet_autobind_locked(struct inet_socket *socket) {
    if (socket->claim.local.port != 0)
        return 0;
    status_t status = inet_port_claim_locked(&socket->claim, 0);
    if (status == 0 && socket->socket.type == SOCK_DGRAM)
        status = inet_receiver_add_locked(&socket->claim);
    return status;
}

void inet_forget_peer_locked(struct inet_socket *socket) {
    struct inet_claim *claim = &socket->claim;
    claim->state = TCP_CLOSE;
    claim->remote = (struct inet_endpoint){};
    if (!socket->port_bound && claim->local.port != 0)
        inet_port_release_locked(claim);
    if (!socket->address_bound)
        claim->local.address = inet_address_any(inet_is_v4(socket));
}

status_t inet_get_name(struct socket *base, enum socket_name name, struct address *out) {
    const struct inet_claim *claim = &to_inet(base)->claim;
    spin_lock(&inet_lock);
    struct inet_endpoint endpoint = name == NAME_OWN ? claim->local : claim->remote;
    spin_unlock(&inet_lock);
    if (name != NAME_OWN && endpoint.port == 0)
        return -ENOTCONN;
    inet_endpoint_to_address(base->family, &endpoint, out);
    return 0;
}

void inet_init(void) {
    static const struct socket_family v4 = {.number = AF_INET, .create = create_v4};
    static const struct socket_family v6 = {.number = AF_INET6, .create = create_v6};
    socket_family_register(&v4);
    socket_family_register(&v6);
    inet_proc_init();
    inet_snmp_init();
    inet_group_init();
}
