// SPDX-License-Identifier: MPL-2.0
// The state of a stream's ends: making them, readiness, shutdown, close.
#include "stream.h"

#include <mm/charged.h>
#include <mm/slab.h>
#include <object/flight.h>

// What may lie unread at one end: AF_UNIX knows the sender's buffer only, TCP has the receiver's behind it.
static uint32_t limit_of(const struct stream *stream, struct socket *sender, struct socket *receiver) {
    uint32_t send = atomic_load_explicit(&sender->send_buffer, memory_order_relaxed);
    return stream->tcp ? send + atomic_load_explicit(&receiver->receive_buffer, memory_order_relaxed) : send;
}

static void init_end(struct stream *stream, unsigned side, struct stream_party me, struct stream_party other) {
    struct stream_end *end = &stream->end[side];
    list_init(&end->packets);
    wait_queue_init(&end->readers);
    wait_queue_init(&end->writers);
    end->socket = me.socket;
    charge_init(&end->memory, other.payer);
    end->limit = limit_of(stream, other.socket, me.socket);
}

struct stream *stream_create(struct stream_party a, struct stream_party b, bool tcp) {
    struct stream *stream = kzalloc_charged(sizeof(*stream));
    if (!stream)
        return nullptr;
    refcount_init(&stream->ref, 2);
    stream->tcp = tcp;
    init_end(stream, 0, a, b);
    init_end(stream, 1, b, a);
    return stream;
}

void stream_retire(struct stream *stream, unsigned side) {
    spin_lock(&stream->lock);
    stream->end[side].socket = nullptr;
    spin_unlock(&stream->lock);
}

static bool is_idle(const struct stream_end *end) {
    struct stream_end *queues = (struct stream_end *)end;
    return list_is_empty(&end->packets) && !end->reading && !end->landing && wait_queue_is_empty(&queues->readers) &&
           wait_queue_is_empty(&queues->writers);
}

bool stream_renew(struct stream *stream, struct stream_party a, struct stream_party b) {
    spin_lock(&stream->lock);
    bool idle = refcount_value(&stream->ref) == 1 && is_idle(&stream->end[0]) && is_idle(&stream->end[1]);
    if (idle) {
        refcount_init(&stream->ref, 2);
        for (unsigned side = 0; side < 2; side++) {
            charge_fini(&stream->end[side].memory);
            stream->end[side] = (struct stream_end){};
        }
        init_end(stream, 0, a, b);
        init_end(stream, 1, b, a);
    }
    spin_unlock(&stream->lock);
    return idle;
}

void stream_leave(struct stream *stream, unsigned side) {
    stream_retire(stream, side);
    stream_drop(stream);
}

void stream_drop(struct stream *stream) {
    if (!refcount_down(&stream->ref))
        return;
    charge_fini(&stream->end[0].memory);
    charge_fini(&stream->end[1].memory);
    kfree(stream);
}

void stream_end_update_locked(struct stream *stream, unsigned side) {
    const struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    if (!mine->socket)
        return;
    struct object *object = &mine->socket->object;
    uint32_t now = 0;
    bool no_more = stream_receive_is_shut(stream, side), send_shut = stream_send_is_shut(stream, side);
    if (no_more || stream_has_data(mine))
        now |= SIGNALS_READ;
    if (UNLIKELY(mine->mark.packet != nullptr) && !mine->mark.taken)
        now |= SIGNAL_PRIORITY;
    if (stream_has_drained(other) || (stream->tcp && send_shut))
        now |= SOCKET_WRITABLE;
    if (no_more)
        now |= SIGNAL_READ_HANGUP;
    if (no_more && send_shut)
        now |= SIGNAL_HANGUP;
    if (atomic_load_explicit(&mine->socket->error, memory_order_relaxed) != 0)
        now |= SIGNAL_ERROR;
    uint32_t before = object_signals(object) & SOCKET_SIGNALS;
    if (before != now)
        object_signal(object, before & ~now, now & ~before);
}

void stream_queue_emptied_locked(struct stream_end *end) {
    end->mark = (struct stream_mark){};
    end->bytes = 0;
    (void)charge_set(&end->memory, 0); // gives back
    end->paid = 0;
}

static void count_paid(struct stream_end *end) {
    int64_t pages = atomic_load_explicit(&end->memory.charged, memory_order_relaxed);
    end->paid = (uint32_t)(MIN(pages, (int64_t)(UINT32_MAX >> PAGE_SHIFT)) << PAGE_SHIFT);
}

bool stream_pay(struct stream_end *end, uint32_t bytes) {
    bool paid = charge_cover(&end->memory, stream_pages(bytes));
    count_paid(end);
    return paid;
}

void stream_pay_less(struct stream_end *end) {
    charge_shrink(&end->memory, stream_pages(end->bytes));
    count_paid(end);
}

static void wake_all_locked(struct stream *stream) REQUIRES(&stream->lock) {
    for (unsigned side = 0; side < 2; side++) {
        wait_queue_wake_all(&stream->end[side].readers);
        wait_queue_wake_all(&stream->end[side].writers);
    }
}

static bool has_finished(const struct stream_end *end) {
    return end->shut_write || end->closed;
}

static void finish_locked(struct stream *stream, unsigned side) REQUIRES(&stream->lock) {
    stream->end[side].finished_first |= !has_finished(&stream->end[!side]);
    stream->end[side].shut_write = true;
}

void stream_shutdown(struct stream *stream, unsigned side, bool read, bool write) {
    spin_lock(&stream->lock);
    stream->end[side].shut_read |= read;
    if (write)
        finish_locked(stream, side);
    wake_all_locked(stream);
    stream_end_update_locked(stream, 0);
    stream_end_update_locked(stream, 1);
    spin_unlock(&stream->lock);
}

void stream_reset_locked(struct stream *stream, unsigned side, int error) {
    struct stream_end *mine = &stream->end[side];
    mine->reset = true;
    if (mine->socket)
        atomic_store_explicit(&mine->socket->error, error, memory_order_relaxed);
    wake_all_locked(stream);
    stream_end_update_locked(stream, side);
}

enum stream_close stream_close(struct stream *stream, unsigned side, bool reset) {
    struct list_node dead = LIST_INIT(dead);
    flight_lock();
    spin_lock(&stream->lock);
    struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    bool orderly = list_is_empty(&mine->packets) && !reset && !mine->reset;
    bool had_finished = mine->shut_write;
    enum stream_close result = !orderly               ? STREAM_ABORTED
                               : !has_finished(other) ? STREAM_HALF
                               : mine->finished_first ? STREAM_FINISHED_FIRST
                                                      : STREAM_FINISHED_LAST;
    if (orderly)
        finish_locked(stream, side);
    mine->closed = true;
    if (!mine->reading) {
        list_splice_back(&dead, &mine->packets);
        stream_queue_emptied_locked(mine);
    }
    if (!orderly && stream->tcp && !other->closed && !mine->reset)
        stream_reset_locked(stream, !side, had_finished ? EPIPE : ECONNRESET);
    else if (!orderly && !stream->tcp && other->socket)
        atomic_store_explicit(&other->socket->error, ECONNRESET, memory_order_relaxed);
    wake_all_locked(stream);
    stream_end_update_locked(stream, !side);
    spin_unlock(&stream->lock);
    flight_unlock();
    packet_destroy_all(&dead);
    return result;
}

void stream_sizes_changed(struct stream *stream) {
    spin_lock(&stream->lock);
    struct stream_end *end = stream->end;
    for (unsigned side = 0; side < 2; side++)
        if (end[0].socket && end[1].socket)
            end[side].limit = limit_of(stream, end[!side].socket, end[side].socket);
    wake_all_locked(stream);
    stream_end_update_locked(stream, 0);
    stream_end_update_locked(stream, 1);
    spin_unlock(&stream->lock);
}

bool stream_is_over(struct stream *stream, unsigned side) {
    spin_lock(&stream->lock);
    const struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    bool over = mine->reset || (mine->shut_write && (other->shut_write || other->closed));
    spin_unlock(&stream->lock);
    return over;
}

uint32_t stream_unread(struct stream *stream, unsigned side, bool first_only) {
    struct packet *packet;
    uint32_t total = 0;
    spin_lock(&stream->lock);
    LIST_FOR_EACH(packet, &stream->end[side].packets, node) {
        if (UNLIKELY(stream_is_mark_apart(&stream->end[side], packet)))
            break;
        total += packet->size - packet->start;
        if (first_only)
            break;
    }
    spin_unlock(&stream->lock);
    return total;
}

uint32_t stream_unsent(struct stream *stream, unsigned side) {
    spin_lock(&stream->lock);
    uint32_t total = stream->end[!side].bytes;
    spin_unlock(&stream->lock);
    return total;
}
