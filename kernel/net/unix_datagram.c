// SPDX-License-Identifier: MPL-2.0
// AF_UNIX datagrams: a queue at each receiver, bounded in number; and a send buffer at each sender, bounded in bytes.
//
// A datagram keeps its sender's socket referenced until it is read, for the send buffer. Sockets that are connected to
// each other (a pair) are bounded by the send buffer alone.
#include "unix_priv.h"

#include <sched/sched.h>

#define QUEUE_MAX 10 // net.unix.max_dgram_qlen

static bool has_room(struct unix_socket *socket) {
    uint32_t sent = atomic_load_explicit(&socket->sent, memory_order_relaxed);
    return sent <= atomic_load_explicit(&socket->socket.send_buffer, memory_order_relaxed) / 4;
}

void unix_sender_release(struct unix_socket *sender, uint32_t charge) {
    uint32_t left = atomic_fetch_sub_explicit(&sender->sent, charge, memory_order_relaxed) - charge;
    charge_trim(&sender->memory, stream_pages(left));
    if (has_room(sender)) {
        spin_lock(&sender->lock);
        wait_queue_wake_all(&sender->writers);
        if (!atomic_load_explicit(&sender->is_blocked, memory_order_relaxed) &&
            !(object_signals(&sender->socket.object) & SIGNAL_WRITABLE))
            object_signal(&sender->socket.object, 0, SOCKET_WRITABLE);
        spin_unlock(&sender->lock);
    }
    unix_put(sender);
}

// Looks again under the lock: if the receiver has just made room, it has seen the signal up and left it so. -ENOMEM:
// the sender's job cannot pay.
static status_t charge_sender(struct unix_socket *socket, uint32_t charge) {
    uint32_t sent = atomic_fetch_add_explicit(&socket->sent, charge, memory_order_relaxed) + charge;
    if (UNLIKELY(!charge_cover(&socket->memory, stream_pages(sent)))) {
        atomic_fetch_sub_explicit(&socket->sent, charge, memory_order_relaxed);
        return -ENOMEM;
    }
    if (has_room(socket))
        return 0;
    spin_lock(&socket->lock);
    if (!has_room(socket))
        object_signal(&socket->socket.object, SOCKET_WRITABLE, 0);
    spin_unlock(&socket->lock);
    return 0;
}

// --- senders that poll for room in another's queue ---

// The sender was refused: it is not writable until the receiver reads.
static void block_sender_locked(struct unix_socket *receiver, struct unix_socket *sender) REQUIRES(&receiver->lock) {
    // Acquires the list node from whoever unblocked the sender, perhaps on behalf of another receiver.
    if (atomic_exchange_explicit(&sender->is_blocked, true, memory_order_acquire))
        return;
    unix_get(sender);
    list_push_back(&receiver->blocked, &sender->blocked_node);
    object_signal(&sender->socket.object, SOCKET_WRITABLE, 0);
}

// Tells senders that were refused that there is room. No lock is held: dropping a reference may destroy a socket.
static void unblock_senders(struct list_node *senders) {
    struct list_node *node;
    while ((node = list_pop_front(senders))) {
        struct unix_socket *sender = LIST_ENTRY(node, struct unix_socket, blocked_node);
        atomic_store_explicit(&sender->is_blocked, false, memory_order_release); // the node is free again
        object_signal(&sender->socket.object, 0, SOCKET_WRITABLE);
        unix_put(sender);
    }
}

// --- sending ---

// The receiver, referenced.
static status_t find_receiver(struct unix_socket *socket, const struct address *address, struct unix_socket **out) {
    if (address && address->size > 0)
        return unix_find(address, SOCK_DGRAM, out);
    spin_lock(&socket->lock);
    *out = socket->peer;
    if (*out)
        unix_get(*out);
    spin_unlock(&socket->lock);
    return *out ? 0 : -ENOTCONN;
}

static status_t wait_for_buffer(struct unix_socket *socket, struct message *message, nsec_t deadline) {
    status_t status = 0;
    spin_lock(&socket->lock);
    while (status == 0) {
        uint32_t limit = atomic_load_explicit(&socket->socket.send_buffer, memory_order_relaxed);
        if (socket->shut_write)
            status = -EPIPE;
        else if (atomic_load_explicit(&socket->sent, memory_order_relaxed) < limit)
            break;
        else if (message->flags & MSG_DONTWAIT)
            status = -EAGAIN;
        else
            status = wait_queue_sleep(&socket->writers, &socket->lock, WAIT_INTERRUPTIBLE, deadline);
    }
    spin_unlock(&socket->lock);
    return status;
}

static status_t wait_for_queue(struct unix_socket *to, struct unix_socket *from, struct message *message,
                               nsec_t deadline) REQUIRES(&to->lock) {
    for (;;) {
        if (to->state == UNIX_CLOSED)
            return -ECONNREFUSED;
        if (to->shut_read)
            return -EPIPE;
        if (to->peer && to->peer != from)
            return -EPERM;
        if (to->peer == from || to->packet_count <= QUEUE_MAX)
            return 0;
        if (message->flags & MSG_DONTWAIT) {
            block_sender_locked(to, from);
            return -EAGAIN;
        }
        status_t status = wait_queue_sleep(&to->senders, &to->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status;
    }
}

// Queues the packet, which it takes over on success only. gc.lock is held if it carries handles, and then it may not
// wait, so the first attempt is made without.
static status_t enqueue(struct unix_socket *to, struct unix_socket *from, struct packet *packet,
                        struct message *message, nsec_t deadline) {
    spin_lock(&to->lock);
    status_t status = wait_for_queue(to, from, message, deadline);
    spin_unlock(&to->lock);
    if (status != 0)
        return status;
    if (packet->rights)
        flight_lock();
    spin_lock(&to->lock);
    if (to->state == UNIX_CLOSED) {
        status = -ECONNREFUSED;
    } else {
        list_push_back(&to->packets, &packet->node);
        to->packet_count++;
        socket_wake_reader(&to->socket, &to->readers);
        object_signal(&to->socket.object, 0, SIGNALS_READ);
    }
    spin_unlock(&to->lock);
    if (packet->rights)
        flight_unlock();
    return status;
}

static status_t make_packet(struct unix_socket *socket, struct message *message, struct packet **out) {
    struct packet *packet;
    status_t status = packet_create(message->data, message->data->resid, &packet);
    if (status != 0)
        return status;
    status = charge_sender(socket, packet->charge);
    if (status != 0) {
        packet_destroy(packet);
        return status;
    }
    struct ancillary *ancillary = message->ancillary;
    packet->credentials = ancillary && ancillary->has_credentials ? ancillary->credentials : socket_credentials();
    if (ancillary) {
        packet->rights = ancillary->rights;
        ancillary->rights = nullptr;
    }
    spin_lock(&socket->lock);
    packet->from = socket->name;
    if (packet->from)
        refcount_up(&packet->from->ref);
    spin_unlock(&socket->lock);
    unix_get(socket);
    packet->sender = socket;
    *out = packet;
    return 0;
}

// The receiver is gone: the socket is not connected to it any more.
static void disconnect_from(struct unix_socket *socket, struct unix_socket *dead) {
    spin_lock(&socket->lock);
    bool was_peer = socket->peer == dead;
    if (was_peer)
        socket->peer = nullptr;
    spin_unlock(&socket->lock);
    if (was_peer)
        unix_put(dead);
}

ssize_t unix_datagram_send(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base), *to;
    struct packet *packet;
    size_t size = message->data->resid;
    nsec_t timeout = atomic_load_explicit(&base->send_timeout, memory_order_relaxed);
    nsec_t deadline = socket_deadline(timeout);
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    status_t status = find_receiver(socket, message->address, &to);
    if (status != 0)
        return status;
    if (socket_option(base, SO_PASSCRED))
        status = unix_autobind(socket);
    if (status == 0 && size > atomic_load_explicit(&base->send_buffer, memory_order_relaxed) - 32)
        status = -EMSGSIZE;
    if (status == 0)
        status = wait_for_buffer(socket, message, deadline);
    if (status == 0)
        status = make_packet(socket, message, &packet);
    if (status == 0) {
        status = enqueue(to, socket, packet, message, deadline);
        if (status != 0)
            packet_destroy(packet);
    }
    if (status == -ECONNREFUSED)
        disconnect_from(socket, to);
    unix_put(to);
    return status == 0 ? (ssize_t)size : socket_interrupted(status, timeout);
}

// --- receiving ---

// Finds the packet that is to be read or looked at; *skip: its bytes that a peek passes over.
static status_t wait_for_datagram(struct unix_socket *socket, struct message *message, nsec_t deadline,
                                  struct packet **out, size_t *skip) REQUIRES(&socket->lock) {
    while (!(*out = packet_find(&socket->packets, socket_peek_offset(&socket->socket, message->flags), skip))) {
        status_t error = socket_take_error(&socket->socket);
        if (error != 0)
            return error;
        if (message->flags & MSG_DONTWAIT)
            return -EAGAIN;
        if (socket->shut_read)
            return -ESHUTDOWN; // the caller's end of file
        status_t status = wait_queue_sleep(&socket->readers, &socket->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status;
    }
    return 0;
}

static void remove_first(struct unix_socket *socket, struct packet *packet, struct list_node *unblocked)
    REQUIRES(&socket->lock) {
    list_remove(&packet->node);
    socket->packet_count--;
    if (list_is_empty(&socket->packets) && !socket->shut_read)
        object_signal(&socket->socket.object, SIGNALS_READ, 0);
    if (socket->packet_count <= QUEUE_MAX) {
        wait_queue_wake_one(&socket->senders);
        list_splice_back(unblocked, &socket->blocked);
    }
}

// A packet to look at, which stays where it is.
static status_t peek_packet(struct unix_socket *socket, struct message *message, nsec_t deadline,
                            struct packet **packet, size_t *skip) {
    spin_lock(&socket->lock);
    status_t status = wait_for_datagram(socket, message, deadline, packet, skip);
    if (status == 0) {
        packet_hold(*packet);
        socket_wake_reader(&socket->socket, &socket->readers); // it is there for another one still
    }
    spin_unlock(&socket->lock);
    return status;
}

static status_t take_packet(struct unix_socket *socket, struct message *message, nsec_t deadline,
                            struct packet **packet) {
    status_t status;
    size_t skip;
    // The collector counts what lies in queues: packets leave only under its lock. Waiting happens without it.
    for (;;) {
        spin_lock(&socket->lock);
        status = wait_for_datagram(socket, message, deadline, packet, &skip);
        spin_unlock(&socket->lock);
        if (status != 0)
            return status;
        flight_lock();
        spin_lock(&socket->lock);
        struct list_node unblocked = LIST_INIT(unblocked);
        *packet = packet_find(&socket->packets, -1, &skip);
        if (*packet)
            remove_first(socket, *packet, &unblocked);
        spin_unlock(&socket->lock);
        flight_unlock();
        unblock_senders(&unblocked);
        if (*packet)
            return 0;
    }
}

ssize_t unix_datagram_receive(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base);
    struct packet *packet;
    bool peek = message->flags & MSG_PEEK;
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    if (message->flags & MSG_OOB)
        return -EOPNOTSUPP;
    nsec_t deadline = socket_deadline(timeout);
    size_t skip = 0;
    status_t status =
        peek ? peek_packet(socket, message, deadline, &packet, &skip) : take_packet(socket, message, deadline, &packet);
    if (status != 0)
        return status == -ESHUTDOWN ? 0 : socket_interrupted(status, timeout);
    size_t full = packet->size - skip, size = MIN(full, message->data->resid);
    packet_take_ancillary(packet, message, peek);
    if (message->address) {
        message->address->size = 0;
        if (packet->from)
            unix_name_to_address(packet->from, message->address);
    }
    size_t copied = packet_copy(packet, skip, message->data, size);
    socket_peek_moved(base, peek ? (int64_t)size : -(int64_t)full);
    packet_destroy(packet);
    if (copied < size)
        return -EFAULT;
    if (full > size)
        message->result |= MSG_TRUNC;
    return (ssize_t)(message->flags & MSG_TRUNC ? full : size);
}

// --- connecting, shutdown, close ---

static void set_peer(struct unix_socket *socket, struct unix_socket *peer) {
    spin_lock(&socket->lock);
    struct unix_socket *old = socket->peer;
    socket->peer = peer;
    spin_unlock(&socket->lock);
    if (old)
        unix_put(old);
}

status_t unix_datagram_connect(struct socket *base, const struct address *address, bool nonblock) {
    struct unix_socket *socket = to_unix(base), *peer;
    if (address->size < sizeof(address->family))
        return -EINVAL;
    if (address->family == AF_UNSPEC) {
        set_peer(socket, nullptr);
        return 0;
    }
    status_t status = 0;
    if (socket_option(base, SO_PASSCRED))
        status = unix_autobind(socket);
    if (status == 0)
        status = unix_find(address, SOCK_DGRAM, &peer);
    if (status != 0)
        return status;
    spin_lock(&peer->lock);
    bool allowed = !peer->peer || peer->peer == socket;
    spin_unlock(&peer->lock);
    if (!allowed) {
        unix_put(peer);
        return -EPERM;
    }
    set_peer(socket, peer);
    return 0;
}

status_t unix_datagram_pair(struct unix_socket *a, struct unix_socket *b) {
    unix_get(a);
    unix_get(b);
    set_peer(a, b);
    set_peer(b, a);
    return 0;
}

status_t unix_datagram_shutdown(struct socket *base, bool read, bool write) {
    struct unix_socket *socket = to_unix(base);
    spin_lock(&socket->lock);
    socket->shut_read |= read;
    socket->shut_write |= write;
    wait_queue_wake_all(&socket->readers);
    wait_queue_wake_all(&socket->writers);
    wait_queue_wake_all(&socket->senders);
    uint32_t set = socket->shut_read ? SIGNALS_READ | SIGNAL_READ_HANGUP : 0;
    if (socket->shut_read && socket->shut_write)
        set |= SIGNAL_HANGUP;
    object_signal(&base->object, 0, set);
    spin_unlock(&socket->lock);
    return 0;
}

void unix_datagram_close(struct unix_socket *socket) {
    struct list_node dead = LIST_INIT(dead), unblocked = LIST_INIT(unblocked);
    flight_lock();
    spin_lock(&socket->lock);
    list_splice_back(&dead, &socket->packets);
    list_splice_back(&unblocked, &socket->blocked);
    socket->packet_count = 0;
    wait_queue_wake_all(&socket->readers);
    wait_queue_wake_all(&socket->senders);
    wait_queue_wake_all(&socket->writers);
    spin_unlock(&socket->lock);
    flight_unlock();
    unblock_senders(&unblocked);
    set_peer(socket, nullptr);
    packet_destroy_all(&dead);
}
