// SPDX-License-Identifier: MPL-2.0
// Sockets in flight can hold each other: A is sent over B, B over A, both are closed, and no process can ever read
// either queue. The collector (object/flight.h) finds such sockets and empties their queues, which drops the handles.
// A socket in a listener's backlog has no handle of its own and shares its listener's fate.
#include "unix_priv.h"

void unix_for_each(void (*visit)(struct unix_socket *socket, void *context), void *context) {
    struct flight *flight = nullptr;
    flight_lock();
    while ((flight = flight_next_locked(flight, &unix_flight_ops)) != nullptr)
        visit(CONTAINER_OF(flight, struct unix_socket, flight), context);
    flight_unlock();
}

static bool visit_packets(struct list_node *packets, flight_visit *visit) {
    struct packet *packet;
    bool changed = false;
    LIST_FOR_EACH(packet, packets, node) {
        for (unsigned i = 0; packet->rights && packet->rights->has_flight && i < packet->rights->count; i++) {
            struct flight *flight = object_flight(packet->rights->item[i].object);
            if (flight)
                changed |= visit(flight);
        }
    }
    return changed;
}

static struct unix_socket *of_flight(struct flight *flight) {
    return CONTAINER_OF(flight, struct unix_socket, flight);
}

static bool visit_queues(struct flight *flight, flight_visit *visit) {
    struct unix_socket *socket = of_flight(flight);
    struct stream *connection = unix_connection_of(socket);
    bool changed;
    if (connection) {
        spin_lock(&connection->lock);
        changed = visit_packets(&connection->end[socket->side].packets, visit);
        spin_unlock(&connection->lock);
    } else {
        spin_lock(&socket->lock);
        changed = visit_packets(&socket->packets, visit);
        spin_unlock(&socket->lock);
    }
    return changed;
}

static struct list_node dead = LIST_INIT(dead); // packets of garbage; the collector's

static void sweep(struct flight *flight) {
    struct unix_socket *socket = of_flight(flight);
    struct stream *connection = unix_connection_of(socket);
    if (connection) {
        struct stream_end *end = &connection->end[socket->side];
        spin_lock(&connection->lock);
        if (!end->reading) {
            list_splice_back(&dead, &end->packets);
            stream_queue_emptied_locked(end);
        }
        spin_unlock(&connection->lock);
    } else {
        spin_lock(&socket->lock);
        list_splice_back(&dead, &socket->packets);
        socket->packet_count = 0;
        spin_unlock(&socket->lock);
    }
}

static void bury(void) {
    packet_destroy_all(&dead);
}

const struct flight_ops unix_flight_ops = {.queues = visit_queues, .sweep = sweep, .bury = bury};
