// SPDX-License-Identifier: MPL-2.0
// TCP connections: listen, accept, connect.
//
// connect makes the server's socket and the stream itself. If there is room in the listener's backlog the connection is
// made at once and accept only gives the server's socket a handle. Otherwise (where Linux drops the packet and the
// client tries again) it waits in the listener's list `pending`, whose first follows whenever accept makes room.
//
//   connect                       accept                         connect or its caller
//   backlog full: state SYN_SENT, takes one, completes the       sleeps on client->connecters, or polls
//   server in listener->pending   first that is pending          or gives up: takes server out of the list
//
// A connect that may not wait says EINPROGRESS even if it is made at once, as on Linux; the next connect reports how it
// ended.
#include "inet_count.h"
#include "inet_priv.h"

#include <mm/slab.h>
#include <object/task.h>

#define CONNECT_TIME (127ll * 1000000000) // net.ipv4.tcp_syn_retries
#define SEND_BUFFER 2626560u              // of a connection, if the program did not say: what Linux tunes it to

void tcp_update_signals_locked(struct tcp_socket *socket) {
    struct socket *base = &socket->inet.socket;
    uint32_t now = 0;
    switch (socket->inet.claim.state) {
    case TCP_LISTEN:
        now = list_is_empty(&socket->backlog) ? 0 : SIGNALS_READ;
        break;
    case TCP_CLOSE:
        now = SOCKET_WRITABLE | SIGNAL_HANGUP;
        if (socket->connecting)
            now |= SIGNALS_READ | SIGNAL_READ_HANGUP;
        if (atomic_load_explicit(&base->error, memory_order_relaxed) != 0)
            now |= SIGNAL_ERROR;
        break;
    default:
        break;
    }
    object_signal(&base->object, SOCKET_SIGNALS & ~now, now);
}

// --- making a connection ---

// The server's socket has what the listener was told.
static void inherit(struct tcp_socket *server, struct tcp_socket *listener) {
    struct socket *to = &server->inet.socket, *from = &listener->inet.socket;
    to->family = from->family;
    to->linger = from->linger;
    to->priority = from->priority;
    to->send_buffer_set = from->send_buffer_set;
    to->receive_buffer_set = from->receive_buffer_set;
    to->option_bits = from->option_bits;
    to->receive_timeout = from->receive_timeout;
    to->send_timeout = from->send_timeout;
    to->receive_low_water = from->receive_low_water;
    to->send_buffer = from->send_buffer_set ? from->send_buffer : SEND_BUFFER;
    to->receive_buffer = from->receive_buffer;
    for (unsigned i = 0; i < INET_OPTION_COUNT; i++)
        atomic_store_explicit(&server->inet.option[i], inet_option(&listener->inet, i), memory_order_relaxed);
    server->inet.claim.uid = listener->inet.claim.uid;
}

static void complete_locked(struct tcp_socket *listener, struct tcp_socket *client, struct tcp_socket *server)
    REQUIRES(&inet_lock) {
    struct stream *stream = tcp_stream(server);
    struct inet_claim *mine = &client->inet.claim, *theirs = &server->inet.claim;
    inherit(server, listener);
    if (!client->inet.socket.send_buffer_set)
        client->inet.socket.send_buffer = SEND_BUFFER;
    theirs->local = mine->remote;
    theirs->remote = mine->local;
    theirs->state = mine->state = TCP_ESTABLISHED;
    inet_count(COUNT_TCP_ACCEPTS, false, 1);
    inet_port_share_locked(theirs);
    atomic_store_explicit(&client->stream, stream, memory_order_release);
    stream_sizes_changed(stream);
    list_push_back(&listener->backlog, &server->backlog_node);
    listener->backlog_length++;
    wait_queue_wake_one(&listener->accepters);
    wait_queue_wake_all(&client->connecters);
    tcp_update_signals_locked(listener);
}

// Lets those that are pending in, while there is room.
static void admit_locked(struct tcp_socket *listener) REQUIRES(&inet_lock) {
    while (listener->backlog_length <= listener->backlog_max && !list_is_empty(&listener->pending)) {
        struct tcp_socket *server = LIST_ENTRY(list_pop_front(&listener->pending), struct tcp_socket, backlog_node);
        struct tcp_socket *client = server->client;
        server->client = client->server = nullptr;
        complete_locked(listener, client, server);
    }
}

void tcp_drop_unused(struct tcp_socket *server) {
    stream_leave(tcp_stream(server), 0);
    object_put(&server->inet.socket.object);
}

void tcp_connect_cancel_locked(struct tcp_socket *client, struct tcp_socket **server) {
    *server = client->server;
    if (!*server)
        return;
    list_remove(&(*server)->backlog_node);
    (*server)->client = client->server = nullptr;
    inet_forget_peer_locked(&client->inet);
    tcp_update_signals_locked(client);
    wait_queue_wake_all(&client->connecters);
}

// --- listen, accept ---

status_t tcp_listen(struct socket *base, int backlog) {
    struct tcp_socket *socket = to_tcp(base);
    struct inet_claim *claim = &socket->inet.claim;
    status_t status = 0;
    spin_lock(&inet_lock);
    if (claim->state != TCP_LISTEN) {
        status = claim->state == TCP_CLOSE ? inet_autobind_locked(&socket->inet) : -EINVAL;
        if (status == 0) {
            claim->state = TCP_LISTEN;
            status = inet_receiver_add_locked(claim);
            if (status != 0)
                claim->state = TCP_CLOSE;
        }
    }
    if (status == 0) {
        socket->backlog_max = (uint32_t)backlog;
        admit_locked(socket);
        tcp_update_signals_locked(socket);
    }
    spin_unlock(&inet_lock);
    return status;
}

status_t tcp_accept(struct socket *base, bool nonblock, struct socket **out) {
    struct tcp_socket *listener = to_tcp(base);
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    nsec_t deadline = socket_deadline(timeout);
    status_t status = 0;
    spin_lock(&inet_lock);
    while (status == 0) {
        if (listener->inet.claim.state != TCP_LISTEN)
            status = -EINVAL;
        else if (!list_is_empty(&listener->backlog))
            break;
        else if (nonblock)
            status = -EAGAIN;
        else
            status = wait_queue_sleep(&listener->accepters, &inet_lock, WAIT_INTERRUPTIBLE, deadline);
    }
    if (status == 0) {
        struct list_node *first = list_pop_front(&listener->backlog);
        *out = &LIST_ENTRY(first, struct tcp_socket, backlog_node)->inet.socket;
        listener->backlog_length--;
        admit_locked(listener);
        tcp_update_signals_locked(listener);
    }
    spin_unlock(&inet_lock);
    return status == 0 ? 0 : socket_interrupted(status, timeout);
}

// The listener takes this client no more.
static void refuse_locked(struct tcp_socket *client) REQUIRES(&inet_lock) {
    struct tcp_socket *server;
    atomic_store_explicit(&client->inet.socket.error, ECONNREFUSED, memory_order_relaxed);
    tcp_connect_cancel_locked(client, &server);
}

void tcp_listener_close(struct tcp_socket *listener) {
    struct list_node orphans = LIST_INIT(orphans), refused = LIST_INIT(refused), *node;
    spin_lock(&inet_lock);
    list_splice_back(&orphans, &listener->backlog);
    listener->backlog_length = 0;
    while (!list_is_empty(&listener->pending)) {
        struct tcp_socket *server = LIST_FIRST(&listener->pending, struct tcp_socket, backlog_node);
        refuse_locked(server->client); // takes it off the list
        list_push_back(&refused, &server->backlog_node);
    }
    inet_receiver_remove_locked(&listener->inet.claim);
    inet_forget_peer_locked(&listener->inet);
    tcp_update_signals_locked(listener);
    wait_queue_wake_all(&listener->accepters);
    spin_unlock(&inet_lock);
    while ((node = list_pop_front(&refused)))
        tcp_drop_unused(LIST_ENTRY(node, struct tcp_socket, backlog_node));
    while ((node = list_pop_front(&orphans))) {
        struct tcp_socket *orphan = LIST_ENTRY(node, struct tcp_socket, backlog_node);
        (void)stream_close(tcp_stream(orphan), orphan->side, true);
        spin_lock(&inet_lock);
        inet_port_release_locked(&orphan->inet.claim);
        spin_unlock(&inet_lock);
        object_put(&orphan->inet.socket.object);
    }
}

// --- connect ---

status_t tcp_wait_connected(struct tcp_socket *client, bool nonblock, nsec_t timeout) {
    nsec_t deadline = socket_deadline(timeout);
    status_t status = 0;
    spin_lock(&inet_lock);
    while (status == 0 && client->inet.claim.state == TCP_SYN_SENT)
        status =
            nonblock ? -EINPROGRESS : wait_queue_sleep(&client->connecters, &inet_lock, WAIT_INTERRUPTIBLE, deadline);
    spin_unlock(&inet_lock);
    return status;
}

// connect while one is under way, or to hear how it ended.
static status_t connect_again(struct tcp_socket *client, bool nonblock, nsec_t timeout) {
    status_t status = tcp_wait_connected(client, nonblock, timeout);
    if (status != 0)
        return status == -EINPROGRESS ? -EALREADY : status;
    spin_lock(&inet_lock);
    client->connecting = false;
    bool connected = client->inet.claim.state == TCP_ESTABLISHED;
    if (!connected)
        tcp_update_signals_locked(client);
    spin_unlock(&inet_lock);
    if (connected)
        return 0;
    status = socket_take_error(&client->inet.socket);
    return status != 0 ? status : -ECONNABORTED;
}

// A connection ends by a reset in both directions, and the socket is as new, but for a pending error.
static void forget_connection(struct tcp_socket *socket, struct stream *stream) {
    unsigned side = socket->side;
    bool over = stream_is_over(stream, side);
    if (!over) {
        spin_lock(&stream->lock);
        stream_reset_locked(stream, !side, ECONNRESET);
        stream_reset_locked(stream, side, 0);
        spin_unlock(&stream->lock);
    }
    (void)stream_close(stream, side, true);
    stream_retire(stream, side);
    spin_lock(&inet_lock);
    if (tcp_stream(socket) == stream) { // nobody else was faster
        atomic_store_explicit(&socket->stream, nullptr, memory_order_release);
        stream->next_retired = socket->retired;
        socket->retired = stream;
        inet_port_finished_locked(&socket->inet.claim, true);
        inet_forget_peer_locked(&socket->inet);
        atomic_store_explicit(&socket->inet.socket.error, over ? 0 : ECONNRESET, memory_order_relaxed);
        tcp_update_signals_locked(socket);
    }
    spin_unlock(&inet_lock);
}

static status_t disconnect(struct tcp_socket *socket) {
    struct stream *stream = tcp_stream(socket);
    struct tcp_socket *server = nullptr;
    spin_lock(&inet_lock);
    bool listens = socket->inet.claim.state == TCP_LISTEN;
    socket->connecting = false;
    tcp_connect_cancel_locked(socket, &server);
    spin_unlock(&inet_lock);
    if (server)
        tcp_drop_unused(server);
    if (listens)
        tcp_listener_close(socket);
    if (stream)
        forget_connection(socket, stream);
    return 0;
}

// The listener at `to`, referenced.
static struct tcp_socket *find_listener(const struct inet_endpoint *to, const struct inet_endpoint *from) {
    spin_lock(&inet_lock);
    struct inet_socket *found = inet_receiver_find_locked(IPPROTO_TCP, to, from);
    if (found && !refcount_try_up(&found->socket.object.ref))
        found = nullptr;
    spin_unlock(&inet_lock);
    return found ? to_tcp(&found->socket) : nullptr;
}

// A stream of an earlier connection, for a new one. Null: there is none that nobody uses.
static struct stream *renew_retired(struct tcp_socket *client, struct stream_party mine, struct stream_party theirs) {
    struct stream **place, *stream;
    spin_lock(&inet_lock);
    for (place = &client->retired; (stream = *place) && !stream_renew(stream, mine, theirs);)
        place = &stream->next_retired;
    if (stream)
        *place = stream->next_retired;
    spin_unlock(&inet_lock);
    return stream;
}

// The other side's socket and what connects the two.
static struct tcp_socket *make_server(struct tcp_socket *client, struct tcp_socket *listener) {
    struct tcp_socket *server = tcp_alloc(AF_INET, listener->payer);
    if (!server)
        return nullptr;
    struct stream_party mine = {&client->inet.socket, client->payer}, theirs = {&server->inet.socket, server->payer};
    struct stream *stream = renew_retired(client, mine, theirs);
    if (!stream)
        stream = stream_create(mine, theirs, true);
    if (!stream) {
        object_put(&server->inet.socket.object);
        return nullptr;
    }
    server->side = 1;
    atomic_store_explicit(&server->stream, stream, memory_order_release);
    return server;
}

// Takes a name for the client and queues it at the listener; `server` is taken over on success.
static status_t join_locked(struct tcp_socket *client, struct tcp_socket *listener, struct tcp_socket *server,
                            const struct inet_endpoint *to, const struct inet_address *from) REQUIRES(&inet_lock) {
    struct inet_claim *claim = &client->inet.claim;
    if (claim->state != TCP_CLOSE)
        return claim->state == TCP_SYN_SENT ? -EALREADY : -EISCONN;
    claim->local.address = *from;
    claim->remote = *to;
    status_t status = inet_port_connect_locked(claim);
    inet_count(COUNT_TCP_CONNECTS, false, status == 0);
    if (status == 0 && (!listener || listener->inet.claim.state != TCP_LISTEN)) {
        inet_count(COUNT_TCP_REFUSED, false, 1);
        status = -ECONNREFUSED;
    }
    if (status != 0) {
        inet_forget_peer_locked(&client->inet);
        return status;
    }
    claim->state = TCP_SYN_SENT;
    client->side = 0;
    atomic_store_explicit(&client->inet.socket.error, 0, memory_order_relaxed);
    server->client = client;
    client->server = server;
    list_push_back(&listener->pending, &server->backlog_node);
    tcp_update_signals_locked(client);
    admit_locked(listener);
    return 0;
}

static status_t begin_connect(struct tcp_socket *client, struct inet_endpoint *to) {
    spin_lock(&inet_lock);
    struct inet_address from = client->inet.claim.local.address;
    spin_unlock(&inet_lock);
    if (inet_option(&client->inet, OPTION_V6ONLY) && inet_address_is_v4(&to->address))
        return -ENETUNREACH;
    status_t status = inet_route(to, &from);
    if (status != 0)
        return status;
    struct inet_endpoint source = {.address = from};
    struct tcp_socket *listener = find_listener(to, &source), *server = nullptr;
    if (listener && !(server = make_server(client, listener))) {
        object_put(&listener->inet.socket.object);
        return -ENOMEM;
    }
    spin_lock(&inet_lock);
    status = join_locked(client, listener, server, to, &from);
    spin_unlock(&inet_lock);
    if (status != 0 && server)
        tcp_drop_unused(server);
    if (listener)
        object_put(&listener->inet.socket.object);
    return status;
}

// The time for a blocking connect is up, or a signal came.
static status_t give_up(struct tcp_socket *client, status_t status, nsec_t timeout) {
    struct tcp_socket *server = nullptr;
    if (status != -ETIMEDOUT || timeout != 0) // it goes on without us
        return status == -ETIMEDOUT ? -EINPROGRESS : socket_interrupted(status, timeout);
    spin_lock(&inet_lock);
    client->connecting = false;
    tcp_connect_cancel_locked(client, &server);
    spin_unlock(&inet_lock);
    if (server)
        tcp_drop_unused(server);
    return -ETIMEDOUT;
}

// How a connect that may not wait is told: refused only by the next call.
static status_t defer(struct tcp_socket *client, status_t status) {
    spin_lock(&inet_lock);
    client->connecting = true;
    if (status != 0) {
        atomic_store_explicit(&client->inet.socket.error, -status, memory_order_relaxed);
        tcp_update_signals_locked(client);
    }
    spin_unlock(&inet_lock);
    return -EINPROGRESS;
}

status_t tcp_connect(struct socket *base, const struct address *address, bool nonblock) {
    struct tcp_socket *client = to_tcp(base);
    struct inet_endpoint to;
    nsec_t timeout = atomic_load_explicit(&base->send_timeout, memory_order_relaxed);
    if (address->size < sizeof(address->family))
        return -EINVAL;
    if (address->family == AF_UNSPEC)
        return disconnect(client);
    if (client->connecting)
        return connect_again(client, nonblock, timeout);
    if (tcp_stream(client))
        return -EISCONN;
    status_t status = inet_endpoint_parse(base->family, address, &to);
    if (status == 0)
        status = begin_connect(client, &to);
    if (nonblock && (status == 0 || status == -ECONNREFUSED))
        return defer(client, status);
    if (status != 0)
        return status;
    client->connecting = true;
    status = tcp_wait_connected(client, false, timeout ? timeout : CONNECT_TIME);
    return status == 0 ? connect_again(client, true, 0) : give_up(client, status, timeout);
}
