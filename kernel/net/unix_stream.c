// SPDX-License-Identifier: MPL-2.0
// Sending and receiving on AF_UNIX streams and seqpackets: what AF_UNIX checks before the stream does the work, and
// the sender's name.
#include "unix_priv.h"

ssize_t unix_stream_send(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = unix_connection_of(socket);
    bool whole = base->type == SOCK_SEQPACKET; // there Linux ignores the address
    if (UNLIKELY(message->flags & MSG_OOB))
        return -EOPNOTSUPP;
    if (UNLIKELY(message->address != nullptr && !whole))
        return connection ? -EISCONN : -EOPNOTSUPP;
    if (UNLIKELY(!connection))
        return -ENOTCONN;
    return LIKELY(!whole) ? stream_send(connection, socket->side, base, message)
                          : stream_send_whole(connection, socket->side, base, message);
}

// The name of whom the connection leads to, for recvfrom and recvmsg; nothing if it has none.
static void sender_address(struct stream *connection, struct unix_socket *socket, struct address *out) {
    unix_peer_name(connection, socket->side, socket, out);
    if (out->size == FAMILY_SIZE)
        out->size = 0;
}

ssize_t unix_stream_receive(struct socket *base, struct message *message) {
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = unix_connection_of(socket);
    bool whole = base->type == SOCK_SEQPACKET;
    if (UNLIKELY(!connection))
        return whole ? -ENOTCONN : -EINVAL;
    if (UNLIKELY(message->flags & MSG_OOB))
        return whole ? -EOPNOTSUPP : -EINVAL;
    if (UNLIKELY(!whole && message->flags & MSG_ERRQUEUE))
        return -EAGAIN;
    ssize_t result = LIKELY(!whole) ? stream_receive(connection, socket->side, base, message)
                                    : stream_receive_whole(connection, socket->side, base, message);
    if (UNLIKELY(message->address != nullptr))
        sender_address(connection, socket, message->address);
    return result;
}
