// SPDX-License-Identifier: MPL-2.0
// TCP sockets: data, shutdown, close. Two that are connected share a struct stream; there are no segments, no windows,
// and nothing is lost, so what is left of TCP is what programs see of it.
#include "inet_priv.h"
#include "net_setting.h"

#include <arch/uaccess.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>

CHARGED_CACHE(tcp_slab, struct tcp_socket);

struct tcp_socket *tcp_alloc(int family, struct memory_account *payer) {
    struct tcp_socket *socket = charged_alloc_zero(&tcp_slab);
    if (!socket)
        return nullptr;
    inet_socket_init(&socket->inet, &tcp_ops, family, SOCK_STREAM, IPPROTO_TCP);
    struct socket *base = &socket->inet.socket;
    atomic_store_explicit(&base->send_buffer, (uint32_t)net_setting(SETTING_TCP_SEND_BUFFER), memory_order_relaxed);
    atomic_store_explicit(&base->receive_buffer, (uint32_t)net_setting(SETTING_TCP_RECEIVE_BUFFER),
                          memory_order_relaxed);
    socket->payer = payer;
    if (payer)
        account_get(payer);
    list_init(&socket->backlog);
    list_init(&socket->pending);
    list_init(&socket->backlog_node);
    wait_queue_init(&socket->accepters);
    wait_queue_init(&socket->connecters);
    object_signal(&base->object, 0, SOCKET_WRITABLE | SIGNAL_HANGUP);
    return socket;
}

status_t tcp_create(int family, struct socket **out) {
    struct tcp_socket *socket = tcp_alloc(family, account_current());
    if (!socket)
        return -ENOMEM;
    *out = &socket->inet.socket;
    return 0;
}

// --- data ---

// The stream of a connected socket, waiting for a connect under way. Null: there is none.
static status_t get_stream(struct tcp_socket *socket, bool nonblock, nsec_t timeout, struct stream **out) {
    *out = tcp_stream(socket);
    if (LIKELY(*out != nullptr))
        return 0;
    status_t status = tcp_wait_connected(socket, nonblock, timeout);
    *out = tcp_stream(socket);
    return status == -EINPROGRESS ? -EAGAIN : status;
}

// All but the last byte is ordinary.
static ssize_t send_urgent(struct stream *stream, struct socket *base, struct message *message) {
    size_t before = message->data->resid - 1;
    unsigned side = to_tcp(base)->side;
    for (size_t done = 0; done < before;) {
        size_t size = MIN(before - done, PACKET_STREAM_MAX);
        status_t status = stream_send_piece(stream, side, base, message, size, false);
        if (status != 0)
            return done > 0 ? (ssize_t)done : stream_send_failed(stream, base, message, status);
        done += size;
    }
    ssize_t last = stream_send_urgent(stream, side, base, message);
    return last == 1 ? (ssize_t)before + 1 : before > 0 ? (ssize_t)before : last;
}

static ssize_t tcp_send(struct socket *base, struct message *message) {
    struct tcp_socket *socket = to_tcp(base);
    struct stream *stream;
    nsec_t timeout = atomic_load_explicit(&base->send_timeout, memory_order_relaxed);
    status_t status = get_stream(socket, message->flags & MSG_DONTWAIT, timeout, &stream);
    if (UNLIKELY(status != 0))
        return socket_interrupted(status, timeout);
    if (UNLIKELY(!stream)) {
        status = socket_take_error(base);
        return status != 0 && status != -EPIPE ? status : socket_broken_pipe(message->flags);
    }
    if (UNLIKELY(message->flags & MSG_OOB) && message->data->resid > 0)
        return send_urgent(stream, base, message);
    return stream_send(stream, socket->side, base, message);
}

// MSG_TRUNC: the data is thrown away.
static ssize_t discard(struct stream *stream, struct socket *base, struct message *message) {
    uint8_t scratch[256];
    size_t done = 0, wanted = message->data->resid;
    while (done < wanted) {
        struct uio uio;
        uio_init_kernel(&uio, scratch, MIN(wanted - done, sizeof(scratch)));
        struct message part = {.data = &uio, .flags = message->flags & (MSG_DONTWAIT | MSG_WAITALL)};
        if (done > 0 && !(message->flags & MSG_WAITALL))
            part.flags |= MSG_DONTWAIT;
        ssize_t got = stream_receive(stream, to_tcp(base)->side, base, &part);
        if (got <= 0)
            return done > 0 ? (ssize_t)done : got;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static ssize_t tcp_receive(struct socket *base, struct message *message) {
    struct tcp_socket *socket = to_tcp(base);
    struct stream *stream;
    nsec_t timeout = atomic_load_explicit(&base->receive_timeout, memory_order_relaxed);
    if (UNLIKELY(message->flags & MSG_ERRQUEUE))
        return -EAGAIN;
    if (UNLIKELY(message->flags & MSG_OOB))
        return (stream = tcp_stream(socket)) ? stream_receive_urgent(stream, socket->side, base, message) : -EINVAL;
    status_t status = get_stream(socket, message->flags & MSG_DONTWAIT, timeout, &stream);
    if (UNLIKELY(status != 0))
        return socket_interrupted(status, timeout);
    if (UNLIKELY(!stream)) {
        status = socket_take_error(base);
        return status != 0 ? status : socket->connecting ? 0 : -ENOTCONN;
    }
    if (message->address)
        message->address->size = 0; // a stream does not say
    if (UNLIKELY((message->flags & (MSG_TRUNC | MSG_PEEK)) == MSG_TRUNC))
        return discard(stream, base, message);
    return stream_receive(stream, socket->side, base, message);
}

// --- state ---

static status_t tcp_shutdown(struct socket *base, bool read, bool write) {
    struct tcp_socket *socket = to_tcp(base), *server = nullptr;
    struct stream *stream = tcp_stream(socket);
    if (stream) {
        if (stream_is_over(stream, socket->side))
            return -ENOTCONN;
        stream_shutdown(stream, socket->side, read, write);
        return 0;
    }
    spin_lock(&inet_lock);
    unsigned state = socket->inet.claim.state;
    if (state == TCP_SYN_SENT)
        tcp_connect_cancel_locked(socket, &server);
    spin_unlock(&inet_lock);
    if (server)
        tcp_drop_unused(server);
    if (state == TCP_LISTEN && read)
        tcp_listener_close(socket);
    return state == TCP_CLOSE ? -ENOTCONN : 0;
}

static status_t tcp_get_name(struct socket *base, enum socket_name name, struct address *out) {
    struct stream *stream = tcp_stream(to_tcp(base));
    if (name == NAME_PEER && (!stream || stream_is_over(stream, to_tcp(base)->side)))
        return -ENOTCONN;
    return inet_get_name(base, name, out);
}

static void tcp_options_changed(struct socket *base) {
    struct stream *stream = tcp_stream(to_tcp(base));
    if (stream)
        stream_sizes_changed(stream);
}

// Which end closed first keeps the port for a while; `wait` is kept or freed.
static void leave_port(struct tcp_socket *socket, enum stream_close how, struct inet_claim *wait) {
    struct inet_claim *claim = &socket->inet.claim;
    spin_lock(&inet_lock);
    if (claim->local.port != 0) {
        if (how == STREAM_FINISHED_LAST || how == STREAM_ABORTED)
            inet_port_finished_locked(claim, how == STREAM_ABORTED);
        else if (wait)
            inet_port_wait_locked(claim, wait, how == STREAM_HALF ? TCP_FIN_WAIT2 : TCP_TIME_WAIT);
        inet_port_release_locked(claim);
    }
    spin_unlock(&inet_lock);
    if (how == STREAM_FINISHED_LAST || how == STREAM_ABORTED)
        kfree(wait);
}

static void tcp_closed(struct socket *base) {
    struct tcp_socket *socket = to_tcp(base), *server = nullptr;
    struct stream *stream = tcp_stream(socket);
    spin_lock(&inet_lock);
    bool listened = socket->inet.claim.state == TCP_LISTEN;
    socket->closed = true;
    tcp_connect_cancel_locked(socket, &server);
    spin_unlock(&inet_lock);
    if (server)
        tcp_drop_unused(server);
    if (listened)
        tcp_listener_close(socket);
    struct inet_claim *wait = stream ? kzalloc(sizeof(*wait)) : nullptr;
    bool reset = base->linger.on && base->linger.seconds == 0;
    leave_port(socket, stream ? stream_close(stream, socket->side, reset) : STREAM_ABORTED, wait);
}

static void tcp_destroy(struct socket *base) {
    struct tcp_socket *socket = to_tcp(base);
    struct stream *stream = tcp_stream(socket);
    if (stream)
        stream_leave(stream, socket->side);
    while ((stream = socket->retired)) {
        socket->retired = stream->next_retired;
        stream_drop(stream);
    }
    if (socket->payer)
        account_put(socket->payer);
    charged_free(&tcp_slab, socket);
}

static long tcp_ioctl(struct socket *base, unsigned command, unsigned long argument) {
    struct tcp_socket *socket = to_tcp(base);
    struct stream *stream = tcp_stream(socket);
    spin_lock(&inet_lock);
    bool listens = socket->inet.claim.state == TCP_LISTEN;
    spin_unlock(&inet_lock);
    if (command != SIOCINQ && command != SIOCOUTQ && command != SIOCATMARK)
        return -ENOTTY;
    if (command == SIOCATMARK)
        return put_user((int32_t)(stream && stream_is_at_mark(stream, socket->side)), (int32_t __user *)argument);
    if (listens)
        return -EINVAL;
    uint32_t bytes = 0;
    if (stream)
        bytes = command == SIOCINQ ? stream_unread(stream, socket->side, false) : 0; // what is sent has arrived
    return put_user((int32_t)bytes, (int32_t __user *)argument);
}

const struct socket_ops tcp_ops = {
    .bind = inet_bind,
    .connect = tcp_connect,
    .listen = tcp_listen,
    .accept = tcp_accept,
    .get_name = tcp_get_name,
    .shutdown = tcp_shutdown,
    .send = tcp_send,
    .receive = tcp_receive,
    .set_option = inet_set_option,
    .get_option = tcp_get_option,
    .options_changed = tcp_options_changed,
    .ioctl = tcp_ioctl,
    .closed = tcp_closed,
    .destroy = tcp_destroy,
};
