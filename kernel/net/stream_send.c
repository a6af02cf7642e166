// SPDX-License-Identifier: MPL-2.0
// Sending on streams, and on those that keep boundaries (seqpackets).
//
// A packet is made outside any lock and then queued at the other end, if there is room. A full queue blocks the sender
// until three quarters of it are read, so that two processes on one CPU do not switch for every packet.
#include "stream.h"

#include <object/flight.h>
#include <sched/sched.h>

static status_t wait_for_room(struct stream *stream, unsigned side, struct message *message, nsec_t deadline)
    REQUIRES(&stream->lock) {
    struct stream_end *to = &stream->end[!side];
    for (;;) {
        if (UNLIKELY(stream_send_is_shut(stream, side)))
            return -EPIPE;
        if (LIKELY(to->bytes < to->limit))
            return 0;
        if (message->flags & MSG_DONTWAIT)
            return -EAGAIN;
        status_t status = wait_queue_sleep(&to->writers, &stream->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status;
    }
}

// -ENOMEM: the sender's job cannot pay for it.
ALWAYS_INLINE status_t append(struct stream *stream, unsigned side, struct packet *packet) REQUIRES(&stream->lock) {
    struct stream_end *to = &stream->end[!side];
    if (UNLIKELY(!stream_is_paid(to, to->bytes + packet->charge)))
        return -ENOMEM;
    bool was_drained = stream_has_drained(to);
    list_push_back(&to->packets, &packet->node);
    to->bytes += packet->charge;
    if (UNLIKELY(was_drained && !stream_has_drained(to)))
        stream_end_update_locked(stream, side);
    if (stream->tcp)
        stream_count(to, packet->size);
    if (UNLIKELY(!to->socket))
        return 0; // destroyed: nobody reads
    socket_wake_reader(to->socket, &to->readers);
    object_signal(&to->socket->object, 0, SIGNALS_READ);
    return 0;
}

// A TCP end that is closed refuses what comes: the data is lost, and the sender learns of it next time.
static bool is_refused(struct stream *stream, unsigned side) REQUIRES(&stream->lock) {
    if (LIKELY(!stream->tcp || !stream->end[!side].closed))
        return false;
    stream_reset_locked(stream, side, EPIPE);
    return true;
}

// Queues the packet, which it takes over if it returns 0. 1: the other end does not want it.
static int send_packet(struct stream *stream, unsigned side, struct packet *packet, struct message *message,
                       nsec_t deadline, bool urgent) {
    spin_lock(&stream->lock);
    int status = wait_for_room(stream, side, message, deadline);
    if (UNLIKELY(status == 0 && is_refused(stream, side)))
        status = 1;
    if (LIKELY(status == 0 && !packet->rights))
        status = append(stream, side, packet);
    if (UNLIKELY(urgent) && status == 0)
        stream_mark_locked(stream, !side, packet);
    spin_unlock(&stream->lock);
    if (LIKELY(!packet->rights) || status != 0)
        return status;
    // With handles inside: once more under the collector's lock. The room may be gone; one packet too many is harmless.
    flight_lock();
    spin_lock(&stream->lock);
    if (stream_send_is_shut(stream, side))
        status = -EPIPE;
    else
        status = append(stream, side, packet);
    spin_unlock(&stream->lock);
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
status_t stream_send_piece(struct stream *stream, unsigned side, struct socket *socket, struct message *message,
                           size_t size, bool urgent) {
    struct packet *packet;
    nsec_t timeout = atomic_load_explicit(&socket->send_timeout, memory_order_relaxed);
    status_t status = packet_create(message->data, size, &packet);
    if (UNLIKELY(status != 0))
        return status;
    stamp(packet, message);
    int sent = send_packet(stream, side, packet, message, socket_deadline(timeout), urgent);
    if (LIKELY(sent == 0))
        return 0;
    packet_destroy(packet);
    return sent == 1 ? 0 : sent == -EPIPE ? sent : socket_interrupted(sent, timeout);
}

// Before the data is copied; looked at again under the lock.
static status_t check_send(struct stream *stream, unsigned side, struct message *message) {
    struct stream_end *to = &stream->end[!side];
    if (UNLIKELY(stream_send_is_shut(stream, side)))
        return -EPIPE;
    if (UNLIKELY((message->flags & MSG_DONTWAIT) && to->bytes >= to->limit))
        return -EAGAIN;
    return 0;
}

// TCP tells once that the other end has reset the connection.
status_t stream_send_failed(struct stream *stream, struct socket *socket, struct message *message, status_t status) {
    if (status != -EPIPE)
        return status;
    status_t error = stream->tcp ? socket_take_error(socket) : 0;
    return error != 0 && error != -EPIPE ? error : socket_broken_pipe(message->flags);
}

ssize_t stream_send(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    size_t total = message->data->resid, done = 0, landed;
    status_t status = check_send(stream, side, message);
    while (LIKELY(status == 0) && done < total) {
        if (total - done >= STREAM_LANDING_MIN && (landed = stream_landing_send(stream, side, message)) > 0) {
            done += landed;
            continue;
        }
        size_t size = MIN(total - done, PACKET_STREAM_MAX);
        status = stream_send_piece(stream, side, socket, message, size, false);
        if (LIKELY(status == 0))
            done += size;
        // A reader slept with a landing open when this came through the queue: let it read, and open it again.
        if (size >= STREAM_LANDING_MIN && stream->end[!side].landing)
            sched_yield();
    }
    if (done > 0)
        return (ssize_t)done;
    return stream_send_failed(stream, socket, message, status);
}

ssize_t stream_send_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    size_t size = message->data->resid;
    status_t status = check_send(stream, side, message);
    if (status == 0 && size > atomic_load_explicit(&socket->send_buffer, memory_order_relaxed) - 32)
        status = -EMSGSIZE;
    if (status == 0)
        status = stream_send_piece(stream, side, socket, message, size, false);
    return status == 0 ? (ssize_t)size : stream_send_failed(stream, socket, message, status);
}
