// SPDX-License-Identifier: MPL-2.0
// The collector of handles in flight.
//
// An object all of whose handles lie in queues is a candidate. A candidate that some non-candidate's queue holds can
// still be received, so it is none; and so on until nothing changes. What remains is garbage: its queues are emptied,
// which drops the handles.
//
// A collection looks at all objects that were ever passed or hold what was, and each closing asks for one, while
// messages with such handles exist. Among few objects it is made at once. Among many it waits until so many have been
// asked for that each pays for a few objects only, or for the collector's thread, which comes some milliseconds later:
// so closing a chain of thousands costs no more for each than closing one.
#include <object/flight.h>
#include <object/kthread.h>
#include <sched/timer.h>
#include <sched/wait.h>

#include "object_priv.h"

static struct {
    struct spinlock lock;
    struct list_node all GUARDED_BY(&lock); // linked on first use
    uint32_t count GUARDED_BY(&lock);       // in the list
    uint32_t owed GUARDED_BY(&lock);        // how often it was asked for since the last collection
    bool running GUARDED_BY(&lock);         // somebody collects
    bool again GUARDED_BY(&lock);           // and was asked to, meanwhile
    bool has_worker GUARDED_BY(&lock);
    struct wait_queue worker; // asleep until something is owed; under the lock
    _Atomic uint32_t messages;
    _Atomic uint64_t looks;
} flights;

enum { FEW = 64, LOOKS_PER_CALL = 8 };
#define DELAY ((nsec_t)5'000'000) // of its thread

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
    if (!list_is_linked(&flight->node)) {
        list_push_back(&flights.all, &flight->node);
        flights.count++;
    }
    spin_unlock(&flights.lock);
}

// An object that is on the list has been added by somebody who had a reference, so an unlinked one stays so.
void flight_remove(struct flight *flight) {
    if (!list_is_linked(&flight->node))
        return;
    spin_lock(&flights.lock);
    list_remove(&flight->node);
    flights.count--;
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

// Its guests share its fate.
static void reach(struct flight *flight) {
    struct flight *guest;
    flight->candidate = false;
    if (flight->visited)
        return;
    flight->visited = true;
    list_push_back(&reached, &flight->reached_node);
    LIST_FOR_EACH(guest, &flight->guests, guest_node)
    if (!guest->visited && !guest->candidate) {
        guest->visited = true;
        list_push_back(&reached, &guest->reached_node);
    }
}

static bool mark_reachable(struct flight *flight) {
    if (flight->candidate)
        reach(flight);
    return false;
}

static bool is_garbage(const struct flight *flight) {
    return flight->candidate || (flight->fate && flight->fate->candidate);
}

// As if nobody were anybody's guest; then who is.
static void begin(void) REQUIRES(&flights.lock) {
    struct flight *flight;
    LIST_FOR_EACH(flight, &flights.all, node) {
        flight->references = 0;
        flight->visited = false;
        list_init(&flight->guests);
    }
    LIST_FOR_EACH(flight, &flights.all, node) {
        flight->fate = flight->host;
        if (flight->fate)
            list_push_back(&flight->fate->guests, &flight->guest_node);
    }
}

// Finds the garbage. Returns false if there is none.
static bool mark(const struct flight *leaving) REQUIRES(&flights.lock) {
    struct flight *flight;
    bool any = false;
    atomic_fetch_add_explicit(&flights.looks, flights.count, memory_order_relaxed);
    begin();
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
    LIST_FOR_EACH(flight, &flights.all, node) {
        if (flight->visited || is_garbage(flight))
            continue;
        reach(flight);
        struct list_node *node;
        while ((node = list_pop_front(&reached)) != nullptr) {
            struct flight *next = LIST_ENTRY(node, struct flight, reached_node);
            next->ops->queues(next, mark_reachable);
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
static void collect_locked(const struct flight *leaving) REQUIRES(&flights.lock) {
    const struct flight_ops *kinds[KINDS];
    bool mine = !flights.running && flights.all.next;
    flights.again = flights.running;
    flights.running |= mine;
    while (mine && flights.running) {
        flights.again = false;
        flights.owed = 0;
        unsigned count = sweep(leaving, kinds);
        if (count > 0) {
            spin_unlock(&flights.lock);
            for (unsigned i = 0; i < count; i++)
                kinds[i]->bury();
            spin_lock(&flights.lock);
        }
        flights.running = count > 0 || flights.again;
    }
}

void flight_collect(const struct flight *leaving) {
    if (!flight_any())
        return;
    spin_lock(&flights.lock);
    flights.owed++;
    if (!flights.has_worker || flights.count <= FEW || flights.owed >= flights.count / LOOKS_PER_CALL)
        collect_locked(leaving);
    else if (flights.owed == 1)
        wait_queue_wake_one(&flights.worker);
    spin_unlock(&flights.lock);
}

// ---------------------------------------------------------------- its thread

static void work(void *unused) {
    (void)unused;
    spin_lock(&flights.lock);
    for (;;) {
        while (flights.owed == 0)
            (void)wait_queue_sleep(&flights.worker, &flights.lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        // Whatever else is closed meanwhile is looked at together.
        struct wait_queue nobody = WAIT_QUEUE_INIT(nobody);
        (void)wait_queue_sleep(&nobody, &flights.lock, WAIT_UNINTERRUPTIBLE, clock_now() + DELAY);
        if (flight_any())
            collect_locked(nullptr);
        else
            flights.owed = 0;
    }
}

void flight_start(void) {
    wait_queue_init(&flights.worker);
    bool started = kthread_create("flights", work, nullptr) != nullptr;
    spin_lock(&flights.lock);
    flights.has_worker = started;
    spin_unlock(&flights.lock);
}

uint64_t flight_looks(void) {
    return atomic_load_explicit(&flights.looks, memory_order_relaxed);
}
