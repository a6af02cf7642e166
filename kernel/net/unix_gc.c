// SPDX-License-Identifier: MPL-2.0
// Sockets in flight can hold each other: A is sent over B, B over A, both are closed, and no process can ever read
// either queue. The collector finds such sockets and empties their queues, which drops the handles.
//
// A socket all of whose handles lie in queues of sockets is a candidate. A candidate that some non-candidate's queue
// holds can still be received, so it is none; and so on until nothing changes. What remains is garbage. A socket in a
// listener's backlog has no handle of its own and shares its listener's fate.
//
// Every packet with handles enters and leaves its queue under gc.lock, so a scan counts each exactly once. A parcel on
// its way (packed, not yet queued, or taken out, not yet installed) holds handles that the scan does not find, which
// makes its sockets non-candidates: safe. The work is in proportion to all sockets, and done only when one closes while
// packets with sockets in them exist.
#include "unix_priv.h"

static struct {
    struct spinlock lock;
    struct list_node all GUARDED_BY(&lock); // linked on first use
    bool running GUARDED_BY(&lock);
} gc;

void unix_gc_lock(void) NO_THREAD_SAFETY {
    spin_lock(&gc.lock);
}
void unix_gc_unlock(void) NO_THREAD_SAFETY {
    spin_unlock(&gc.lock);
}

void unix_gc_add(struct unix_socket *socket) {
    spin_lock(&gc.lock);
    if (!gc.all.next)
        list_init(&gc.all);
    list_push_back(&gc.all, &socket->all_node);
    spin_unlock(&gc.lock);
}

void unix_gc_remove(struct unix_socket *socket) {
    spin_lock(&gc.lock);
    list_remove(&socket->all_node);
    spin_unlock(&gc.lock);
}

void unix_for_each(void (*visit)(struct unix_socket *socket, void *context), void *context) {
    spin_lock(&gc.lock);
    struct unix_socket *socket;
    if (gc.all.next)
        LIST_FOR_EACH(socket, &gc.all, all_node)
    visit(socket, context);
    spin_unlock(&gc.lock);
}

typedef bool child_fn(struct unix_socket *child); // true: something changed

static bool visit_packets(struct list_node *packets, child_fn *visit) {
    struct packet *packet;
    bool changed = false;
    LIST_FOR_EACH(packet, packets, node) {
        for (unsigned i = 0; packet->rights && packet->rights->has_socket && i < packet->rights->count; i++) {
            struct socket *child = socket_of(packet->rights->item[i].object);
            if (child && child->family == AF_UNIX)
                changed |= visit(to_unix(child));
        }
    }
    return changed;
}

static bool visit_children(struct unix_socket *socket, child_fn *visit) {
    struct unix_connection *connection = unix_connection_of(socket);
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

static bool count_reference(struct unix_socket *child) {
    child->gc_references++;
    return true;
}

static bool mark_reachable(struct unix_socket *child) {
    bool changed = child->gc_candidate;
    child->gc_candidate = false;
    return changed;
}

static bool is_garbage(const struct unix_socket *socket) {
    return socket->gc_candidate || (socket->listener && socket->listener->gc_candidate);
}

// Finds the garbage. Returns false if there is none.
static bool mark(const struct unix_socket *leaving) REQUIRES(&gc.lock) {
    struct unix_socket *socket;
    bool any = false, changed = true;
    LIST_FOR_EACH(socket, &gc.all, all_node)
    socket->gc_references = 0;
    LIST_FOR_EACH(socket, &gc.all, all_node)
    any |= visit_children(socket, count_reference);
    if (!any)
        return false;
    LIST_FOR_EACH(socket, &gc.all, all_node) {
        uint32_t handles = atomic_load_explicit(&socket->socket.object.handles, memory_order_relaxed);
        handles -= socket == leaving;
        socket->gc_candidate = handles > 0 && handles == socket->gc_references;
    }
    while (changed) {
        changed = false;
        LIST_FOR_EACH(socket, &gc.all, all_node)
        if (!is_garbage(socket))
            changed |= visit_children(socket, mark_reachable);
    }
    any = false;
    LIST_FOR_EACH(socket, &gc.all, all_node)
    any |= is_garbage(socket);
    return any;
}

// Moves the packets of a garbage socket to `dead`.
static void sweep(struct unix_socket *socket, struct list_node *dead) {
    struct unix_connection *connection = unix_connection_of(socket);
    if (connection) {
        struct unix_end *end = &connection->end[socket->side];
        spin_lock(&connection->lock);
        if (!end->reading) {
            list_splice_back(dead, &end->packets);
            end->bytes = 0;
        }
        spin_unlock(&connection->lock);
    } else {
        spin_lock(&socket->lock);
        list_splice_back(dead, &socket->packets);
        socket->packet_count = 0;
        spin_unlock(&socket->lock);
    }
}

void unix_gc_run(const struct unix_socket *leaving) {
    struct list_node dead = LIST_INIT(dead);
    if (!parcel_has_sockets_in_flight())
        return;
    spin_lock(&gc.lock);
    // Closing what the dead packets hold comes back here: once is enough, the outer run goes on.
    if (!gc.running && mark(leaving)) {
        struct unix_socket *socket;
        LIST_FOR_EACH(socket, &gc.all, all_node)
        if (is_garbage(socket))
            sweep(socket, &dead);
    }
    bool found = !list_is_empty(&dead);
    gc.running |= found;
    spin_unlock(&gc.lock);
    if (!found)
        return;
    packet_destroy_all(&dead);
    spin_lock(&gc.lock);
    gc.running = false;
    spin_unlock(&gc.lock);
}
