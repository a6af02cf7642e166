// SPDX-License-Identifier: MPL-2.0
// The collector of handles in flight.
//
// An object all of whose handles lie in queues is a candidate. A candidate that some non-candidate's queue holds can
// still be received, so it is none; and so on until nothing changes. What remains is garbage: its queues are emptied,
// which drops the handles. The work is in proportion to the objects that were ever passed or hold what was, and is done
// only when one closes, or is left by all but queues, while messages with such handles exist.
#include <object/flight.h>

#include "object_priv.h"

static struct {
    struct spinlock lock;
    struct list_node all GUARDED_BY(&lock); // linked on first use
    bool running GUARDED_BY(&lock);         // somebody collects
    bool again GUARDED_BY(&lock);           // and was asked to, meanwhile
    _Atomic uint32_t messages;
} flights;

void flight_lock(void) NO_THREAD_SAFETY {
    spin_lock(&flights.lock);
}
void flight_unlock(void) NO_THREAD_SAFETY {
    spin_unlock(&flights.lock);
}

void flight_init(struct flight *flight, struct object *object, const struct flight_ops *ops) {
    *flight = (struct flight){.object = object, .ops = ops};
    list_init(&flight->node);
}

void flight_add(struct flight *flight) {
    spin_lock(&flights.lock);
    if (!flights.all.next)
        list_init(&flights.all);
    if (!list_is_linked(&flight->node))
        list_push_back(&flights.all, &flight->node);
    spin_unlock(&flights.lock);
}

// An object that is on the list has been added by somebody who had a reference, so an unlinked one stays so.
void flight_remove(struct flight *flight) {
    if (!list_is_linked(&flight->node))
        return;
    spin_lock(&flights.lock);
    list_remove(&flight->node);
    spin_unlock(&flights.lock);
}

struct flight *flight_next_locked(struct flight *flight, const struct flight_ops *ops) NO_THREAD_SAFETY {
    struct list_node *node = flight ? flight->node.next : flights.all.next;
    for (; node && node != &flights.all; node = node->next) {
        flight = LIST_ENTRY(node, struct flight, node);
        if (flight->ops == ops)
            return flight;
    }
    return nullptr;
}

bool flight_any(void) {
    return atomic_load_explicit(&flights.messages, memory_order_relaxed) != 0;
}

void flight_depart(struct flight *flight, bool *counted) {
    if (!atomic_load_explicit(&flight->passed, memory_order_relaxed)) {
        atomic_store_explicit(&flight->passed, true, memory_order_relaxed);
        object_mark(flight->object, OBJECT_MARK_FLIGHT | OBJECT_MARK_RCU);
        flight_add(flight);
    }
    if (!*counted)
        atomic_fetch_add_explicit(&flights.messages, 1, memory_order_relaxed);
    *counted = true;
}

void flight_land(bool counted) {
    if (counted)
        atomic_fetch_sub_explicit(&flights.messages, 1, memory_order_relaxed);
}

static bool count_reference(struct flight *flight) {
    flight->references++;
    return true;
}

// Reachable flights whose queues are still to be looked at; under flights.lock.
static struct list_node reached = LIST_INIT(reached);

static void reach(struct flight *flight) {
    flight->candidate = false;
    if (!flight->visited)
        list_push_back(&reached, &flight->reached_node);
    flight->visited = true;
}

static bool mark_reachable(struct flight *flight) {
    if (flight->candidate)
        reach(flight);
    return false;
}

static bool is_garbage(const struct flight *flight) {
    return flight->candidate || (flight->host && flight->host->candidate);
}

// Finds the garbage. Returns false if there is none.
static bool mark(const struct flight *leaving) REQUIRES(&flights.lock) {
    struct flight *flight;
    bool any = false, changed = true;
    LIST_FOR_EACH(flight, &flights.all, node) {
        flight->references = 0;
        flight->visited = false;
    }
    LIST_FOR_EACH(flight, &flights.all, node)
    any |= flight->ops->queues(flight, count_reference);
    LIST_FOR_EACH(flight, &flights.all, node)
    atomic_store_explicit(&flight->queued, flight->references, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst); // whoever drops a handle that is counted below sees that number
    if (!any)
        return false;
    LIST_FOR_EACH(flight, &flights.all, node) {
        uint32_t handles = atomic_load_explicit(&flight->object->handles, memory_order_relaxed);
        handles -= flight == leaving;
        flight->candidate = handles > 0 && handles == flight->references;
    }
    while (changed) { // again only if a host was reached after those who share its fate
        changed = false;
        LIST_FOR_EACH(flight, &flights.all, node) {
            if (flight->visited || is_garbage(flight))
                continue;
            changed = true;
            reach(flight);
            struct list_node *node;
            while ((node = list_pop_front(&reached)) != nullptr) {
                struct flight *next = LIST_ENTRY(node, struct flight, reached_node);
                next->ops->queues(next, mark_reachable);
            }
        }
    }
    any = false;
    LIST_FOR_EACH(flight, &flights.all, node)
    any |= is_garbage(flight);
    return any;
}

uint32_t flight_queued(struct object *object) {
    struct flight *flight = object_flight(object);
    return flight ? atomic_load_explicit(&flight->queued, memory_order_relaxed) : 0;
}

enum { KINDS = 4 };

// Takes what garbage has in its queues out of them; *kinds: whose `bury` drops it. Returns how many.
static unsigned sweep(const struct flight *leaving, const struct flight_ops *kinds[KINDS]) REQUIRES(&flights.lock) {
    unsigned count = 0;
    struct flight *flight;
    if (!mark(leaving))
        return 0;
    LIST_FOR_EACH(flight, &flights.all, node) {
        if (!is_garbage(flight))
            continue;
        flight->ops->sweep(flight);
        unsigned i = 0;
        while (i < count && kinds[i] != flight->ops)
            i++;
        if (i == count && count < KINDS)
            kinds[count++] = flight->ops;
    }
    return count;
}

// Closing what the dead messages hold comes back here, and so may other threads: whoever is at it goes on.
void flight_collect(const struct flight *leaving) {
    const struct flight_ops *kinds[KINDS];
    if (!flight_any())
        return;
    spin_lock(&flights.lock);
    bool mine = !flights.running && flights.all.next;
    flights.again = flights.running;
    flights.running |= mine;
    while (mine && flights.running) {
        flights.again = false;
        unsigned count = sweep(leaving, kinds);
        if (count > 0) {
            spin_unlock(&flights.lock);
            for (unsigned i = 0; i < count; i++)
                kinds[i]->bury();
            spin_lock(&flights.lock);
        }
        flights.running = count > 0 || flights.again;
    }
    spin_unlock(&flights.lock);
}
