// SPDX-License-Identifier: MPL-2.0
// What ICMP tells a socket: the pending error, and for who asks (IP_RECVERR) a queue of what was said, read by
// MSG_ERRQUEUE. The queue counts against the receive buffer and is paid for as what is received.
#include "control.h"
#include "datagram.h"

#include <abi/ip.h>
#include <lib/string.h>
#include <sched/realtime.h>

#define CLASS_OF_ERRORS 0xc0

// The entry as a packet: struct abi_extended_error, then the data that could not be delivered. nullptr: no memory.
static struct packet *make_entry(const struct inet_error *error, size_t skip) {
    struct abi_extended_error head = {.error = (uint32_t)error->error,
                                      .origin = error->v4 ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6,
                                      .type = error->type,
                                      .code = error->code,
                                      .info = error->info};
    size_t size = error->size - skip;
    struct uio_vec parts[2] = {{(uintptr_t)&head, sizeof(head)}, {(uintptr_t)error->data + skip, size}};
    struct uio uio = {.vec = parts, .count = 2, .kernel = true, .resid = sizeof(head) + size};
    struct packet *packet;
    if (packet_create(&uio, uio.resid, &packet) != 0)
        return nullptr;
    packet->routed = true;
    packet->route = (struct packet_route){
        .port = error->remote.port, .hops = 64, .class = error->v4 ? CLASS_OF_ERRORS : 0, .time = clock_realtime()};
    memcpy(packet->route.from, error->remote.address.bytes, sizeof(packet->route.from));
    memcpy(packet->route.to, error->offender.bytes, sizeof(packet->route.to));
    return packet;
}

static bool queue_entry(struct datagram_socket *socket, struct packet *packet) REQUIRES(&socket->lock) {
    struct socket *base = &socket->inet.socket;
    if (socket->closed || socket->bytes > atomic_load_explicit(&base->receive_buffer, memory_order_relaxed) ||
        !charge_cover(&socket->memory, stream_pages(socket->bytes + packet->charge)))
        return false;
    list_push_back(&socket->errors, &packet->node);
    socket->bytes += packet->charge;
    atomic_store_explicit(&base->has_errors, true, memory_order_relaxed);
    return true;
}

void datagram_fail(struct datagram_socket *socket, const struct inet_error *error, size_t skip) {
    struct socket *base = &socket->inet.socket;
    bool wanted = inet_option(&socket->inet, error->v4 ? OPTION_RECVERR : OPTION_RECVERR6);
    spin_lock(&inet_lock);
    bool connected = socket->inet.claim.state == TCP_ESTABLISHED;
    spin_unlock(&inet_lock);
    if (!wanted && (!connected || !error->fatal))
        return;
    struct packet *packet = wanted ? make_entry(error, skip) : nullptr;
    spin_lock(&socket->lock);
    bool queued = packet && queue_entry(socket, packet);
    atomic_store_explicit(&base->error, error->error, memory_order_relaxed);
    object_signal(&base->object, 0, SIGNAL_ERROR);
    wait_queue_wake_all(&socket->readers);
    spin_unlock(&socket->lock);
    if (packet && !queued)
        packet_destroy(packet);
}

// --- reading ---

// Takes the first entry out. The pending error is then the next entry's, or none.
static struct packet *take_entry(struct datagram_socket *socket) {
    struct socket *base = &socket->inet.socket;
    struct packet *packet = nullptr;
    struct list_node *node;
    spin_lock(&socket->lock);
    if ((node = list_pop_front(&socket->errors))) {
        packet = LIST_ENTRY(node, struct packet, node);
        socket->bytes -= packet->charge;
        charge_trim(&socket->memory, stream_pages(socket->bytes));
        uint32_t error = 0; // begins the entry
        if (!list_is_empty(&socket->errors)) {
            struct uio uio;
            uio_init_kernel(&uio, &error, sizeof(error));
            packet_copy(LIST_FIRST(&socket->errors, struct packet, node), 0, &uio, sizeof(error));
        }
        atomic_store_explicit(&base->has_errors, error != 0, memory_order_relaxed);
        atomic_store_explicit(&base->error, (int)error, memory_order_relaxed);
        if (error == 0)
            object_signal(&base->object, SIGNAL_ERROR, 0);
    }
    spin_unlock(&socket->lock);
    return packet;
}

static void add_entry(struct datagram_socket *socket, const struct packet *packet, struct ancillary *to) {
    int family = socket->inet.socket.family;
    struct {
        struct abi_extended_error error;
        uint8_t offender[sizeof(struct abi_sockaddr_in6)];
    } record;
    struct uio uio;
    struct inet_endpoint offender = {};
    struct address address;
    uio_init_kernel(&uio, &record.error, sizeof(record.error));
    packet_copy(packet, 0, &uio, sizeof(record.error));
    memcpy(offender.address.bytes, packet->route.to, sizeof(offender.address.bytes));
    inet_endpoint_to_address(family, &offender, &address);
    memcpy(record.offender, address.bytes, address.size);
    datagram_add_controls(&socket->inet, &packet->route, to);
    control_add(to, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, family == AF_INET ? IP_RECVERR : IPV6_RECVERR,
                &record, sizeof(record.error) + address.size);
}

ssize_t datagram_receive_error(struct datagram_socket *socket, struct message *message) {
    struct packet *packet = take_entry(socket);
    if (!packet)
        return -EAGAIN;
    size_t full = packet->size - sizeof(struct abi_extended_error), size = MIN(full, message->data->resid);
    size_t copied = packet_copy(packet, sizeof(struct abi_extended_error), message->data, size);
    if (message->address) {
        struct inet_endpoint to = {.port = packet->route.port};
        memcpy(to.address.bytes, packet->route.from, sizeof(to.address.bytes));
        inet_endpoint_to_address(socket->inet.socket.family, &to, message->address);
    }
    if (message->ancillary)
        add_entry(socket, packet, message->ancillary);
    packet_destroy(packet);
    message->result |= MSG_ERRQUEUE | (full > size ? (uint32_t)MSG_TRUNC : 0);
    return copied < size ? -EFAULT : (ssize_t)size;
}
