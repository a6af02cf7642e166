// SPDX-License-Identifier: MPL-2.0
// Ports in flight: a message may carry the handle of a port, and lie in the queue of that very port. The collector of
// object/flight.h frees what only queues hold, ports and AF_UNIX sockets alike.
#include "ipc_priv.h"

bool message_departs(struct port *port, const struct message *message) {
    if (LIKELY(!message->has_flight))
        return false;
    flight_add(&port->flight);
    flight_lock();
    return true;
}

void message_departed(bool locked) {
    if (UNLIKELY(locked))
        flight_unlock();
}

static struct port *of_flight(struct flight *flight) {
    return CONTAINER_OF(flight, struct port, flight);
}

static bool visit_message(struct queued *queued, void *context) {
    const struct message *message = CONTAINER_OF(queued, struct message, queued);
    flight_visit *visit = *(flight_visit **)context;
    bool changed = false;
    for (unsigned i = 0; message->has_flight && i < message->handle_count; i++) {
        struct flight *flight = object_flight(message->handles[i].object);
        if (flight)
            changed |= visit(flight);
    }
    return changed;
}

static bool visit_queues(struct flight *flight, flight_visit *visit) {
    struct port *port = of_flight(flight);
    spin_lock(&port->lock);
    bool changed = port_for_each_queued(port, visit_message, &visit);
    spin_unlock(&port->lock);
    return changed;
}

static struct list_node dead = LIST_INIT(dead); // messages of garbage; the collector's

// Nobody will ever receive from it: it ends as if it were closed already.
static void sweep(struct flight *flight) {
    struct port *port = of_flight(flight);
    spin_lock(&port->lock);
    port_empty_locked(port, &dead);
    spin_unlock(&port->lock);
}

static void bury(void) {
    messages_free(&dead);
}

const struct flight_ops port_flight_ops = {.queues = visit_queues, .sweep = sweep, .bury = bury};
