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

// The name of whom the connection leads to, for recvfrom and recvmsg.
static void sender_address(struct stream *connection, unsigned side, struct address *out) {
    out->size = 0;
    spin_lock(&connection->lock);
    struct socket *other = connection->end[!side].socket;
    if (other && to_unix(other)->name)
        unix_name_to_address(to_unix(other)->name, out);
    spin_unlock(&connection->lock);
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
        sender_address(connection, socket->side, message->address);
    return result;
}
