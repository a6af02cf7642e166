// SPDX-License-Identifier: MPL-2.0
// The state of a connection's ends: readiness, shutdown, close.
#include "unix_priv.h"

void unix_end_update_locked(struct unix_connection *connection, unsigned side) {
    const struct unix_end *mine = &connection->end[side], *other = &connection->end[!side];
    if (!mine->socket)
        return;
    struct object *object = &mine->socket->socket.object;
    uint32_t now = 0;
    bool no_more = unix_receive_is_shut(mine, other);
    if (no_more || !list_is_empty(&mine->packets))
        now |= SIGNALS_READ;
    if (unix_has_drained(other))
        now |= UNIX_WRITABLE;
    if (no_more)
        now |= SIGNAL_READ_HANGUP;
    if (no_more && unix_send_is_shut(mine, other))
        now |= SIGNAL_HANGUP;
    if (atomic_load_explicit(&mine->socket->socket.error, memory_order_relaxed) != 0)
        now |= SIGNAL_ERROR;
    uint32_t before = object_signals(object) & UNIX_SIGNALS;
    if (before != now)
        object_signal(object, before & ~now, now & ~before);
}

void unix_queue_emptied_locked(struct unix_end *end) {
    end->bytes = 0;
    (void)charge_set(&end->memory, 0); // gives back
    end->paid = 0;
}

static void count_paid(struct unix_end *end) {
    int64_t pages = atomic_load_explicit(&end->memory.charged, memory_order_relaxed);
    end->paid = (uint32_t)(MIN(pages, (int64_t)(UINT32_MAX >> PAGE_SHIFT)) << PAGE_SHIFT);
}

bool unix_pay(struct unix_end *end, uint32_t bytes) {
    bool paid = charge_cover(&end->memory, unix_pages(bytes));
    count_paid(end);
    return paid;
}

void unix_pay_less(struct unix_end *end) {
    charge_shrink(&end->memory, unix_pages(end->bytes));
    count_paid(end);
}

status_t unix_stream_shutdown(struct socket *base, bool read, bool write) {
    struct unix_socket *socket = to_unix(base);
    struct unix_connection *connection = unix_connection_of(socket);
    if (!connection) // Linux lets it pass, and remembers
        return unix_datagram_shutdown(base, read, write);
    spin_lock(&connection->lock);
    struct unix_end *mine = &connection->end[socket->side], *other = &connection->end[!socket->side];
    mine->shut_read |= read;
    mine->shut_write |= write;
    wait_queue_wake_all(&mine->readers);
    wait_queue_wake_all(&mine->writers);
    wait_queue_wake_all(&other->readers);
    wait_queue_wake_all(&other->writers);
    unix_end_update_locked(connection, 0);
    unix_end_update_locked(connection, 1);
    spin_unlock(&connection->lock);
    return 0;
}

void unix_stream_close(struct unix_socket *socket) {
    struct unix_connection *connection = unix_connection_of(socket);
    struct list_node dead = LIST_INIT(dead);
    if (!connection)
        return;
    flight_lock();
    spin_lock(&connection->lock);
    struct unix_end *mine = &connection->end[socket->side], *other = &connection->end[!socket->side];
    mine->closed = true;
    if (!list_is_empty(&mine->packets) && other->socket)
        atomic_store_explicit(&other->socket->socket.error, ECONNRESET, memory_order_relaxed);
    if (!mine->reading) {
        list_splice_back(&dead, &mine->packets);
        unix_queue_emptied_locked(mine);
    }
    wait_queue_wake_all(&mine->readers);
    wait_queue_wake_all(&mine->writers);
    wait_queue_wake_all(&other->readers);
    wait_queue_wake_all(&other->writers);
    unix_end_update_locked(connection, !socket->side);
    spin_unlock(&connection->lock);
    flight_unlock();
    packet_destroy_all(&dead);
}
