// SPDX-License-Identifier: MPL-2.0
// What the datagram sockets of the Internet families share, whatever their protocol: UDP, ping and raw sockets. Private
// to kernel/net.
#pragma once

#include "inet_priv.h"

struct datagram_socket {
    struct inet_socket inet; // first
    struct spinlock lock;    // protects the rest
    struct list_node packets;
    struct list_node errors; // what ICMP told of (IP_RECVERR): each begins with a struct abi_extended_error
    uint32_t bytes;          // charge of both, against the receive buffer
    struct memory_charge memory;
    bool shut_read, shut_write, closed;
    uint32_t drops;
    struct wait_queue readers;
};

ALWAYS_INLINE struct datagram_socket *to_datagram(struct socket *socket) {
    return CONTAINER_OF(to_inet(socket), struct datagram_socket, inet);
}

// --- datagram.c ---
void datagram_init(struct datagram_socket *socket, const struct socket_ops *ops, int family, int type, int protocol);
void datagram_fini(struct datagram_socket *socket);
// Where to, as the message's address says; without one, to where the socket is connected. The port may be 0.
// -EDESTADDRREQ.
MUST_USE status_t datagram_destination(struct inet_socket *socket, const struct message *message,
                                       struct inet_endpoint *to);
// From where: as the message says, or the socket's name, which it gets by this if need be; and *to becomes an address
// of this machine. -EACCES: a broadcast that was not allowed. -ENETUNREACH.
MUST_USE status_t datagram_source_locked(struct inet_socket *socket, const struct message *message,
                                         struct inet_endpoint *to, struct inet_endpoint *from) REQUIRES(&inet_lock);
// May something be sent now? Takes the pending error.
MUST_USE status_t datagram_may_send(struct datagram_socket *socket);
// How a message goes from one place to another.
void datagram_describe(struct inet_socket *socket, const struct message *message, const struct inet_endpoint *to,
                       const struct inet_endpoint *from, struct packet_route *route);
// Queues the packet. False: it is lost; there is no room, or nobody pays.
bool datagram_deliver(struct datagram_socket *receiver, struct packet *packet);
// The verbs of struct socket_ops.
status_t datagram_connect(struct socket *base, const struct address *address, bool nonblock);
status_t datagram_shutdown(struct socket *base, bool read, bool write);
ssize_t datagram_receive(struct socket *base, struct message *message);
long datagram_ioctl(struct socket *base, unsigned command, unsigned long argument);
void datagram_memory(struct socket *base, uint32_t *unread, uint32_t *lost);
void datagram_closed(struct socket *base);

// --- datagram_control.c ---
status_t datagram_take_control(struct socket *base, const struct control_message *control, struct ancillary *out);
// Adds the control messages that the socket asked for.
void datagram_add_controls(struct inet_socket *socket, const struct packet_route *route, struct ancillary *to);

// --- datagram_error.c ---
// What ICMP says about a packet of ours: that is why it did not arrive.
struct inet_error {
    bool v4, fatal; // not fatal: only who asked (IP_RECVERR) hears of it
    uint8_t protocol, type, code;
    int error; // E…
    uint32_t info;
    struct inet_address offender;       // who says so
    struct inet_endpoint local, remote; // of the packet: from, to. Ports are the protocol's to fill in
    const uint8_t *data;                // what the packet had behind its IP header, cut
    size_t size;
};
// Tells the sender, of whose data `skip` bytes are its protocol's header.
void datagram_fail(struct datagram_socket *socket, const struct inet_error *error, size_t skip);
// MSG_ERRQUEUE. -EAGAIN: nothing there.
ssize_t datagram_receive_error(struct datagram_socket *socket, struct message *message);
