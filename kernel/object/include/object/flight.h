// SPDX-License-Identifier: MPL-2.0
// Handles in flight: objects whose queues hold handles of others, and may so hold each other, or themselves, when
// nobody else does any more. AF_UNIX sockets and ports are such objects.
//
// A handle of such an object enters and leaves a queue with the flight lock held, so that the collector counts each
// exactly once. One on its way (taken up, not yet queued, or taken out, not yet installed) is not found in any queue,
// which makes its object look held: safe.
//
// Lock order: the flight lock, then the locks of the objects' queues.
#pragma once

#include <object/object.h>

struct flight;
typedef bool flight_visit(struct flight *flight); // true: something has changed

// All run with the flight lock held, and may not block.
struct flight_ops {
    // Visits the flight of each handle in the object's queues. True: a visit was.
    bool (*queues)(struct flight *flight, flight_visit *visit);
    // Takes what lies in its queues out, for `bury`.
    void (*sweep)(struct flight *flight);
    // No lock held, may block: drops what was swept. One thread at a time.
    void (*bury)(void);
};

// Part of an object; under the flight lock, but for `passed`.
struct flight {
    struct list_node node; // all that the collector looks at
    struct object *object;
    const struct flight_ops *ops;
    struct flight *host;     // it has no handle of its own and shares this one's fate (an unaccepted connection)
    _Atomic bool passed;     // was sent: when a handle to it goes, those in flight may be all that is left
    uint32_t references;     // handles found in queues
    _Atomic uint32_t queued; // how many that were when the collector last looked
    bool candidate, visited;
    struct list_node reached_node;
    // While the collector looks: the host, or null; its guests.
    struct flight *fate;
    struct list_node guests, guest_node;
};

void flight_lock(void);
void flight_unlock(void);
void flight_init(struct flight *flight, struct object *object, const struct flight_ops *ops);
// From now on the collector looks at it; again is harmless. flight_remove: before its memory goes.
void flight_add(struct flight *flight);
void flight_remove(struct flight *flight);
// The one after `flight` (null: the first) that has these operations; null: there is none. The lock is held.
struct flight *flight_next_locked(struct flight *flight, const struct flight_ops *ops);
// The object's; null: its handles need no care.
ALWAYS_INLINE struct flight *object_flight(struct object *object) {
    return object->ops->flight ? object->ops->flight(object) : nullptr;
}
// A message takes up a handle of it: the first such handle of a message counts the message.
void flight_depart(struct flight *flight, bool *counted);
void flight_land(bool counted); // the message is gone
bool flight_any(void);          // there are such messages
// How many handles of the object the collector found in queues when it last looked: once there are no others, it looks
// again.
uint32_t flight_queued(struct object *object);
// Frees objects that only queues of each other hold. Called when such an object closes, when a handle to one that was
// passed is about to go (`leaving`, or null), and when a handle count has gone and only those in queues are left: two
// threads may close the last two handles at once, or a call use the object beyond its last handle. Blocks. Where there
// are many objects to look at, a thread of the kernel's does it, soon, for many such calls at once.
void flight_collect(const struct flight *leaving);
// At boot: starts that thread.
void flight_start(void);
// How many objects the collector has looked at so far (tests).
uint64_t flight_looks(void);
