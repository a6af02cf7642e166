// SPDX-License-Identifier: MPL-2.0
// TCP's urgent data (MSG_OOB). Linux's reading of it: of what is sent with MSG_OOB the last byte is urgent. It lies in
// the stream, a read ends before it, and the next one goes around it; MSG_OOB reads it meanwhile, once. With
// SO_OOBINLINE the next one begins with it. SIOCATMARK tells whether it is reached. A newer urgent byte makes the older
// one an ordinary one, or, if all before it has been read, lost.
#include "stream.h"

static bool is_inline(const struct stream_end *end) {
    return end->socket && socket_option(end->socket, SO_OOBINLINE);
}

bool stream_is_mark_apart(const struct stream_end *end, const struct packet *packet) {
    return end->mark.packet == packet && !is_inline(end);
}

bool stream_has_data(const struct stream_end *end) {
    if (LIKELY(end->mark.packet == nullptr) || list_is_empty(&end->packets) || is_inline(end))
        return !list_is_empty(&end->packets);
    const struct list_node *only = &end->mark.packet->node;
    return only->next != &end->packets || only->prev != &end->packets;
}

void stream_mark_locked(struct stream *stream, unsigned side, struct packet *packet) {
    struct stream_end *end = &stream->end[side];
    struct packet *older = end->mark.packet;
    struct list_node dead = LIST_INIT(dead);
    end->mark = (struct stream_mark){.packet = packet};
    if (older && !is_inline(end) && !end->reading && end->packets.next == &older->node) {
        stream_remove_first(stream, side, older);
        list_push_back(&dead, &older->node);
    }
    stream_end_update_locked(stream, side);
    if (end->socket)
        object_signal(&end->socket->object, 0, SIGNAL_PRIORITY); // each is told
    packet_destroy_all(&dead);
}

ssize_t stream_send_urgent(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    status_t status = stream_send_piece(stream, side, socket, message, 1, true);
    return status == 0 ? 1 : stream_send_failed(stream, socket, message, status);
}

ssize_t stream_receive_urgent(struct stream *stream, unsigned side, struct socket *socket, struct message *message) {
    struct stream_end *mine = &stream->end[side];
    uint8_t byte = 0;
    spin_lock(&stream->lock);
    bool there = mine->mark.packet && !mine->mark.taken && !socket_option(socket, SO_OOBINLINE);
    if (there) {
        byte = mine->mark.packet->bytes[0];
        mine->mark.taken = !(message->flags & MSG_PEEK);
        stream_end_update_locked(stream, side);
    }
    spin_unlock(&stream->lock);
    if (!there)
        return -EINVAL;
    message->result |= MSG_OOB;
    if (message->data->resid == 0) {
        message->result |= MSG_TRUNC;
        return 0;
    }
    if (message->flags & MSG_TRUNC)
        return 1;
    return uio_write(message->data, &byte, 1) == 1 ? 1 : -EFAULT;
}

bool stream_is_at_mark(struct stream *stream, unsigned side) {
    const struct stream_end *mine = &stream->end[side];
    spin_lock(&stream->lock);
    bool at = mine->mark.packet && mine->packets.next == &mine->mark.packet->node;
    spin_unlock(&stream->lock);
    return at;
}
