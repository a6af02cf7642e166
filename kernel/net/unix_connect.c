// SPDX-License-Identifier: MPL-2.0
// Connecting AF_UNIX stream and seqpacket sockets.
//
// connect makes the other side's socket itself and queues it at the listener; it does not wait for accept. From then on
// both sides may send. accept only gives the socket a handle.
#include "unix_priv.h"

#include <mm/charged.h>
#include <mm/slab.h>

static struct stream *make_connection(struct unix_socket *a, struct unix_socket *b) {
    return stream_create((struct stream_party){&a->socket, a->memory.account},
                         (struct stream_party){&b->socket, b->memory.account}, false);
}

// The socket has its connection: data may flow.
static void attach(struct unix_socket *socket, struct stream *connection, unsigned side) {
    socket->side = (uint8_t)side;
    atomic_store_explicit(&socket->connection, connection, memory_order_release);
    spin_lock(&socket->lock);
    socket->state = UNIX_CONNECTED;
    spin_unlock(&socket->lock);
    spin_lock(&connection->lock);
    stream_end_update_locked(connection, side);
    spin_unlock(&connection->lock);
}

status_t unix_stream_pair(struct unix_socket *a, struct unix_socket *b) {
    struct stream *connection = make_connection(a, b);
    if (!connection)
        return -ENOMEM;
    attach(a, connection, 0);
    attach(b, connection, 1);
    return 0;
}

// --- listen, accept ---

status_t unix_listen(struct socket *base, int backlog) {
    struct unix_socket *socket = to_unix(base);
    struct abi_ucred mine = socket_credentials();
    status_t status = 0;
    spin_lock(&socket->lock);
    if (!socket->name || (socket->state != UNIX_UNCONNECTED && socket->state != UNIX_LISTENING)) {
        status = -EINVAL;
    } else {
        if ((unsigned)backlog > socket->backlog_max)
            wait_queue_wake_all(&socket->connecters);
        socket->backlog_max = (unsigned)backlog;
        socket->state = UNIX_LISTENING;
        socket->own_credentials = mine;
        // Linux reports a listener's own identity as its peer's, too.
        socket->peer_credentials = mine;
        socket->has_peer_credentials = true;
        uint32_t readable = list_is_empty(&socket->backlog) ? 0 : SIGNALS_READ;
        object_signal(&base->object, SOCKET_SIGNALS & ~readable, readable);
    }
    spin_unlock(&socket->lock);
    return status;
}

status_t unix_accept(struct socket *base, bool nonblock, struct socket **out) {
    struct unix_socket *listener = to_unix(base);
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    nsec_t deadline = socket_deadline(timeout);
    struct unix_socket *accepted = nullptr;
    status_t status = 0;
    spin_lock(&listener->lock);
    while (status == 0) {
        if (listener->state != UNIX_LISTENING)
            status = -EINVAL;
        else if (!list_is_empty(&listener->backlog))
            break;
        else if (nonblock)
            status = -EAGAIN;
        else
            status = wait_queue_sleep(&listener->accepters, &listener->lock, WAIT_INTERRUPTIBLE, deadline);
    }
    if (status == 0) {
        accepted = LIST_ENTRY(list_pop_front(&listener->backlog), struct unix_socket, backlog_node);
        listener->backlog_length--;
        wait_queue_wake_one(&listener->connecters);
        if (list_is_empty(&listener->backlog))
            object_signal(&base->object, SIGNALS_READ, 0);
    }
    spin_unlock(&listener->lock);
    if (!accepted)
        return socket_interrupted(status, timeout);
    flight_lock();
    accepted->flight.host = nullptr;
    flight_unlock();
    *out = &accepted->socket;
    return 0;
}

// Closes what nobody accepted: the clients see their connection reset.
void unix_listener_close(struct unix_socket *listener) {
    struct list_node orphans = LIST_INIT(orphans);
    spin_lock(&listener->lock);
    list_splice_back(&orphans, &listener->backlog);
    listener->backlog_length = 0;
    wait_queue_wake_all(&listener->accepters);
    wait_queue_wake_all(&listener->connecters);
    spin_unlock(&listener->lock);
    struct list_node *node;
    while ((node = list_pop_front(&orphans))) {
        struct unix_socket *orphan = LIST_ENTRY(node, struct unix_socket, backlog_node);
        flight_lock();
        orphan->flight.host = nullptr;
        flight_unlock();
        struct stream *connection = unix_connection_of(orphan);
        spin_lock(&connection->lock);
        struct socket *client = connection->end[!orphan->side].socket;
        if (client)
            atomic_store_explicit(&client->error, ECONNRESET, memory_order_relaxed);
        spin_unlock(&connection->lock);
        (void)stream_close(connection, orphan->side, false);
        unix_put(orphan);
    }
}

// --- connect ---

// Waits for room in the backlog and queues the new socket. -ECONNREFUSED: it does not listen.
static status_t enqueue(struct unix_socket *listener, struct unix_socket *client, struct unix_socket *server,
                        bool nonblock) {
    nsec_t timeout = atomic_load_explicit(&client->socket.send_timeout, memory_order_relaxed);
    nsec_t deadline = socket_deadline(timeout);
    status_t status = 0;
    spin_lock(&listener->lock);
    while (status == 0) {
        if (listener->state != UNIX_LISTENING)
            status = -ECONNREFUSED;
        else if (listener->backlog_length <= listener->backlog_max)
            break;
        else if (nonblock)
            status = -EAGAIN;
        else
            status = wait_queue_sleep(&listener->connecters, &listener->lock, WAIT_INTERRUPTIBLE, deadline);
    }
    if (status == 0) {
        server->name = listener->name;
        refcount_up(&server->name->ref);
        client->peer_credentials = listener->own_credentials;
        client->has_peer_credentials = true;
        server->flight.host = &listener->flight;
        list_push_back(&listener->backlog, &server->backlog_node);
        listener->backlog_length++;
        wait_queue_wake_one(&listener->accepters);
        object_signal(&listener->socket.object, 0, SIGNALS_READ);
    }
    spin_unlock(&listener->lock);
    return socket_interrupted(status, timeout);
}

static status_t begin_connect(struct unix_socket *socket) {
    spin_lock(&socket->lock);
    status_t status = socket->state == UNIX_UNCONNECTED  ? 0
                      : socket->state == UNIX_CONNECTED  ? -EISCONN
                      : socket->state == UNIX_CONNECTING ? -EALREADY
                                                         : -EINVAL;
    if (status == 0)
        socket->state = UNIX_CONNECTING;
    spin_unlock(&socket->lock);
    return status;
}

static void fail_connect(struct unix_socket *socket) {
    spin_lock(&socket->lock);
    if (socket->state == UNIX_CONNECTING)
        socket->state = UNIX_UNCONNECTED;
    spin_unlock(&socket->lock);
}

// The other side's socket, connected to `client` but not yet queued anywhere.
static status_t make_server_side(struct unix_socket *client, const struct unix_socket *listener,
                                 struct unix_socket **out, struct stream **connection) {
    struct unix_socket *server = unix_alloc(client->socket.type, listener->memory.account);
    if (!server)
        return -ENOMEM;
    *connection = make_connection(client, server);
    if (!*connection) {
        unix_put(server);
        return -ENOMEM;
    }
    server->peer_credentials = socket_credentials();
    server->has_peer_credentials = true;
    attach(server, *connection, 1);
    *out = server;
    return 0;
}

status_t unix_stream_connect(struct socket *base, const struct address *address, bool nonblock) {
    struct unix_socket *client = to_unix(base), *listener, *server;
    struct stream *connection;
    status_t status = 0;
    if (socket_option(base, SO_PASSCRED) && (status = unix_autobind(client)) != 0)
        return status;
    if ((status = unix_find(address, base->type, &listener)) != 0)
        return status;
    if ((status = begin_connect(client)) != 0)
        goto out_listener;
    if ((status = make_server_side(client, listener, &server, &connection)) != 0)
        goto out_state;
    if ((status = enqueue(listener, client, server, nonblock)) != 0) {
        // The client keeps no part of it.
        stream_leave(connection, 0);
        unix_put(server);
        goto out_state;
    }
    attach(client, connection, 0);
    unix_put(listener);
    return 0;
out_state:
    fail_connect(client);
out_listener:
    unix_put(listener);
    return status;
}

status_t unix_stream_shutdown(struct socket *base, bool read, bool write) {
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = unix_connection_of(socket);
    if (!connection) // Linux lets it pass, and remembers
        return unix_datagram_shutdown(base, read, write);
    stream_shutdown(connection, socket->side, read, write);
    return 0;
}
