// SPDX-License-Identifier: MPL-2.0
// AF_INET and AF_INET6: what their files share.
//
// There is one interface, lo, and no packet ever exists: what is sent to a local address is put where its receiver
// finds it. Whether an address is local is asked in one place, inet_route: what is not is unreachable now, and will be
// netd's. Both families are one inside: an IPv4 address is kept as IPv6 maps it (::ffff:a.b.c.d).
//
// Lock order: inet_lock, datagram_socket.lock, stream->lock, object locks. inet_lock protects the tables of ports,
// names and states of all sockets, and the backlogs: what is rare. Data moves under the lock of its stream or of its
// receiver.
#pragma once

#include "stream.h"

#include <abi/inet.h>
#include <mm/account.h>
#include <net/socket.h>
#include <sched/timer.h>

struct inet_address {
    uint8_t bytes[16];
};
struct inet_endpoint {
    struct inet_address address;
    uint16_t port; // host byte order; 0: none
};

// --- inet_address.c ---
bool inet_address_equal(const struct inet_address *a, const struct inet_address *b);
bool inet_address_is_v4(const struct inet_address *address); // mapped
bool inet_address_is_any(const struct inet_address *address);
bool inet_address_is_multicast(const struct inet_address *address);
bool inet_address_is_local(const struct inet_address *address); // one of this machine's
bool inet_address_is_broadcast(const struct inet_address *address);
struct inet_address inet_address_any(bool v4);
struct inet_address inet_address_loopback(bool v4);
struct inet_address inet_address_v4(const uint8_t bytes[4]);
// Of a user's address for a socket of `family`. -EINVAL: too short; -EAFNOSUPPORT.
MUST_USE status_t inet_endpoint_parse(int family, const struct address *from, struct inet_endpoint *out);
void inet_endpoint_to_address(int family, const struct inet_endpoint *endpoint, struct address *out);
// Where to send for `to` (an unspecified address means this machine), and from where if *from is unspecified. 0: a
// local socket. -ENETUNREACH: nobody can carry it there.
MUST_USE status_t inet_route(struct inet_endpoint *to, struct inet_address *from);

// --- inet_option.c ---
enum inet_option {
    OPTION_TOS,
    OPTION_TTL,
    OPTION_PKTINFO,
    OPTION_RECVTTL,
    OPTION_RECVTOS,
    OPTION_FREEBIND,
    OPTION_MULTICAST_TTL,
    OPTION_MULTICAST_LOOP,
    OPTION_MULTICAST_ALL,
    OPTION_MULTICAST_INTERFACE,
    OPTION_MULTICAST_INTERFACE6,
    OPTION_MULTICAST_SOURCE, // an IPv4 address as it lies in memory; 0: any
    OPTION_HOPS,
    OPTION_V6ONLY,
    OPTION_RECVPKTINFO6,
    OPTION_RECVHOPLIMIT,
    OPTION_RECVTCLASS,
    OPTION_TCLASS,
    OPTION_RECVERR,
    OPTION_RECVERR6,
    OPTION_DEFER_ACCEPT,
    OPTION_MAXSEG,
    OPTION_BOUND_TO_LO,
    OPTION_TIMESTAMPNS,
    OPTION_SEND_COVERAGE,    // UDP-Lite: how much of a datagram its checksum covers, header included; 0: all
    OPTION_RECEIVE_COVERAGE, // -1: anything goes
    OPTION_OTHERS            // those that are only kept
};
#define INET_OPTION_COUNT 64

// --- sockets ---

// A hold on a port: a socket's, or of a connection that is over and must not be mistaken for a new one (TIME_WAIT).
struct inet_claim {
    struct list_node node;       // of its port's bucket; unlinked: none
    struct list_node receiver;   // of the bucket's receivers: sockets that listen, or take datagrams
    struct inet_socket *socket;  // null: TIME_WAIT
    struct inet_endpoint local;  // port 0: not bound
    struct inet_endpoint remote; // port 0: not connected
    uint32_t uid;                // of who made the socket
    bool automatic;              // the port was chosen by connect: others may use it towards other places
    bool reusable;               // TIME_WAIT: it had SO_REUSEADDR
    uint8_t state;               // enum tcp_state
    nsec_t since;                // TIME_WAIT
    struct list_node waiting;    // TIME_WAIT: of the queue by age
};

struct inet_socket {
    struct socket socket; // first
    struct inet_claim claim;
    bool address_bound, port_bound; // by bind; what connect chose goes when the socket disconnects
    struct list_node groups;        // multicast groups joined (multicast.c), under inet_lock
    unsigned group_count;
    _Atomic int32_t option[INET_OPTION_COUNT];
    char congestion[16]; // under inet_lock
};

struct tcp_socket {
    struct inet_socket inet; // first
    struct memory_account *payer;
    // Set once per connection, before data can flow. connect(AF_UNSPEC) takes it away, but other threads may still use
    // it, so its memory stays: as long as the socket, or until another connection can have it.
    struct stream *_Atomic stream;
    uint8_t side;
    // The rest under inet_lock. The state is inet.claim.state.
    bool connecting;        // a connect that did not wait: the next one reports how it ended
    bool closed;            // the last handle is gone
    struct stream *retired; // of earlier connections: stream.next_retired
    uint32_t backlog_max, backlog_length;
    struct list_node backlog; // listening: struct tcp_socket.backlog_node, not yet accepted; one reference each
    struct list_node pending; // listening: of clients that wait for room there, their other sides
    struct list_node backlog_node;
    struct tcp_socket *server; // SYN_SENT: our other side, in the listener's `pending`
    struct tcp_socket *client; // of such a one: whose it is
    struct wait_queue accepters, connecters;
};

ALWAYS_INLINE struct inet_socket *to_inet(struct socket *socket) {
    return CONTAINER_OF(socket, struct inet_socket, socket);
}
ALWAYS_INLINE struct tcp_socket *to_tcp(struct socket *socket) {
    return CONTAINER_OF(to_inet(socket), struct tcp_socket, inet);
}
ALWAYS_INLINE int32_t inet_option(struct inet_socket *socket, enum inet_option option) {
    return atomic_load_explicit(&socket->option[option], memory_order_relaxed);
}
ALWAYS_INLINE bool inet_is_v4(const struct inet_socket *socket) {
    return socket->socket.family == AF_INET;
}

extern struct spinlock inet_lock;

// --- inet.c ---
void inet_socket_init(struct inet_socket *socket, const struct socket_ops *ops, int family, int type, int protocol);
status_t inet_bind(struct socket *socket, const struct address *address);
status_t inet_get_name(struct socket *socket, enum socket_name name, struct address *out);
// Chooses a port for a socket that has none. -EADDRINUSE.
MUST_USE status_t inet_autobind_locked(struct inet_socket *socket) REQUIRES(&inet_lock);
// The socket is not connected any more: what connect chose goes.
void inet_forget_peer_locked(struct inet_socket *socket) REQUIRES(&inet_lock);
status_t inet_set_option(struct socket *socket, int level, int name, const void *value, size_t size);
status_t inet_get_option(struct socket *socket, int level, int name, void *value, size_t *size);
void inet_options_init(struct inet_socket *socket);

// --- inet_port.c: all with inet_lock held ---
// Takes `port`, or (0) a free one, for claim->local.address. -EADDRINUSE.
MUST_USE status_t inet_port_claim_locked(struct inet_claim *claim, uint16_t port) REQUIRES(&inet_lock);
// For a connection from claim->local to claim->remote (both addresses set): a port if it has none, and a pair of names
// that nobody else has. -EADDRNOTAVAIL.
MUST_USE status_t inet_port_connect_locked(struct inet_claim *claim) REQUIRES(&inet_lock);
// The claim of an accepted connection: shares the listener's port.
void inet_port_share_locked(struct inet_claim *claim) REQUIRES(&inet_lock);
void inet_port_release_locked(struct inet_claim *claim) REQUIRES(&inet_lock);
// The socket takes what is sent to its port from now on. -EADDRINUSE: another listens there.
MUST_USE status_t inet_receiver_add_locked(struct inet_claim *claim) REQUIRES(&inet_lock);
void inet_receiver_remove_locked(struct inet_claim *claim) REQUIRES(&inet_lock);
// Who gets what is sent from `from` to `to`? Null: nobody. No reference.
struct inet_socket *inet_receiver_find_locked(int protocol, const struct inet_endpoint *to,
                                              const struct inet_endpoint *from) REQUIRES(&inet_lock);
// The connection of a socket that closes is over. `wait` is filled and kept (null: not needed).
void inet_port_wait_locked(const struct inet_claim *claim, struct inet_claim *wait, uint8_t state) REQUIRES(&inet_lock);
// This side of a connection has closed, too: the other, if it waits in FIN_WAIT2, goes on to TIME_WAIT, or (`forget`:
// it was reset) is over.
void inet_port_finished_locked(const struct inet_claim *claim, bool forget) REQUIRES(&inet_lock);
// Calls `visit` for each claim.
void inet_port_for_each_locked(int protocol, void (*visit)(const struct inet_claim *claim, void *context),
                               void *context) REQUIRES(&inet_lock);

// Calls `visit` for each socket that could get what is sent from `from` to `to`, as a group's members do.
void inet_receiver_for_each_locked(int protocol, const struct inet_endpoint *to, const struct inet_endpoint *from,
                                   void (*visit)(struct inet_socket *socket, void *context), void *context)
    REQUIRES(&inet_lock);

// --- multicast.c ---
// -EADDRINUSE: it has joined. -ENOBUFS: so many groups. -ENOMEM.
MUST_USE status_t inet_group_join(struct inet_socket *socket, const struct inet_address *address);
MUST_USE status_t inet_group_leave(struct inet_socket *socket, const struct inet_address *address); // -EADDRNOTAVAIL
void inet_group_leave_all_locked(struct inet_socket *socket) REQUIRES(&inet_lock);
bool inet_address_is_group(const struct inet_address *address); // or a broadcast address
// As inet_route, to a group.
MUST_USE status_t inet_group_route(struct inet_socket *socket, const struct inet_endpoint *to,
                                   struct inet_address *from);
void inet_group_init(void);

// --- tcp.c, udp.c, ping.c, raw.c ---
extern const struct socket_ops tcp_ops, udp_ops, ping_ops, raw_ops;
struct tcp_socket *tcp_alloc(int family, struct memory_account *payer);
status_t tcp_create(int family, struct socket **out);
status_t udp_create(int family, int protocol, struct socket **out); // IPPROTO_UDP, IPPROTO_UDPLITE
status_t ping_create(int family, struct socket **out);              // -EACCES: not in ping_group_range
status_t raw_create(int family, int protocol, struct socket **out); // -EPERM: no CAP_NET_RAW
// As inet_port_for_each_locked, of raw sockets.
void raw_for_each_locked(void (*visit)(const struct inet_claim *claim, void *context), void *context)
    REQUIRES(&inet_lock);
ALWAYS_INLINE struct stream *tcp_stream(struct tcp_socket *socket) {
    return atomic_load_explicit(&socket->stream, memory_order_acquire);
}

// --- tcp_connect.c ---
status_t tcp_connect(struct socket *socket, const struct address *address, bool nonblock);
status_t tcp_listen(struct socket *socket, int backlog);
status_t tcp_accept(struct socket *socket, bool nonblock, struct socket **out);
// Stops listening: clients see their connections reset. Takes and leaves inet_lock free.
void tcp_listener_close(struct tcp_socket *listener);
// A connect under way is given up: the client's state becomes TCP_CLOSE. The caller drops *server (may be null).
void tcp_connect_cancel_locked(struct tcp_socket *client, struct tcp_socket **server) REQUIRES(&inet_lock);
void tcp_drop_unused(struct tcp_socket *server); // what was made for a connection that did not come about
// Waits for a connect under way. 0: it is over, well or not.
MUST_USE status_t tcp_wait_connected(struct tcp_socket *client, bool nonblock, nsec_t timeout);
void tcp_update_signals_locked(struct tcp_socket *socket) REQUIRES(&inet_lock);

// --- tcp_info.c ---
status_t tcp_get_option(struct socket *base, int level, int name, void *value, size_t *size);

// Who may make ping sockets: the least group in the upper half, the greatest in the lower.
extern _Atomic uint64_t ping_groups;

void inet_proc_init(void);
void inet_snmp_init(void);
// Of a claim, as /proc/net and ss show it. inet_lock is held.
unsigned inet_claim_state(const struct inet_claim *claim);
uint32_t inet_claim_unread(const struct inet_claim *claim);
