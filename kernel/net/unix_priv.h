// SPDX-License-Identifier: MPL-2.0
// AF_UNIX sockets: what their files share.
//
// Two kinds. Stream and seqpacket sockets are connected: the two ends share a struct unix_connection with a queue for
// each direction, one lock, and weak pointers to the sockets. Datagram sockets have a queue of their own.
//
// Lock order: the flight lock, names.lock, socket->lock, connection->lock, object locks. Two socket locks are never
// held together.
#pragma once

#include "packet.h"

#include <mm/account.h>
#include <net/socket.h>
#include <object/flight.h>
#include <vfs/path.h>

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

// Where a sleeping reader wants its data: its sender may copy there directly (unix_landing.c). On the reader's stack;
// under the connection's lock.
struct unix_landing {
    struct aspace *aspace; // the reader's; it stays while the reader sleeps
    uintptr_t base;
    size_t room, filled;
    bool busy; // a sender copies just now: the reader must not go on
};

// One end of a connection: what it has yet to read, and what is the matter with it.
struct unix_end {
    struct list_node packets;
    uint32_t bytes;              // charge of the packets: against the other end's send buffer
    uint32_t limit;              // the other end's send buffer
    uint32_t paid;               // bytes that `memory` covers
    struct memory_charge memory; // who made the other end's socket pays for the packets
    bool reading;                // a reader has taken the first packets out and may put them back
    bool closed;                 // the socket is closed
    bool shut_read, shut_write;
    struct unix_landing *landing; // of a reader that sleeps; null: none
    struct unix_socket *socket;   // weak: cleared when the socket is destroyed
    struct wait_queue readers;    // of this end
    struct wait_queue writers;    // of the other end, for room here
};

struct unix_connection {
    struct refcount ref;  // one for each end
    struct spinlock lock; // protects the rest
    struct unix_end end[2];
};

enum unix_state { UNIX_UNCONNECTED, UNIX_CONNECTING, UNIX_LISTENING, UNIX_CONNECTED, UNIX_CLOSED };

struct unix_socket {
    struct socket socket; // first
    uint64_t scope;       // of its maker's job: who is within another does not see it in /proc
    struct flight flight; // its host: the listener in whose backlog it is

    // A connection is set once, before the socket can be used for data.
    struct unix_connection *_Atomic connection;
    uint8_t side; // our end of it

    struct spinlock lock; // protects the rest
    enum unix_state state;
    struct unix_name *name;                             // bound to; null: none. One reference. Set once
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
ALWAYS_INLINE struct unix_connection *unix_connection_of(struct unix_socket *socket) {
    return atomic_load_explicit(&socket->connection, memory_order_acquire);
}

#define UNIX_SIGNALS \
    (SIGNALS_READ | SIGNALS_WRITE | SIGNAL_WRITE_BAND | SIGNAL_HANGUP | SIGNAL_READ_HANGUP | SIGNAL_ERROR)
#define UNIX_WRITABLE (SIGNALS_WRITE | SIGNAL_WRITE_BAND)

// No more comes to / may be sent from the end `mine`.
ALWAYS_INLINE bool unix_receive_is_shut(const struct unix_end *mine, const struct unix_end *other) {
    return mine->shut_read || other->shut_write || other->closed;
}

ALWAYS_INLINE bool unix_send_is_shut(const struct unix_end *mine, const struct unix_end *other) {
    return mine->shut_write || other->shut_read || other->closed;
}

// Does the sender's job pay for so many bytes in this queue? Mostly it does already.
bool unix_pay(struct unix_end *end, uint32_t bytes);
ALWAYS_INLINE bool unix_is_paid(struct unix_end *end, uint32_t bytes) {
    return LIKELY(bytes <= end->paid) || unix_pay(end, bytes);
}
// Less lies in the queue: it pays for little more.
void unix_pay_less(struct unix_end *end);
#define UNIX_PAID_AHEAD (8 * (uint32_t)PAGE_SIZE)

// Packets of so many bytes, in pages to pay for.
ALWAYS_INLINE int64_t unix_pages(uint32_t bytes) {
    return (int64_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

// Has the queue at `end` drained enough for its senders to go on?
ALWAYS_INLINE bool unix_has_drained(const struct unix_end *end) {
    return end->bytes <= end->limit / 4;
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
status_t unix_get_name(struct socket *socket, bool peer, struct address *out);
void unix_name_to_address(const struct unix_name *name, struct address *out);
// The socket closes: nobody finds it by its name any more.
void unix_name_release(struct unix_socket *socket);

// --- unix_connect.c ---
struct unix_connection *unix_connection_create(struct unix_socket *a, struct unix_socket *b);
void unix_connection_free(struct unix_connection *connection); // both sockets are gone
status_t unix_stream_pair(struct unix_socket *a, struct unix_socket *b);
status_t unix_stream_connect(struct socket *socket, const struct address *address, bool nonblock);
status_t unix_listen(struct socket *socket, int backlog);
status_t unix_accept(struct socket *socket, bool nonblock, struct socket **out);
void unix_listener_close(struct unix_socket *socket);

// --- unix_send.c, unix_receive.c ---
ssize_t unix_stream_send(struct socket *socket, struct message *message);
ssize_t unix_seqpacket_send(struct socket *socket, struct message *message);
ssize_t unix_stream_receive(struct socket *socket, struct message *message);
ssize_t unix_seqpacket_receive(struct socket *socket, struct message *message);
// Hands out a packet's credentials and handles, if they are wanted.
void unix_take_ancillary(struct packet *packet, struct message *message, bool peek);

// --- unix_end.c ---
status_t unix_stream_shutdown(struct socket *socket, bool read, bool write);
void unix_stream_close(struct unix_socket *socket);
// All packets of this end's queue were taken away at once. The connection is locked.
void unix_queue_emptied_locked(struct unix_end *end);
// Brings the signals of one end in line with the state.
void unix_end_update_locked(struct unix_connection *connection, unsigned side) REQUIRES(&connection->lock);

// --- unix_landing.c ---
#define UNIX_LANDING_MIN 4096u // shorter data goes through the queue: that is cheaper
// May this receive have its data copied directly? If so, fills *landing.
bool unix_landing_offer(struct socket *socket, struct message *message, struct unix_landing *landing);
// Sleeps as wait_queue_sleep on the end's readers, with the landing open. Afterwards, whatever the result,
// landing->filled bytes have arrived.
MUST_USE status_t unix_landing_wait(struct unix_connection *connection, unsigned side, struct unix_landing *landing,
                                    nsec_t deadline) REQUIRES(&connection->lock);
// The sender's side: copies to the other end's landing, if there is one. Returns the bytes that went.
size_t unix_landing_send(struct unix_connection *connection, unsigned side, struct message *message);

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
