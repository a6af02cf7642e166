// SPDX-License-Identifier: MPL-2.0
// Raw sockets: each sees the packets of its protocol, IPv4's with their header, and sends its own. Only for who has
// CAP_NET_RAW. UDP's datagrams and all of ICMP are there to be seen; TCP has no packets here.
#include "raw.h"
#include "net_setting.h"

#include <lib/string.h>
#include <mm/charged.h>
#include <object/cred.h>
#include <object/task.h>

#define ICMP_TYPES_FILTERED 32u // of IPv4: others always pass
#define CHECKSUM_OF_ICMP6 2

static struct {
    struct list_node sockets GUARDED_BY(&inet_lock);
    _Atomic unsigned count; // so that others need no lock to see that there is none
} raw = {.sockets = LIST_INIT(raw.sockets)};

CHARGED_CACHE(raw_slab, struct raw_socket);

status_t raw_create(int family, int protocol, struct socket **out) {
    if (protocol == IPPROTO_IP)
        return -EPROTONOSUPPORT;
    if (!cred_has_cap(cred_current(), CAP_NET_RAW))
        return -EPERM;
    struct raw_socket *socket = charged_alloc_zero(&raw_slab);
    if (!socket)
        return -ENOMEM;
    datagram_init(&socket->datagram, &raw_ops, family, SOCK_RAW, protocol);
    struct inet_socket *inet = &socket->datagram.inet;
    inet->claim.local.port = (uint16_t)protocol; // as names and /proc/net/raw show it
    inet->port_bound = true;
    atomic_fetch_or_explicit(&inet->socket.option_bits, 1u << SO_REUSEADDR, memory_order_relaxed);
    socket->has_header = protocol == IPPROTO_RAW;
    socket->checksum_place = protocol == IPPROTO_ICMPV6 && family == AF_INET6 ? CHECKSUM_OF_ICMP6 : NO_CHECKSUM;
    spin_lock(&inet_lock);
    list_push_back(&raw.sockets, &socket->node);
    atomic_fetch_add_explicit(&raw.count, 1, memory_order_relaxed);
    spin_unlock(&inet_lock);
    *out = &inet->socket;
    return 0;
}

bool raw_exists(void) {
    return atomic_load_explicit(&raw.count, memory_order_relaxed) > 0;
}

// Unlike others a raw socket may be bound again and again, until it is connected.
static status_t raw_bind(struct socket *base, const struct address *address) {
    struct inet_socket *socket = to_inet(base);
    struct inet_endpoint endpoint;
    status_t status = inet_endpoint_parse(base->family, address, &endpoint);
    if (status != 0)
        return status;
    if (!inet_is_v4(socket) && inet_address_is_v4(&endpoint.address))
        return -EINVAL;
    if (!inet_address_is_any(&endpoint.address) && !inet_address_is_local(&endpoint.address) &&
        !inet_address_is_multicast(&endpoint.address) && !inet_option(socket, OPTION_FREEBIND) &&
        !net_setting(inet_is_v4(socket) ? SETTING_NONLOCAL_BIND : SETTING_NONLOCAL_BIND6))
        return -EADDRNOTAVAIL;
    spin_lock(&inet_lock);
    if (socket->claim.state != TCP_CLOSE) {
        status = -EINVAL;
    } else {
        socket->claim.local.address = endpoint.address;
        socket->address_bound = !inet_address_is_any(&endpoint.address);
    }
    spin_unlock(&inet_lock);
    return status;
}

// --- what comes ---

static bool is_refused(struct raw_socket *socket, const struct wire *wire) {
    bool v4 = wire->v4;
    if (wire->protocol != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) || wire->size == 0)
        return false;
    unsigned type = wire->data[0];
    if (v4 && type >= ICMP_TYPES_FILTERED)
        return false;
    return atomic_load_explicit(&socket->refused[type / 32], memory_order_relaxed) >> type % 32 & 1;
}

// Is it one between these two, for a socket of this protocol? Names the socket may leave open.
static bool is_between(const struct inet_socket *socket, bool v4, unsigned protocol, const struct inet_address *mine,
                       const struct inet_address *other) {
    const struct inet_claim *claim = &socket->claim;
    return inet_is_v4(socket) == v4 && socket->socket.protocol == (int)protocol &&
           (inet_address_is_any(&claim->local.address) || inet_address_equal(&claim->local.address, mine)) &&
           (claim->state != TCP_ESTABLISHED || inet_address_equal(&claim->remote.address, other));
}

static void deliver(struct raw_socket *socket, const struct wire *wire) {
    uint32_t header = wire->v4 ? wire->header_size : 0;
    int32_t place = atomic_load_explicit(&socket->checksum_place, memory_order_relaxed);
    struct packet *packet;
    struct uio uio;
    if (place != NO_CHECKSUM && wire_checksum(wire, wire->size) != 0)
        return;
    uio_init_kernel(&uio, wire->data - header, header + wire->size);
    if (packet_create(&uio, uio.resid, &packet) != 0)
        return;
    wire_route(wire, 0, packet);
    datagram_deliver(&socket->datagram, packet);
}

bool raw_input(const struct wire *wire) {
    struct inet_receivers takers;
    struct raw_socket *socket;
    if (!raw_exists())
        return false;
    receivers_init(&takers);
    spin_lock(&inet_lock);
    LIST_FOR_EACH(socket, &raw.sockets, node)
    if (is_between(&socket->datagram.inet, wire->v4, wire->protocol, &wire->to, &wire->from) &&
        !is_refused(socket, wire))
        receivers_add_locked(&takers, &socket->datagram.inet);
    spin_unlock(&inet_lock);
    bool taken = takers.count > 0;
    for (unsigned i = 0; i < takers.count; i++)
        deliver(to_raw(&takers.list[i]->socket), wire);
    receivers_fini(&takers);
    return taken;
}

void raw_fail(struct inet_error *error) {
    struct inet_receivers senders;
    struct raw_socket *socket;
    if (!raw_exists())
        return;
    receivers_init(&senders);
    spin_lock(&inet_lock);
    LIST_FOR_EACH(socket, &raw.sockets, node)
    if (is_between(&socket->datagram.inet, error->v4, error->protocol, &error->local.address, &error->remote.address))
        receivers_add_locked(&senders, &socket->datagram.inet);
    spin_unlock(&inet_lock);
    for (unsigned i = 0; i < senders.count; i++)
        datagram_fail(to_datagram(&senders.list[i]->socket), error, 0);
    receivers_fini(&senders);
}

void raw_for_each_locked(void (*visit)(const struct inet_claim *claim, void *context), void *context) {
    struct raw_socket *socket;
    LIST_FOR_EACH(socket, &raw.sockets, node)
    visit(&socket->datagram.inet.claim, context);
}

// --- options ---

static status_t set_filter(struct raw_socket *socket, const void *value, size_t size) {
    uint32_t words[8];
    unsigned count = inet_is_v4(&socket->datagram.inet) ? 1 : ARRAY_SIZE(words);
    for (unsigned i = 0; i < count; i++)
        words[i] = atomic_load_explicit(&socket->refused[i], memory_order_relaxed);
    memcpy(words, value, MIN(size, count * sizeof(words[0])));
    for (unsigned i = 0; i < count; i++)
        atomic_store_explicit(&socket->refused[i], words[i], memory_order_relaxed);
    return 0;
}

static status_t set_number(struct raw_socket *socket, int level, int name, int32_t number) {
    struct socket *base = &socket->datagram.inet.socket;
    if (name == IP_HDRINCL || name == IPV6_HDRINCL) {
        atomic_store_explicit(&socket->has_header, number != 0, memory_order_relaxed);
        return 0;
    }
    if ((base->protocol == IPPROTO_ICMPV6 && level == IPPROTO_IPV6) || (number > 0 && number & 1))
        return -EINVAL;
    atomic_store_explicit(&socket->checksum_place, number < 0 ? NO_CHECKSUM : number, memory_order_relaxed);
    return 0;
}

// Which of the options that only raw sockets have? -ENOPROTOOPT: none of them.
enum raw_option { RAW_NONE, RAW_FILTER, RAW_NUMBER };
static status_t find_option(struct socket *base, int level, int name, enum raw_option *which) {
    bool v4 = base->family == AF_INET;
    *which = RAW_NONE;
    if (v4 && level == IPPROTO_IP && name == IP_HDRINCL)
        *which = RAW_NUMBER;
    else if (!v4 && (level == IPPROTO_IPV6 || level == SOL_RAW) && (name == IPV6_CHECKSUM || name == IPV6_HDRINCL))
        *which = RAW_NUMBER;
    else if (level == (v4 ? (int)SOL_RAW : IPPROTO_ICMPV6)) {
        if (name != (v4 ? (int)ICMP_FILTER : (int)ICMPV6_FILTER))
            return -ENOPROTOOPT;
        if (base->protocol != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
            return -EOPNOTSUPP;
        *which = RAW_FILTER;
    } else if (level == SOL_RAW) {
        return -ENOPROTOOPT;
    }
    return 0;
}

static status_t raw_set_option(struct socket *base, int level, int name, const void *value, size_t size) {
    enum raw_option which;
    int32_t number;
    status_t status = find_option(base, level, name, &which);
    if (status != 0)
        return status;
    if (which == RAW_NONE)
        return inet_set_option(base, level, name, value, size);
    if (which == RAW_FILTER)
        return set_filter(to_raw(base), value, size);
    if (size < sizeof(number))
        return -EINVAL;
    memcpy(&number, value, sizeof(number));
    return set_number(to_raw(base), level, name, number);
}

static status_t raw_get_option(struct socket *base, int level, int name, void *value, size_t *size) {
    struct raw_socket *socket = to_raw(base);
    enum raw_option which;
    uint32_t words[8];
    status_t status = find_option(base, level, name, &which);
    if (status != 0)
        return status;
    if (which == RAW_NONE)
        return inet_get_option(base, level, name, value, size);
    size_t length = which == RAW_FILTER && base->family == AF_INET6 ? sizeof(words) : sizeof(words[0]);
    for (unsigned i = 0; i < length / sizeof(words[0]); i++)
        words[i] = atomic_load_explicit(&socket->refused[i], memory_order_relaxed);
    if (which == RAW_NUMBER)
        words[0] = name == IPV6_CHECKSUM ? (uint32_t)socket->checksum_place : socket->has_header;
    *size = MIN(*size, length);
    memcpy(value, words, *size);
    return 0;
}

// --- the end ---

static void raw_closed(struct socket *base) {
    struct raw_socket *socket = to_raw(base);
    spin_lock(&inet_lock);
    list_remove(&socket->node);
    atomic_fetch_sub_explicit(&raw.count, 1, memory_order_relaxed);
    spin_unlock(&inet_lock);
    datagram_closed(base);
}

static void raw_destroy(struct socket *base) {
    struct raw_socket *socket = to_raw(base);
    datagram_fini(&socket->datagram);
    charged_free(&raw_slab, socket);
}

const struct socket_ops raw_ops = {
    .bind = raw_bind,
    .connect = datagram_connect,
    .get_name = inet_get_name,
    .shutdown = datagram_shutdown,
    .send = raw_send,
    .receive = datagram_receive,
    .set_option = raw_set_option,
    .get_option = raw_get_option,
    .take_control = datagram_take_control,
    .memory = datagram_memory,
    .ioctl = datagram_ioctl,
    .closed = raw_closed,
    .destroy = raw_destroy,
};
