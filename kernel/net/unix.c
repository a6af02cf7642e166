// SPDX-License-Identifier: MPL-2.0
// AF_UNIX: making sockets, pairs, closing, options; the tables of operations.
#include "unix_priv.h"

#include <arch/uaccess.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <net/net.h>
#include <object/task.h>

CHARGED_CACHE(unix_slab, struct unix_socket);

struct unix_socket *unix_alloc(int type, struct memory_account *payer) {
    struct unix_socket *socket = charged_alloc_zero(&unix_slab);
    if (!socket)
        return nullptr;
    bool datagram = type == SOCK_DGRAM;
    socket_init(&socket->socket, datagram ? &unix_datagram_ops : &unix_stream_ops, AF_UNIX, type);
    list_init(&socket->backlog);
    list_init(&socket->backlog_node);
    list_init(&socket->packets);
    list_init(&socket->blocked);
    list_init(&socket->blocked_node);
    wait_queue_init(&socket->accepters);
    wait_queue_init(&socket->connecters);
    wait_queue_init(&socket->readers);
    wait_queue_init(&socket->senders);
    wait_queue_init(&socket->writers);
    // An unconnected stream socket is writable and hung up, as Linux's poll has it.
    object_signal(&socket->socket.object, 0, datagram ? SOCKET_WRITABLE : SOCKET_WRITABLE | SIGNAL_HANGUP);
    socket->scope = job_scope_current();
    charge_init(&socket->memory, payer);
    flight_init(&socket->flight, &socket->socket.object, &unix_flight_ops);
    flight_add(&socket->flight);
    return socket;
}

static status_t unix_create(int type, int protocol, struct socket **out) {
    if (protocol != 0 && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type == SOCK_RAW)
        type = SOCK_DGRAM;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    struct unix_socket *socket = unix_alloc(type, account_current());
    if (!socket)
        return -ENOMEM;
    *out = &socket->socket;
    return 0;
}

static status_t unix_pair(struct socket *a, struct socket *b) {
    struct unix_socket *first = to_unix(a), *second = to_unix(b);
    struct abi_ucred mine = socket_credentials();
    first->peer_credentials = second->peer_credentials = mine;
    first->has_peer_credentials = second->has_peer_credentials = true;
    return unix_is_datagram(first) ? unix_datagram_pair(first, second) : unix_stream_pair(first, second);
}

static void close_connection(struct unix_socket *socket) {
    struct stream *connection = unix_connection_of(socket);
    if (connection)
        (void)stream_close(connection, socket->side, false);
}

static void unix_closed(struct socket *base) {
    struct unix_socket *socket = to_unix(base);
    unix_name_release(socket);
    spin_lock(&socket->lock);
    bool listening = socket->state == UNIX_LISTENING;
    socket->state = UNIX_CLOSED;
    spin_unlock(&socket->lock);
    if (listening)
        unix_listener_close(socket);
    if (unix_is_datagram(socket))
        unix_datagram_close(socket);
    else
        close_connection(socket);
    flight_collect(nullptr);
}

static void unix_handle_closed(struct socket *socket) {
    struct unix_socket *self = to_unix(socket);
    if (UNLIKELY(atomic_load_explicit(&self->flight.passed, memory_order_relaxed)))
        flight_collect(&self->flight);
}

static struct flight *unix_flight(struct socket *socket) {
    return &to_unix(socket)->flight;
}

static void unix_destroy(struct socket *base) {
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = unix_connection_of(socket);
    flight_remove(&socket->flight);
    if (connection) {
        if (!connection->end[socket->side].closed) // it connected while it was being closed
            (void)stream_close(connection, socket->side, false);
        unix_name_leave(socket, connection);
        stream_leave(connection, socket->side);
    }
    charge_fini(&socket->memory);
    if (socket->name)
        unix_name_put(socket->name);
    if (socket->peer_name)
        unix_name_put(socket->peer_name);
    charged_free(&unix_slab, socket);
}

// --- options and ioctls ---

static void unix_options_changed(struct socket *base) {
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = unix_connection_of(socket);
    if (connection)
        stream_sizes_changed(connection);
}

static status_t unix_get_option(struct socket *base, int level, int name, void *value, size_t *size) {
    struct unix_socket *socket = to_unix(base);
    if (level != SOL_SOCKET)
        return -EOPNOTSUPP;
    spin_lock(&socket->lock);
    struct abi_ucred peer = socket->peer_credentials;
    bool has_peer = socket->has_peer_credentials;
    int32_t listening = socket->state == UNIX_LISTENING;
    spin_unlock(&socket->lock);
    if (name == SO_PEERCRED) {
        if (!has_peer)
            peer = (struct abi_ucred){0, ~0u, ~0u};
        *size = MIN(*size, sizeof(peer));
        memcpy(value, &peer, *size);
        return 0;
    }
    if (name == SO_ACCEPTCONN) {
        *size = MIN(*size, sizeof(listening));
        memcpy(value, &listening, *size);
        return 0;
    }
    return -ENOPROTOOPT;
}

static uint32_t unread_bytes(struct unix_socket *socket) {
    struct stream *connection = unix_connection_of(socket);
    if (connection)
        return stream_unread(connection, socket->side, socket->socket.type == SOCK_SEQPACKET);
    spin_lock(&socket->lock);
    uint32_t size = list_is_empty(&socket->packets) ? 0 : LIST_FIRST(&socket->packets, struct packet, node)->size;
    spin_unlock(&socket->lock);
    return size;
}

static uint32_t unsent_bytes(struct unix_socket *socket) {
    struct stream *connection = unix_connection_of(socket);
    return connection ? stream_unsent(connection, socket->side)
                      : atomic_load_explicit(&socket->sent, memory_order_relaxed);
}

static long unix_ioctl(struct socket *base, unsigned command, unsigned long argument) {
    struct unix_socket *socket = to_unix(base);
    switch (command) {
    case SIOCINQ:
        spin_lock(&socket->lock);
        bool listening = socket->state == UNIX_LISTENING;
        spin_unlock(&socket->lock);
        return listening ? -EINVAL : put_user((int32_t)unread_bytes(socket), (int32_t __user *)argument);
    case SIOCOUTQ:
        return put_user((int32_t)unsent_bytes(socket), (int32_t __user *)argument);
    default:
        return -ENOTTY;
    }
}

const struct socket_ops unix_stream_ops = {
    .peeks_at = true,
    .bind = unix_bind,
    .connect = unix_stream_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .get_name = unix_get_name,
    .shutdown = unix_stream_shutdown,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .get_option = unix_get_option,
    .ioctl = unix_ioctl,
    .options_changed = unix_options_changed,
    .closed = unix_closed,
    .handle_closed = unix_handle_closed,
    .flight = unix_flight,
    .destroy = unix_destroy,
};

const struct socket_ops unix_datagram_ops = {
    .peeks_at = true,
    .bind = unix_bind,
    .connect = unix_datagram_connect,
    .get_name = unix_get_name,
    .shutdown = unix_datagram_shutdown,
    .send = unix_datagram_send,
    .receive = unix_datagram_receive,
    .get_option = unix_get_option,
    .ioctl = unix_ioctl,
    .closed = unix_closed,
    .handle_closed = unix_handle_closed,
    .flight = unix_flight,
    .destroy = unix_destroy,
};

static const struct socket_family unix_family = {.number = AF_UNIX, .create = unix_create, .pair = unix_pair};

void unix_init(void) {
    socket_family_register(&unix_family);
    unix_proc_init();
}
