// SPDX-License-Identifier: MPL-2.0
// UDP sockets: a queue at each receiver, bounded by its receive buffer; what does not fit is lost, as UDP may. A
// datagram to a port that nobody has gives its sender, if connected there, ECONNREFUSED at the next call.
//
// UDP-Lite is the same with ports of its own, and a checksum that may cover only a part: nothing is ever damaged here,
// but a receiver that wants more covered than the sender did does not get the datagram.
#include "control.h"
#include "inet_priv.h"
#include "interface.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <object/task.h>
#include <sched/realtime.h>

#define SIZE_MAX_V4 65507u // 65535 less the headers
#define SIZE_MAX_V6 65527u
#define UDP_HEADER 8u

CHARGED_CACHE(udp_slab, struct udp_socket);

status_t udp_create(int family, int protocol, struct socket **out) {
    struct udp_socket *socket = charged_alloc_zero(&udp_slab);
    if (!socket)
        return -ENOMEM;
    inet_socket_init(&socket->inet, &udp_ops, family, SOCK_DGRAM, protocol);
    list_init(&socket->packets);
    wait_queue_init(&socket->readers);
    charge_init(&socket->memory, account_current());
    object_signal(&socket->inet.socket.object, 0, SOCKET_WRITABLE);
    *out = &socket->inet.socket;
    return 0;
}

// --- sending ---

// Where to, as the address says; without one, to where the socket is connected.
static status_t find_destination(struct inet_socket *socket, const struct message *message, struct inet_endpoint *to) {
    const struct address *address = message->address;
    int family = socket->socket.family;
    if (address && address->size > 0 && !(family == AF_INET6 && address->family == AF_UNSPEC)) {
        if (address->size < sizeof(address->family))
            return -EINVAL;
        if (family == AF_INET6 && address->family == AF_INET)
            family = AF_INET;
        status_t status = inet_endpoint_parse(family, address, to);
        if (status == 0 && inet_option(socket, OPTION_V6ONLY) && inet_address_is_v4(&to->address))
            status = -ENETUNREACH;
        return status != 0 ? status : to->port == 0 ? -EINVAL : 0;
    }
    spin_lock(&inet_lock);
    *to = socket->claim.remote;
    spin_unlock(&inet_lock);
    return to->port == 0 ? -EDESTADDRREQ : 0;
}

// Who gets it, referenced (null: nobody), and from whom it comes.
static status_t find_receiver(struct inet_socket *socket, struct message *message, struct inet_endpoint *to,
                              struct inet_endpoint *from, struct inet_socket **out) {
    const struct ancillary *ancillary = message->ancillary;
    if (inet_address_is_broadcast(&to->address) && !socket_option(&socket->socket, SO_BROADCAST))
        return -EACCES;
    spin_lock(&inet_lock);
    status_t status = inet_autobind_locked(socket);
    *from = socket->claim.local;
    if (ancillary && ancillary->has_source)
        memcpy(from->address.bytes, ancillary->source, sizeof(from->address.bytes));
    if (status == 0)
        status = inet_route(to, &from->address);
    *out = status == 0 ? inet_receiver_find_locked(socket->socket.protocol, to, from) : nullptr;
    if (*out && !refcount_try_up(&(*out)->socket.object.ref))
        *out = nullptr;
    spin_unlock(&inet_lock);
    return status;
}

static void describe_route(struct inet_socket *socket, struct message *message, const struct inet_endpoint *to,
                           const struct inet_endpoint *from, struct packet_route *route) {
    const struct ancillary *ancillary = message->ancillary;
    bool v4 = inet_address_is_v4(&to->address);
    int32_t hops = inet_option(socket, v4 ? OPTION_TTL : OPTION_HOPS);
    int32_t class = inet_option(socket, v4 ? OPTION_TOS : OPTION_TCLASS);
    if (ancillary && ancillary->hops >= 0)
        hops = ancillary->hops;
    if (ancillary && ancillary->class >= 0)
        class = ancillary->class;
    memcpy(route->from, from->address.bytes, sizeof(route->from));
    memcpy(route->to, to->address.bytes, sizeof(route->to));
    route->port = from->port;
    route->hops = (uint8_t)(hops == -1 ? 64 : hops);
    route->class = (uint8_t)(class == -1 ? 0 : class);
    route->time = clock_realtime();
}

// How much of a datagram of `size` bytes is covered: 0 all of it, which Linux does not mind whatever is wanted.
static uint16_t coverage_of(struct inet_socket *socket, size_t size) {
    int32_t covered = inet_option(socket, OPTION_SEND_COVERAGE);
    return covered > 0 && (size_t)covered < size + UDP_HEADER ? (uint16_t)covered : 0;
}

static bool covers_enough(struct udp_socket *receiver, const struct packet *packet) {
    int32_t wanted = inet_option(&receiver->inet, OPTION_RECEIVE_COVERAGE);
    return wanted < 0 || packet->route.coverage == 0 || (wanted > 0 && packet->route.coverage >= wanted);
}

// Queues the packet, or drops it: no room, or nobody pays.
static void deliver(struct udp_socket *receiver, struct packet *packet) {
    struct socket *base = &receiver->inet.socket;
    spin_lock(&receiver->lock);
    bool fits = !receiver->closed && covers_enough(receiver, packet) &&
                receiver->bytes <= atomic_load_explicit(&base->receive_buffer, memory_order_relaxed) &&
                charge_cover(&receiver->memory, stream_pages(receiver->bytes + packet->charge));
    if (fits) {
        list_push_back(&receiver->packets, &packet->node);
        receiver->bytes += packet->charge;
        wait_queue_wake_one_sync(&receiver->readers);
        object_signal(&base->object, 0, SIGNALS_READ);
    } else {
        receiver->drops++;
    }
    spin_unlock(&receiver->lock);
    if (!fits)
        packet_destroy(packet);
}

// Nobody has that port: a socket that is connected there hears of it, as by ICMP.
static void refuse(struct inet_socket *socket) {
    spin_lock(&inet_lock);
    bool connected = socket->claim.remote.port != 0;
    spin_unlock(&inet_lock);
    if (!connected && !inet_option(socket, OPTION_RECVERR) && !inet_option(socket, OPTION_RECVERR6))
        return;
    struct udp_socket *udp = to_udp(&socket->socket);
    spin_lock(&udp->lock);
    atomic_store_explicit(&socket->socket.error, ECONNREFUSED, memory_order_relaxed);
    object_signal(&socket->socket.object, 0, SIGNAL_ERROR);
    wait_queue_wake_all(&udp->readers);
    spin_unlock(&udp->lock);
}

static ssize_t udp_send(struct socket *base, struct message *message) {
    struct inet_socket *socket = to_inet(base), *receiver;
    struct inet_endpoint to, from;
    struct packet *packet;
    size_t size = message->data->resid;
    if (size > 0xffff)
        return -EMSGSIZE;
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    status_t status = find_destination(socket, message, &to);
    if (status == 0)
        status = find_receiver(socket, message, &to, &from, &receiver);
    if (status != 0)
        return status;
    if (size > (inet_address_is_v4(&to.address) ? SIZE_MAX_V4 : SIZE_MAX_V6))
        status = -EMSGSIZE;
    if (status == 0)
        status = socket_take_error(base);
    if (status == 0 && to_udp(base)->shut_write)
        status = -EPIPE;
    if (status == 0)
        status = packet_create(message->data, size, &packet);
    if (status == 0) {
        packet->routed = true;
        describe_route(socket, message, &to, &from, &packet->route);
        packet->route.coverage = coverage_of(socket, size);
        interface_count(size + UDP_HEADERS + (inet_address_is_v4(&to.address) ? 0 : IPV6_LONGER));
        if (receiver) {
            deliver(to_udp(&receiver->socket), packet);
        } else {
            packet_destroy(packet);
            refuse(socket);
        }
    }
    if (receiver)
        object_put(&receiver->socket.object);
    return status == 0 ? (ssize_t)size : status;
}

// IP_PKTINFO and the like on sending.
static status_t udp_take_control(struct socket *base, const struct control_message *control, struct ancillary *out) {
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

// --- receiving ---

static status_t wait_for_packet(struct udp_socket *socket, const struct message *message, nsec_t deadline)
    REQUIRES(&socket->lock) {
    for (;;) {
        status_t status = socket_take_error(&socket->inet.socket);
        if (status != 0)
            return status;
        if (!list_is_empty(&socket->packets))
            return 0;
        if (socket->shut_read)
            return -ESHUTDOWN; // the caller's end of file
        if (message->flags & MSG_DONTWAIT)
            return -EAGAIN;
        status = wait_queue_sleep(&socket->readers, &socket->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status;
    }
}

static status_t take_packet(struct udp_socket *socket, const struct message *message, nsec_t deadline,
                            struct packet **out) {
    spin_lock(&socket->lock);
    status_t status = wait_for_packet(socket, message, deadline);
    if (status == 0) {
        *out = LIST_ENTRY(list_pop_front(&socket->packets), struct packet, node);
        socket->bytes -= (*out)->charge;
        charge_trim(&socket->memory, stream_pages(socket->bytes));
        if (list_is_empty(&socket->packets) && !socket->shut_read)
            object_signal(&socket->inet.socket.object, SIGNALS_READ, 0);
    }
    spin_unlock(&socket->lock);
    return status;
}

// A peeked packet goes back to the front; it is paid for again, or lost.
static void put_back(struct udp_socket *socket, struct packet *packet) {
    spin_lock(&socket->lock);
    bool fits = !socket->closed && charge_cover(&socket->memory, stream_pages(socket->bytes + packet->charge));
    if (fits) {
        list_push_front(&socket->packets, &packet->node);
        socket->bytes += packet->charge;
        object_signal(&socket->inet.socket.object, 0, SIGNALS_READ);
        wait_queue_wake_one(&socket->readers);
    }
    spin_unlock(&socket->lock);
    if (!fits)
        packet_destroy(packet);
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

// The control messages that the socket asked for.
static void add_controls(struct inet_socket *socket, const struct packet_route *route, struct ancillary *to) {
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

static ssize_t udp_receive(struct socket *base, struct message *message) {
    struct udp_socket *socket = to_udp(base);
    struct packet *packet;
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    if (message->flags & (MSG_OOB | MSG_ERRQUEUE))
        return message->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
    status_t status = take_packet(socket, message, socket_deadline(timeout), &packet);
    if (status != 0)
        return status == -ESHUTDOWN ? 0 : socket_interrupted(status, timeout);
    size_t full = packet->size, size = MIN(full, message->data->resid);
    size_t copied = packet_copy(packet, 0, message->data, size);
    if (message->address) {
        struct inet_endpoint from = {.port = packet->route.port};
        memcpy(from.address.bytes, packet->route.from, sizeof(from.address.bytes));
        inet_endpoint_to_address(base->family, &from, message->address);
    }
    if (message->ancillary)
        add_controls(&socket->inet, &packet->route, message->ancillary);
    if (message->flags & MSG_PEEK)
        put_back(socket, packet);
    else
        packet_destroy(packet);
    if (copied < size)
        return -EFAULT;
    if (full > size)
        message->result |= MSG_TRUNC;
    return (ssize_t)(message->flags & MSG_TRUNC ? full : size);
}

// --- connect, shutdown, close ---

static status_t udp_connect(struct socket *base, const struct address *address, bool nonblock) {
    struct inet_socket *socket = to_inet(base);
    struct inet_endpoint to;
    struct inet_claim *claim = &socket->claim;
    status_t status = 0;
    if (address->size < sizeof(address->family))
        return -EINVAL;
    if (address->family == AF_UNSPEC) {
        spin_lock(&inet_lock);
        inet_forget_peer_locked(socket);
        spin_unlock(&inet_lock);
        return 0;
    }
    int family = base->family == AF_INET6 && address->family == AF_INET ? AF_INET : base->family;
    if ((status = inet_endpoint_parse(family, address, &to)) != 0)
        return status;
    if (inet_address_is_broadcast(&to.address) && !socket_option(base, SO_BROADCAST))
        return -EACCES;
    if (inet_option(socket, OPTION_V6ONLY) && inet_address_is_v4(&to.address))
        return -ENETUNREACH;
    spin_lock(&inet_lock);
    struct inet_address from = socket->address_bound ? claim->local.address : inet_address_any(inet_is_v4(socket));
    status = inet_route(&to, &from);
    if (status == 0)
        status = inet_autobind_locked(socket);
    if (status == 0) {
        claim->local.address = from;
        claim->remote = to;
        claim->state = TCP_ESTABLISHED;
    }
    spin_unlock(&inet_lock);
    return status;
}

static status_t udp_shutdown(struct socket *base, bool read, bool write) {
    struct udp_socket *socket = to_udp(base);
    spin_lock(&inet_lock);
    bool connected = socket->inet.claim.remote.port != 0;
    spin_unlock(&inet_lock);
    spin_lock(&socket->lock);
    socket->shut_read |= read;
    socket->shut_write |= write;
    uint32_t set = socket->shut_read ? SIGNALS_READ | SIGNAL_READ_HANGUP : 0;
    if (socket->shut_read && socket->shut_write)
        set |= SIGNAL_HANGUP;
    wait_queue_wake_all(&socket->readers);
    object_signal(&base->object, 0, set);
    spin_unlock(&socket->lock);
    return connected ? 0 : -ENOTCONN; // it holds nevertheless
}

static long udp_ioctl(struct socket *base, unsigned command, unsigned long argument) {
    struct udp_socket *socket = to_udp(base);
    uint32_t bytes = 0;
    if (command != SIOCINQ && command != SIOCOUTQ)
        return -ENOTTY;
    spin_lock(&socket->lock);
    if (command == SIOCINQ && !list_is_empty(&socket->packets))
        bytes = LIST_FIRST(&socket->packets, struct packet, node)->size;
    spin_unlock(&socket->lock);
    return put_user((int32_t)bytes, (int32_t __user *)argument);
}

static void udp_closed(struct socket *base) {
    struct udp_socket *socket = to_udp(base);
    struct list_node dead = LIST_INIT(dead);
    spin_lock(&inet_lock);
    inet_port_release_locked(&socket->inet.claim);
    spin_unlock(&inet_lock);
    spin_lock(&socket->lock);
    socket->closed = true;
    list_splice_back(&dead, &socket->packets);
    socket->bytes = 0;
    spin_unlock(&socket->lock);
    packet_destroy_all(&dead);
}

static void udp_destroy(struct socket *base) {
    struct udp_socket *socket = to_udp(base);
    charge_fini(&socket->memory);
    charged_free(&udp_slab, socket);
}

const struct socket_ops udp_ops = {
    .bind = inet_bind,
    .connect = udp_connect,
    .get_name = inet_get_name,
    .shutdown = udp_shutdown,
    .send = udp_send,
    .receive = udp_receive,
    .set_option = inet_set_option,
    .get_option = inet_get_option,
    .take_control = udp_take_control,
    .ioctl = udp_ioctl,
    .closed = udp_closed,
    .destroy = udp_destroy,
};
