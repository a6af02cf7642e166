// SPDX-License-Identifier: MPL-2.0
// Sending on AF_UNIX connections: streams, and seqpackets, which keep boundaries.
//
// A packet is made outside any lock and then queued at the other end, if there is room. A full queue blocks the sender
// until three quarters of it are read, so that two processes on one CPU do not switch for every packet.
#include "unix_priv.h"

#include <sched/sched.h>

static status_t wait_for_room(struct unix_connection *connection, unsigned side, struct message *message,
                              nsec_t deadline) REQUIRES(&connection->lock) {
    struct unix_end *mine = &connection->end[side], *to = &connection->end[!side];
    for (;;) {
        if (UNLIKELY(unix_send_is_shut(mine, to)))
            return -EPIPE;
        if (LIKELY(to->bytes < to->limit))
            return 0;
        if (message->flags & MSG_DONTWAIT)
            return -EAGAIN;
        status_t status = wait_queue_sleep(&to->writers, &connection->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status;
    }
}

// -ENOMEM: the sender's job cannot pay for it.
ALWAYS_INLINE status_t append(struct unix_connection *connection, unsigned side, struct packet *packet)
    REQUIRES(&connection->lock) {
    struct unix_end *to = &connection->end[!side];
    if (UNLIKELY(!unix_is_paid(to, to->bytes + packet->charge)))
        return -ENOMEM;
    bool was_drained = unix_has_drained(to);
    list_push_back(&to->packets, &packet->node);
    to->bytes += packet->charge;
    if (UNLIKELY(was_drained && !unix_has_drained(to)))
        unix_end_update_locked(connection, side);
    wait_queue_wake_one_sync(&to->readers);
    if (LIKELY(to->socket != nullptr))
        object_signal(&to->socket->socket.object, 0, SIGNALS_READ);
    return 0;
}

// Queues the packet, which it takes over on success only.
static status_t send_packet(struct unix_connection *connection, unsigned side, struct packet *packet,
                            struct message *message, nsec_t deadline) {
    spin_lock(&connection->lock);
    status_t status = wait_for_room(connection, side, message, deadline);
    if (LIKELY(status == 0 && !packet->rights))
        status = append(connection, side, packet);
    spin_unlock(&connection->lock);
    if (LIKELY(!packet->rights) || status != 0)
        return status;
    // With handles inside: once more under the collector's lock. The room may be gone; one packet too many is harmless.
    flight_lock();
    spin_lock(&connection->lock);
    if (unix_send_is_shut(&connection->end[side], &connection->end[!side]))
        status = -EPIPE;
    else
        status = append(connection, side, packet);
    spin_unlock(&connection->lock);
    flight_unlock();
    return status;
}

static void stamp(struct packet *packet, struct message *message) {
    if (message->ancillary && message->ancillary->has_credentials)
        packet->credentials = message->ancillary->credentials;
    else
        packet->credentials = socket_credentials();
    if (message->ancillary) {
        packet->rights = message->ancillary->rights;
        message->ancillary->rights = nullptr;
    }
}

// Makes a packet of the next `size` bytes and sends it.
static status_t send_piece(struct unix_socket *socket, struct unix_connection *connection, struct message *message,
                           size_t size) {
    struct packet *packet;
    nsec_t timeout = atomic_load_explicit(&socket->socket.send_timeout, memory_order_relaxed);
    status_t status = packet_create(message->data, size, &packet);
    if (UNLIKELY(status != 0))
        return status;
    stamp(packet, message);
    status = send_packet(connection, socket->side, packet, message, socket_deadline(timeout));
    if (UNLIKELY(status != 0)) {
        packet_destroy(packet);
        status = status == -EPIPE ? status : socket_interrupted(status, timeout);
    }
    return status;
}

static status_t check_send(struct unix_socket *socket, struct message *message, struct unix_connection **connection) {
    *connection = unix_connection_of(socket);
    if (UNLIKELY(message->flags & MSG_OOB))
        return -EOPNOTSUPP;
    if (UNLIKELY(message->address != nullptr && socket->socket.type == SOCK_STREAM))
        return *connection ? -EISCONN : -EOPNOTSUPP;
    if (UNLIKELY(!*connection))
        return -ENOTCONN;
    struct unix_end *mine = &(*connection)->end[socket->side], *to = &(*connection)->end[!socket->side];
    if (UNLIKELY(unix_send_is_shut(mine, to)))
        return -EPIPE;
    // Before the data is copied; looked at again under the lock.
    if (UNLIKELY((message->flags & MSG_DONTWAIT) && to->bytes >= to->limit))
        return -EAGAIN;
    return 0;
}

ssize_t unix_stream_send(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base);
    struct unix_connection *connection;
    size_t total = message->data->resid, done = 0, landed;
    status_t status = check_send(socket, message, &connection);
    while (LIKELY(status == 0) && done < total) {
        if (total - done >= UNIX_LANDING_MIN && (landed = unix_landing_send(connection, socket->side, message)) > 0) {
            done += landed;
            continue;
        }
        size_t size = MIN(total - done, PACKET_STREAM_MAX);
        status = send_piece(socket, connection, message, size);
        if (LIKELY(status == 0))
            done += size;
        // A reader slept with a landing open when this came through the queue: let it read, and open it again.
        if (size >= UNIX_LANDING_MIN && connection->end[!socket->side].landing)
            sched_yield();
    }
    if (done > 0)
        return (ssize_t)done;
    return status == -EPIPE ? socket_broken_pipe(message->flags) : status;
}

ssize_t unix_seqpacket_send(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base);
    struct unix_connection *connection;
    size_t size = message->data->resid;
    message->address = nullptr; // as on Linux: ignored on a connected seqpacket socket
    status_t status = check_send(socket, message, &connection);
    if (status == 0 && size > atomic_load_explicit(&base->send_buffer, memory_order_relaxed) - 32)
        status = -EMSGSIZE;
    if (status == 0)
        status = send_piece(socket, connection, message, size);
    if (status == 0)
        return (ssize_t)size;
    return status == -EPIPE ? socket_broken_pipe(message->flags) : status;
}
