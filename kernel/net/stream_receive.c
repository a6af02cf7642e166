// SPDX-License-Identifier: MPL-2.0
// Receiving on streams.
//
// A reader that wants a whole packet takes it out of the queue in the same locked section that finds it. One that
// wants only part of it (or peeks) leaves it in, sets end->reading, copies, and comes back: while `reading` is set
// nobody else removes packets from that queue, not even close. A peek may begin further behind (SO_PEEK_OFF).
//
//   reader A (part)            reader B                close
//   reading = true
//   copies, unlocked           waits for !reading      closed = true, leaves the packets
//   start += n
//   reading = false, wakes B                           (A frees the packets on its way out)
#include "stream.h"

#include <object/flight.h>

void packet_take_ancillary(struct packet *packet, struct message *message, bool peek) {
    if (!message->ancillary)
        return;
    message->ancillary->credentials = packet->credentials;
    message->ancillary->has_credentials = true;
    if (!packet->rights)
        return;
    flight_lock();
    if (peek && packet->rights) { // a reader may have had them meanwhile
        message->ancillary->rights = parcel_copy(packet->rights);
    } else {
        message->ancillary->rights = packet->rights;
        packet->rights = nullptr;
    }
    flight_unlock();
}

// What a reader got hold of.
struct grip {
    struct packet *packet;
    size_t skip; // bytes of it that a peek passes over
    bool whole;  // it is out of the queue and ours; else end->reading is set
};

// There is something left for another reader; for which, only they know if some look further behind.
static void wake_next_reader(struct stream_end *mine) {
    if (UNLIKELY(mine->socket && atomic_load_explicit(&mine->socket->peek_offset, memory_order_relaxed) >= 0))
        wait_queue_wake_all(&mine->readers);
    else
        wait_queue_wake_one(&mine->readers);
}

static void uncharge(struct stream *stream, unsigned side, uint32_t charge) REQUIRES(&stream->lock) {
    struct stream_end *mine = &stream->end[side];
    bool was_drained = stream_has_drained(mine);
    mine->bytes -= charge;
    if (UNLIKELY(mine->paid > mine->bytes + STREAM_PAID_AHEAD))
        stream_pay_less(mine);
    if (UNLIKELY(!was_drained && stream_has_drained(mine))) {
        wait_queue_wake_all(&mine->writers);
        stream_end_update_locked(stream, !side);
    }
}

void stream_remove_first(struct stream *stream, unsigned side, struct packet *packet) {
    struct stream_end *mine = &stream->end[side];
    list_remove(&packet->node);
    if (UNLIKELY(mine->mark.packet == packet)) {
        mine->mark = (struct stream_mark){};
        stream_end_update_locked(stream, side);
    }
    uncharge(stream, side, packet->charge);
    if (list_is_empty(&mine->packets))
        stream_end_update_locked(stream, side);
    else
        wake_next_reader(mine);
}

// How to wait for a packet.
struct patience {
    bool may_wait; // else -EAGAIN
    nsec_t deadline;
    struct stream_landing *landing; // null: the data comes through the queue
    int32_t peek_offset;            // -1: at the first packet
};

// A TCP socket that is told so late that the other end takes nothing (EPIPE) has read the end of the stream before.
static status_t take_error(struct stream *stream, unsigned side) REQUIRES(&stream->lock) {
    struct socket *socket = stream->end[side].socket;
    if (LIKELY(!socket || atomic_load_explicit(&socket->error, memory_order_relaxed) == 0))
        return 0;
    if (stream->tcp && atomic_load_explicit(&socket->error, memory_order_relaxed) == EPIPE)
        return 0;
    return socket_take_error(socket);
}

// Is there nothing in the queue from the offset on?
ALWAYS_INLINE bool is_empty_from(const struct stream_end *end, int32_t offset) {
    size_t skip;
    return list_is_empty(&end->packets) || (UNLIKELY(offset >= 0) && !packet_find(&end->packets, offset, &skip));
}

// Waits until there is a packet, or data in the landing. 1: there is. 0: the end of the stream.
static int wait_for_packet(struct stream *stream, unsigned side, const struct patience *patience)
    REQUIRES(&stream->lock) {
    struct stream_end *mine = &stream->end[side];
    while (is_empty_from(mine, patience->peek_offset) || UNLIKELY(mine->reading)) {
        if (!mine->reading) {
            status_t error = take_error(stream, side);
            if (UNLIKELY(error != 0)) {
                stream_end_update_locked(stream, side);
                return error;
            }
            if (UNLIKELY(stream_receive_is_shut(stream, side)))
                return 0;
        }
        if (!patience->may_wait)
            return -EAGAIN;
        status_t status = patience->landing
                              ? stream_landing_wait(stream, side, patience->landing, patience->deadline)
                              : wait_queue_sleep(&mine->readers, &stream->lock, WAIT_INTERRUPTIBLE, patience->deadline);
        if (patience->landing && patience->landing->filled > 0)
            return 1;
        if (UNLIKELY(status != 0))
            return status;
    }
    return 1;
}

// Gets hold of the first packet. `wanted`: bytes; if that is all of it, and it carries no handles, it is taken out
// at once.
static int get_grip(struct stream *stream, unsigned side, struct message *message, size_t wanted, int32_t peek_offset,
                    struct grip *grip) REQUIRES(&stream->lock) {
    struct stream_end *mine = &stream->end[side];
    struct packet *packet = LIST_FIRST(&mine->packets, struct packet, node);
    grip->skip = 0;
    if (UNLIKELY(peek_offset >= 0))
        packet = packet_find(&mine->packets, peek_offset, &grip->skip);
    grip->packet = packet;
    grip->whole = !(message->flags & MSG_PEEK) && packet->size - packet->start <= wanted && !packet->rights;
    if (LIKELY(grip->whole))
        stream_remove_first(stream, side, packet);
    else
        mine->reading = true;
    return 1;
}

// Gives back what get_grip left in the queue. `consumed`: bytes read of it; `drop`: all of it (seqpacket).
static void release_grip(struct stream *stream, unsigned side, struct grip *grip, size_t consumed, bool drop) {
    struct stream_end *mine = &stream->end[side];
    struct packet *packet = grip->packet;
    struct list_node dead = LIST_INIT(dead);
    // What is left of its handles leaves the queue with it.
    bool rights = packet->rights != nullptr;
    if (rights)
        flight_lock();
    spin_lock(&stream->lock);
    packet->start += (uint32_t)consumed;
    mine->reading = false;
    if (drop || (consumed > 0 && packet->start == packet->size)) {
        stream_remove_first(stream, side, packet);
        list_push_back(&dead, &packet->node);
    }
    if (UNLIKELY(mine->closed)) {
        list_splice_back(&dead, &mine->packets);
        mine->mark = (struct stream_mark){};
    }
    wake_next_reader(mine);
    spin_unlock(&stream->lock);
    if (rights)
        flight_unlock();
    packet_destroy_all(&dead);
}

// Puts a packet that was taken out whole back: its reader's memory faulted.
static void return_packet(struct stream *stream, unsigned side, struct packet *packet, size_t consumed) {
    struct stream_end *mine = &stream->end[side];
    spin_lock(&stream->lock);
    packet->start += (uint32_t)consumed;
    bool closed = mine->closed;
    if (!closed) {
        list_push_front(&mine->packets, &packet->node);
        mine->bytes += packet->charge;
        stream_end_update_locked(stream, side);
        wake_next_reader(mine);
    }
    spin_unlock(&stream->lock);
    if (closed)
        packet_destroy(packet);
}

struct reading {
    struct stream *stream;
    unsigned side;
    size_t done, target;
    nsec_t deadline;
    int32_t peek_offset;    // -1: at the first byte
    bool check_credentials; // a stream read does not mix senders if they are asked for
    bool stop;
    struct stream_landing landing; // room 0: none
};

static bool is_at_mark(const struct stream_end *end) {
    return UNLIKELY(end->mark.packet != nullptr) && end->packets.next == &end->mark.packet->node;
}

// The first packet is urgent data. 1: the read begins with it or, if it is read apart, goes around it; 0: it ends here,
// before it; -EAGAIN: there is nothing behind it that could be looked at.
static int pass_mark(struct stream *stream, struct reading *read, struct message *message, struct packet **passed)
    REQUIRES(&stream->lock) {
    struct stream_end *mine = &stream->end[read->side];
    struct packet *first = LIST_FIRST(&mine->packets, struct packet, node);
    *passed = nullptr;
    if (read->done > 0)
        return 0;
    if (!stream_is_mark_apart(mine, first))
        return 1;
    if (message->flags & MSG_PEEK)
        return first->node.next == &mine->packets ? -EAGAIN : 1;
    stream_remove_first(stream, read->side, first);
    *passed = first;
    return 1;
}

// The next packet of a stream read; 1; 2: data has landed; 3: look again; 0: the read ends here; or an error.
static int next_packet(struct reading *read, struct message *message, struct grip *grip) {
    struct stream *stream = read->stream;
    spin_lock(&stream->lock);
    struct stream_landing *landing = read->landing.room > 0 ? &read->landing : nullptr;
    struct patience patience = {!(message->flags & MSG_DONTWAIT) && read->done < read->target, read->deadline, landing,
                                read->peek_offset};
    int result = wait_for_packet(stream, read->side, &patience);
    if (landing && landing->filled > 0) {
        spin_unlock(&stream->lock);
        return 2;
    }
    if (LIKELY(result > 0) && UNLIKELY(is_at_mark(&stream->end[read->side]))) {
        struct packet *passed;
        result = pass_mark(stream, read, message, &passed);
        if (result <= 0 || passed) {
            spin_unlock(&stream->lock);
            if (passed)
                packet_destroy(passed);
            return passed ? 3 : result;
        }
    }
    if (LIKELY(result > 0) && UNLIKELY(read->done > 0)) {
        struct packet *first = LIST_FIRST(&stream->end[read->side].packets, struct packet, node);
        const struct abi_ucred *before = message->ancillary ? &message->ancillary->credentials : nullptr;
        if (read->check_credentials && before &&
            (before->pid != first->credentials.pid || before->uid != first->credentials.uid))
            result = 0;
    }
    if (LIKELY(result > 0))
        result = get_grip(stream, read->side, message, message->data->resid, read->peek_offset, grip);
    spin_unlock(&stream->lock);
    return result;
}

// The packet behind `packet` in our queue, or null. While `reading` is set packets are only added.
static struct packet *following(struct stream *stream, unsigned side, struct packet *packet) {
    spin_lock(&stream->lock);
    struct list_node *next = packet->node.next;
    bool last = next == &stream->end[side].packets;
    spin_unlock(&stream->lock);
    return last ? nullptr : LIST_ENTRY(next, struct packet, node);
}

// MSG_PEEK goes on from the first packet to those behind it, up to one with handles.
static void peek_further(struct reading *read, struct message *message, struct packet *packet) {
    const struct stream_end *mine = &read->stream->end[read->side];
    while (message->data->resid > 0 && (packet = following(read->stream, read->side, packet)) && !packet->rights) {
        if (UNLIKELY(mine->mark.packet == packet))
            break;
        size_t size = MIN((size_t)(packet->size - packet->start), message->data->resid);
        size_t copied = packet_copy(packet, packet->start, message->data, size);
        read->done += copied;
        if (copied < size)
            break;
    }
}

// Copies one packet out. Returns bytes, or -EFAULT if none could be.
static ssize_t read_packet(struct reading *read, struct message *message, struct grip *grip) {
    struct packet *packet = grip->packet;
    size_t start = packet->start + grip->skip, size = MIN(packet->size - start, message->data->resid);
    if (UNLIKELY(!grip->whole && stream_is_mark_apart(&read->stream->end[read->side], packet)))
        size = 0; // looking, around the mark
    bool had_rights = packet->rights != nullptr;
    if (UNLIKELY(message->ancillary != nullptr) && (read->done == 0 || had_rights))
        packet_take_ancillary(packet, message, message->flags & MSG_PEEK);
    size_t copied = packet_copy(packet, start, message->data, size);
    read->stop = had_rights || copied < size || (message->flags & MSG_PEEK);
    if (UNLIKELY(message->flags & MSG_PEEK) && !had_rights && copied == size)
        peek_further(read, message, packet);
    if (!grip->whole)
        release_grip(read->stream, read->side, grip, message->flags & MSG_PEEK ? 0 : copied, false);
    else if (LIKELY(copied == size))
        packet_destroy(packet);
    else
        return_packet(read->stream, read->side, packet, copied);
    return copied > 0 || size == 0 ? (ssize_t)copied : -EFAULT;
}

// The sender has filled our buffer: move on behind it.
static ssize_t take_landed(struct reading *read, struct message *message) {
    size_t filled = read->landing.filled;
    message->data->vec->base += filled;
    message->data->vec->size -= filled;
    message->data->resid -= filled;
    read->stop = read->done + filled >= read->target;
    return (ssize_t)filled;
}

ssize_t stream_receive(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    nsec_t timeout = atomic_load_explicit(&socket->receive_timeout, memory_order_relaxed);
    size_t wanted = message->data->resid, low = atomic_load_explicit(&socket->receive_low_water, memory_order_relaxed);
    struct reading read = {.stream = stream,
                           .side = side,
                           .target = message->flags & MSG_WAITALL ? wanted : MIN(low, wanted),
                           .deadline = socket_deadline(timeout),
                           .peek_offset = socket_peek_offset(socket, message->flags),
                           .check_credentials = socket_option(socket, SO_PASSCRED)};
    int result = 0;
    while (message->data->resid > 0 && !read.stop) {
        struct grip grip;
        if (!stream_landing_offer(message, &read.landing))
            read.landing.room = 0;
        result = next_packet(&read, message, &grip);
        if (result <= 0)
            break;
        if (UNLIKELY(result == 3))
            continue;
        ssize_t copied = result == 2 ? take_landed(&read, message) : read_packet(&read, message, &grip);
        if (UNLIKELY(copied < 0)) {
            result = (int)copied;
            break;
        }
        read.done += (size_t)copied;
    }
    if (LIKELY(read.done > 0)) {
        socket_peek_moved(socket, message->flags & MSG_PEEK ? (int64_t)read.done : -(int64_t)read.done);
        return (ssize_t)read.done;
    }
    return result < 0 ? socket_interrupted(result, timeout) : 0;
}

ssize_t stream_receive_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    nsec_t timeout = atomic_load_explicit(&socket->receive_timeout, memory_order_relaxed);
    struct grip grip;
    struct patience patience = {!(message->flags & MSG_DONTWAIT), socket_deadline(timeout), nullptr,
                                socket_peek_offset(socket, message->flags)};
    spin_lock(&stream->lock);
    int result = wait_for_packet(stream, side, &patience);
    if (result > 0)
        result = get_grip(stream, side, message, SIZE_MAX, patience.peek_offset, &grip);
    if (result > 0 && message->flags & MSG_PEEK)
        grip.packet->peeked |= grip.packet->size == 0;
    spin_unlock(&stream->lock);
    if (result <= 0)
        return result < 0 ? socket_interrupted(result, timeout) : 0;
    struct packet *packet = grip.packet;
    bool peek = message->flags & MSG_PEEK;
    size_t full = packet->size - grip.skip, size = MIN(full, message->data->resid);
    packet_take_ancillary(packet, message, peek);
    size_t copied = packet_copy(packet, grip.skip, message->data, size);
    socket_peek_moved(socket, peek ? (int64_t)size : -(int64_t)full);
    if (grip.whole)
        packet_destroy(packet);
    else
        release_grip(stream, side, &grip, 0, !peek);
    if (copied < size)
        return -EFAULT;
    if (full > size)
        message->result |= MSG_TRUNC;
    return (ssize_t)(message->flags & MSG_TRUNC ? full : size);
}
