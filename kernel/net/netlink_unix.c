// SPDX-License-Identifier: MPL-2.0
// NETLINK_SOCK_DIAG: AF_UNIX sockets, for `ss -x`.
#include "netlink_priv.h"
#include "unix_priv.h"

#include <object/task.h>

struct dump {
    const struct netlink_request *request;
    struct text_buffer *answer;
    struct abi_unix_diag_req wanted;
    uint64_t scope;
    bool found;
};

// States are named as TCP's.
static unsigned state_of(const struct unix_socket *socket) {
    if (socket->state == UNIX_LISTENING)
        return TCP_LISTEN;
    bool connected = socket->state == UNIX_CONNECTED || socket->peer;
    return connected ? TCP_ESTABLISHED : socket->state == UNIX_CONNECTING ? TCP_SYN_SENT : TCP_CLOSE;
}

// The other end's number. 0: there is none.
static uint64_t peer_of(struct unix_socket *socket) {
    struct stream *stream = unix_connection_of(socket);
    if (!stream)
        return socket->peer ? socket->peer->socket.object.id : 0;
    spin_lock(&stream->lock);
    const struct stream_end *other = &stream->end[!socket->side];
    uint64_t id = other->socket && !other->closed ? other->socket->object.id : 0;
    spin_unlock(&stream->lock);
    return id;
}

static void put_queues(struct unix_socket *socket, struct text_buffer *answer) {
    struct stream *stream = unix_connection_of(socket);
    uint32_t queues[2] = {};
    if (socket->state == UNIX_LISTENING) {
        queues[0] = socket->backlog_length;
        queues[1] = socket->backlog_max;
    } else if (stream) {
        queues[0] = stream_unread(stream, socket->side, false);
        queues[1] = stream_unsent(stream, socket->side);
    } else {
        if (!list_is_empty(&socket->packets))
            queues[0] = LIST_FIRST(&socket->packets, struct packet, node)->size;
        queues[1] = atomic_load_explicit(&socket->sent, memory_order_relaxed);
    }
    netlink_add(answer, UNIX_DIAG_RQLEN, queues, sizeof(queues));
}

static uint8_t shut_of(struct unix_socket *socket) {
    struct stream *stream = unix_connection_of(socket);
    if (!stream)
        return (uint8_t)(socket->shut_read | socket->shut_write << 1);
    spin_lock(&stream->lock);
    uint8_t shut =
        (uint8_t)(stream_receive_is_shut(stream, socket->side) | stream_send_is_shut(stream, socket->side) << 1);
    spin_unlock(&stream->lock);
    return shut;
}

static void put_socket_locked(struct unix_socket *socket, struct dump *dump) REQUIRES(&socket->lock) {
    struct text_buffer *answer = dump->answer;
    uint64_t id = socket->socket.object.id, peer;
    struct abi_unix_diag_msg message = {.family = AF_UNIX,
                                        .type = socket->socket.type,
                                        .state = (uint8_t)state_of(socket),
                                        .inode = (uint32_t)id,
                                        .cookie = {(uint32_t)id, (uint32_t)(id >> 32)}};
    size_t start = netlink_begin(answer, dump->request, SOCK_DIAG_BY_FAMILY, &message, sizeof(message));
    if (dump->wanted.show & UDIAG_SHOW_NAME && socket->name)
        netlink_add(answer, UNIX_DIAG_NAME, socket->name->address.path, socket->name->size - FAMILY_SIZE);
    if (dump->wanted.show & UDIAG_SHOW_PEER && (peer = peer_of(socket)) != 0)
        netlink_add_u32(answer, UNIX_DIAG_PEER, (uint32_t)peer);
    if (dump->wanted.show & UDIAG_SHOW_RQLEN)
        put_queues(socket, answer);
    netlink_add_u8(answer, UNIX_DIAG_SHUTDOWN, shut_of(socket));
    netlink_end(answer, start);
}

static void put_socket(struct unix_socket *socket, void *context) {
    struct dump *dump = context;
    if (dump->scope && socket->scope != dump->scope)
        return;
    if (!netlink_is_dump(dump->request) && (uint32_t)socket->socket.object.id != dump->wanted.inode)
        return;
    spin_lock(&socket->lock);
    if (socket->state != UNIX_CLOSED &&
        (!netlink_is_dump(dump->request) || dump->wanted.states >> state_of(socket) & 1)) {
        put_socket_locked(socket, dump);
        dump->found = true;
    }
    spin_unlock(&socket->lock);
}

status_t netlink_unix_diag(const struct netlink_request *request, struct text_buffer *answer) {
    struct dump dump = {.request = request, .answer = answer, .scope = job_scope_current()};
    if (!netlink_fixed(request, &dump.wanted, sizeof(dump.wanted), sizeof(dump.wanted)))
        return -EINVAL;
    if (!netlink_is_dump(request) && dump.wanted.inode == 0)
        return -EINVAL;
    unix_for_each(put_socket, &dump);
    return netlink_is_dump(request) || dump.found ? 0 : -ENOENT;
}
