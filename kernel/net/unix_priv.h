// SPDX-License-Identifier: MPL-2.0
// AF_UNIX sockets: what their files share.
//
// Two kinds. Stream and seqpacket sockets are connected by a struct stream (stream.h). Datagram sockets have a queue of
// their own.
//
// Lock order: the flight lock, names.lock, socket->lock, connection->lock, object locks. Two socket locks are never
// held together.
#pragma once

#include "stream.h"

#include <mm/account.h>
#include <net/socket.h>
#include <object/flight.h>
#include <vfs/path.h>

// The size of the address of a socket without a name.
#define FAMILY_SIZE offsetof(struct abi_sockaddr_un, path)

// A bound name; constant once made.
struct unix_name {
    struct refcount ref;
    unsigned size; // of `address` that counts
    struct abi_sockaddr_un address;
    char terminator; // ends a path of the greatest length
    bool is_path;
    uint64_t scope;            // abstract names: the job within which it is known (job_scope_current)
    struct list_node node;     // abstract names: in a bucket of names.table, under names.lock
    struct unix_socket *owner; // under names.lock; weak: cleared when the owner closes
    struct path path;          // of a path name
};

enum unix_state { UNIX_UNCONNECTED, UNIX_CONNECTING, UNIX_LISTENING, UNIX_CONNECTED, UNIX_CLOSED };

struct unix_socket {
    struct socket socket; // first
    uint64_t scope;       // of its maker's job: who is within another does not see it in /proc
    struct flight flight; // its host: the listener in whose backlog it is

    // A connection is set once, before the socket can be used for data.
    struct stream *_Atomic connection;
    uint8_t side; // our end of it

    struct spinlock lock; // protects the rest
    enum unix_state state;
    struct unix_name *name;                             // bound to; null: none. One reference. Set once
    struct unix_name *peer_name;                        // of a connection's other side that is gone; one reference
    bool binding;                                       // a bind is under way
    struct abi_ucred own_credentials, peer_credentials; // as of listen, connect, socketpair
    bool has_peer_credentials;
    // Listening.
    struct list_node backlog;      // struct unix_socket.backlog_node: connected, not yet accepted; one reference each
    struct list_node backlog_node; // of the listener's backlog, under its lock
    unsigned backlog_length, backlog_max;
    struct wait_queue accepters, connecters;
    // Datagrams.
    struct unix_socket *peer; // connected to; one reference
    struct list_node packets;
    unsigned packet_count;
    bool shut_read, shut_write;
    struct wait_queue readers;
    struct wait_queue senders;     // of others, for room in our queue
    struct wait_queue writers;     // of ours, for room in our send buffer
    struct list_node blocked;      // struct unix_socket.blocked_node: told when there is room; one reference each
    struct list_node blocked_node; // under the receiver's lock
    _Atomic bool is_blocked;
    _Atomic uint32_t sent;       // charge of our datagrams that nobody has read yet
    struct memory_charge memory; // for these; its account pays for what streams queue, too (unix_end.memory)
};

ALWAYS_INLINE struct unix_socket *to_unix(struct socket *socket) {
    return CONTAINER_OF(socket, struct unix_socket, socket);
}
ALWAYS_INLINE void unix_get(struct unix_socket *socket) {
    object_get(&socket->socket.object);
}
ALWAYS_INLINE void unix_put(struct unix_socket *socket) {
    object_put(&socket->socket.object);
}
ALWAYS_INLINE bool unix_is_datagram(const struct unix_socket *socket) {
    return socket->socket.type == SOCK_DGRAM;
}
ALWAYS_INLINE struct stream *unix_connection_of(struct unix_socket *socket) {
    return atomic_load_explicit(&socket->connection, memory_order_acquire);
}

// --- unix.c ---
// `payer`: who pays for what is sent through it (null: nobody).
struct unix_socket *unix_alloc(int type, struct memory_account *payer);
extern const struct socket_ops unix_stream_ops, unix_datagram_ops;

// --- unix_name.c ---
void unix_name_put(struct unix_name *name);
status_t unix_bind(struct socket *socket, const struct address *address);
// Binds to a free abstract name, if not bound yet.
MUST_USE status_t unix_autobind(struct unix_socket *socket);
// The open socket bound to an address, referenced. -ECONNREFUSED, -EACCES, -ENOENT …; -EPROTOTYPE: another type.
MUST_USE status_t unix_find(const struct address *address, int type, struct unix_socket **out);
status_t unix_get_name(struct socket *socket, enum socket_name name, struct address *out);
void unix_name_to_address(const struct unix_name *name, struct address *out);
// The name of whom the connection leads to from `socket`, its end on this side, also when that one is gone.
void unix_peer_name(struct stream *connection, unsigned side, struct unix_socket *socket, struct address *out);
// The socket is about to leave its connection: the other side keeps its name.
void unix_name_leave(struct unix_socket *socket, struct stream *connection);
// The socket closes: nobody finds it by its name any more.
void unix_name_release(struct unix_socket *socket);

// --- unix_connect.c ---
status_t unix_stream_pair(struct unix_socket *a, struct unix_socket *b);
status_t unix_stream_connect(struct socket *socket, const struct address *address, bool nonblock);
status_t unix_listen(struct socket *socket, int backlog);
status_t unix_accept(struct socket *socket, bool nonblock, struct socket **out);
status_t unix_stream_shutdown(struct socket *socket, bool read, bool write);
void unix_listener_close(struct unix_socket *socket);

// --- unix_stream.c ---
ssize_t unix_stream_send(struct socket *socket, struct message *message);
ssize_t unix_stream_receive(struct socket *socket, struct message *message);

// --- unix_datagram.c ---
ssize_t unix_datagram_send(struct socket *socket, struct message *message);
ssize_t unix_datagram_receive(struct socket *socket, struct message *message);
status_t unix_datagram_connect(struct socket *socket, const struct address *address, bool nonblock);
status_t unix_datagram_shutdown(struct socket *socket, bool read, bool write);
status_t unix_datagram_pair(struct unix_socket *a, struct unix_socket *b);
void unix_datagram_close(struct unix_socket *socket);
// A datagram was read or dropped: gives its charge back to the sender and drops the packet's reference to it.
void unix_sender_release(struct unix_socket *sender, uint32_t charge);

// --- unix_gc.c ---
extern const struct flight_ops unix_flight_ops;
// Calls `visit` for each socket, with the flight lock held: it may take socket and connection locks.
void unix_for_each(void (*visit)(struct unix_socket *socket, void *context), void *context);
void unix_proc_init(void);
