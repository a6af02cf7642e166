// SPDX-License-Identifier: MPL-2.0
// Datagram sockets of the Internet families, whatever their protocol: a queue at each receiver, bounded by its receive
// buffer and paid for by the job of who made the socket. What does not fit is lost, as datagrams may be.
#include "datagram.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <sched/realtime.h>

void datagram_init(struct datagram_socket *socket, const struct socket_ops *ops, int family, int type, int protocol) {
    inet_socket_init(&socket->inet, ops, family, type, protocol);
    list_init(&socket->packets);
    list_init(&socket->errors);
    wait_queue_init(&socket->readers);
    charge_init(&socket->memory, account_current());
    object_signal(&socket->inet.socket.object, 0, SOCKET_WRITABLE);
}

void datagram_fini(struct datagram_socket *socket) {
    charge_fini(&socket->memory);
}

// --- sending ---

status_t datagram_destination(struct inet_socket *socket, const struct message *message, struct inet_endpoint *to) {
    const struct address *address = message->address;
    int family = socket->socket.family;
    if (address && address->size > 0 && !(family == AF_INET6 && address->family == AF_UNSPEC)) {
        if (address->size < sizeof(address->family))
            return -EINVAL;
        if (family == AF_INET6 && address->family == AF_INET)
            family = AF_INET;
        status_t status = inet_endpoint_parse(family, address, to);
        return status == 0 && inet_option(socket, OPTION_V6ONLY) && inet_address_is_v4(&to->address) ? -ENETUNREACH
                                                                                                     : status;
    }
    spin_lock(&inet_lock);
    bool connected = socket->claim.state == TCP_ESTABLISHED;
    *to = socket->claim.remote;
    spin_unlock(&inet_lock);
    return connected ? 0 : -EDESTADDRREQ;
}

status_t datagram_source_locked(struct inet_socket *socket, const struct message *message, struct inet_endpoint *to,
                                struct inet_endpoint *from) {
    const struct ancillary *ancillary = message->ancillary;
    if (inet_address_is_broadcast(&to->address) && !socket_option(&socket->socket, SO_BROADCAST))
        return -EACCES;
    status_t status = inet_autobind_locked(socket);
    *from = socket->claim.local;
    if (ancillary && ancillary->has_source)
        memcpy(from->address.bytes, ancillary->source, sizeof(from->address.bytes));
    if (status != 0)
        return status;
    return inet_address_is_group(&to->address) ? inet_group_route(socket, to, &from->address)
                                               : inet_route(to, &from->address);
}

status_t datagram_may_send(struct datagram_socket *socket) {
    status_t status = socket_take_error(&socket->inet.socket);
    return status == 0 && socket->shut_write ? -EPIPE : status;
}

void datagram_describe(struct inet_socket *socket, const struct message *message, const struct inet_endpoint *to,
                       const struct inet_endpoint *from, struct packet_route *route) {
    const struct ancillary *ancillary = message->ancillary;
    bool v4 = inet_address_is_v4(&to->address);
    bool group = inet_address_is_multicast(&to->address);
    int32_t hops = inet_option(socket, v4 && group ? OPTION_MULTICAST_TTL : v4 ? OPTION_TTL : OPTION_HOPS);
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

bool datagram_deliver(struct datagram_socket *receiver, struct packet *packet) {
    struct socket *base = &receiver->inet.socket;
    spin_lock(&receiver->lock);
    bool fits = !receiver->closed &&
                receiver->bytes <= atomic_load_explicit(&base->receive_buffer, memory_order_relaxed) &&
                charge_cover(&receiver->memory, stream_pages(receiver->bytes + packet->charge));
    if (fits) {
        list_push_back(&receiver->packets, &packet->node);
        receiver->bytes += packet->charge;
        socket_wake_reader(base, &receiver->readers);
        object_signal(&base->object, 0, SIGNALS_READ);
    } else {
        receiver->drops++;
    }
    spin_unlock(&receiver->lock);
    if (!fits)
        packet_destroy(packet);
    return fits;
}

// --- receiving ---

// Finds the packet that is to be read or looked at; *skip: its bytes that a peek passes over.
static status_t wait_for_packet(struct datagram_socket *socket, const struct message *message, nsec_t deadline,
                                struct packet **out, size_t *skip) REQUIRES(&socket->lock) {
    struct socket *base = &socket->inet.socket;
    for (;;) {
        status_t status = socket_take_error(base);
        if (status != 0)
            return status;
        if ((*out = packet_find(&socket->packets, socket_peek_offset(base, message->flags), skip)))
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

// Takes the packet out of the queue, or holds it there for a look.
static status_t get_packet(struct datagram_socket *socket, const struct message *message, nsec_t deadline,
                           struct packet **out, size_t *skip) {
    spin_lock(&socket->lock);
    status_t status = wait_for_packet(socket, message, deadline, out, skip);
    if (status == 0 && message->flags & MSG_PEEK) {
        packet_hold(*out);
        socket_wake_reader(&socket->inet.socket, &socket->readers); // it is there for another one still
    } else if (status == 0) {
        list_remove(&(*out)->node);
        socket->bytes -= (*out)->charge;
        charge_trim(&socket->memory, stream_pages(socket->bytes));
        if (list_is_empty(&socket->packets) && !socket->shut_read)
            object_signal(&socket->inet.socket.object, SIGNALS_READ, 0);
    }
    spin_unlock(&socket->lock);
    return status;
}

ssize_t datagram_receive(struct socket *base, struct message *message) {
    struct datagram_socket *socket = to_datagram(base);
    struct packet *packet;
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    if (message->flags & MSG_ERRQUEUE)
        return datagram_receive_error(socket, message);
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    size_t skip;
    status_t status = get_packet(socket, message, socket_deadline(timeout), &packet, &skip);
    if (status != 0)
        return status == -ESHUTDOWN ? 0 : socket_interrupted(status, timeout);
    size_t full = packet->size, size = MIN(full - skip, message->data->resid);
    size_t copied = packet_copy(packet, skip, message->data, size);
    if (message->address) {
        struct inet_endpoint from = {.port = packet->route.port};
        memcpy(from.address.bytes, packet->route.from, sizeof(from.address.bytes));
        inet_endpoint_to_address(base->family, &from, message->address);
    }
    if (message->ancillary)
        datagram_add_controls(&socket->inet, &packet->route, message->ancillary);
    packet_destroy(packet);
    if (copied < size)
        return -EFAULT;
    // Linux counts from the datagram's beginning, also where a peek begins further behind.
    if (message->data->resid == 0 && full > size)
        message->result |= MSG_TRUNC;
    ssize_t result = (ssize_t)(message->flags & MSG_TRUNC ? full : size);
    socket_peek_moved(base, message->flags & MSG_PEEK ? result : -result);
    return result;
}

// --- connect, shutdown, close ---

status_t datagram_connect(struct socket *base, const struct address *address, bool nonblock) {
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
    status = inet_address_is_group(&to.address) ? inet_group_route(socket, &to, &from) : inet_route(&to, &from);
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

status_t datagram_shutdown(struct socket *base, bool read, bool write) {
    struct datagram_socket *socket = to_datagram(base);
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

long datagram_ioctl(struct socket *base, unsigned command, unsigned long argument) {
    struct datagram_socket *socket = to_datagram(base);
    uint32_t bytes = 0;
    if (command != SIOCINQ && command != SIOCOUTQ)
        return -ENOTTY;
    spin_lock(&socket->lock);
    if (command == SIOCINQ && !list_is_empty(&socket->packets))
        bytes = LIST_FIRST(&socket->packets, struct packet, node)->size;
    spin_unlock(&socket->lock);
    return put_user((int32_t)bytes, (int32_t __user *)argument);
}

void datagram_memory(struct socket *base, uint32_t *unread, uint32_t *lost) {
    struct datagram_socket *socket = to_datagram(base);
    spin_lock(&socket->lock);
    *unread = socket->bytes;
    *lost = socket->drops;
    spin_unlock(&socket->lock);
}

void datagram_closed(struct socket *base) {
    struct datagram_socket *socket = to_datagram(base);
    struct list_node dead = LIST_INIT(dead);
    spin_lock(&inet_lock);
    inet_port_release_locked(&socket->inet.claim);
    inet_group_leave_all_locked(&socket->inet);
    spin_unlock(&inet_lock);
    spin_lock(&socket->lock);
    socket->closed = true;
    list_splice_back(&dead, &socket->packets);
    list_splice_back(&dead, &socket->errors);
    socket->bytes = 0;
    spin_unlock(&socket->lock);
    packet_destroy_all(&dead);
}
