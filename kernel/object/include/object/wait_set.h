// SPDX-License-Identifier: MPL-2.0
// Wait sets: one thing to wait on for many objects, at a cost that depends on what is ready and not on what is in
// the set. epoll is their Linux face.
//
// An item is known by (object, key): a key is the caller's number for it (epoll: the descriptor). It has a mask of
// signals and a word of user data. Level-triggered items are reported as long as they are ready, edge-triggered ones
// once for each signal; one-shot items go to sleep after a report until modified. Items do not keep their
// object open: it leaves the set when its last handle goes.
#pragma once

#include <object/object.h>

enum {
    WAIT_SET_EDGE = 1,
    WAIT_SET_ONE_SHOT = 2,
    WAIT_SET_EXCLUSIVE = 4, // of several sets that watch an object so, one is told
};

struct wait_set;

// Takes a report; may touch user memory. False: it cannot take it, and the item stays as it was.
typedef bool wait_set_emit(void *context, uint32_t signals, uint64_t data);

// nullptr: no memory. One reference.
struct object *wait_set_create(void);
// The set behind an object; null: it is none.
extern const struct object_ops wait_set_ops;
ALWAYS_INLINE struct wait_set *wait_set_of(struct object *object) {
    return object->ops == &wait_set_ops ? (struct wait_set *)object : nullptr; // the object comes first in it
}

struct wait_set_item_info {
    uint32_t mask;  // signals; ERROR and HANGUP are always reported
    uint32_t flags; // WAIT_SET_*
    uint64_t data;
};
// The caller holds a handle of the object. -EEXIST, -ENOMEM, -ELOOP (a set in itself, or nested too deep).
MUST_USE status_t wait_set_add(struct wait_set *set, struct object *object, int key,
                               const struct wait_set_item_info *info);
// -ENOENT. Exclusive items cannot be modified: -EINVAL.
MUST_USE status_t wait_set_modify(struct wait_set *set, struct object *object, int key,
                                  const struct wait_set_item_info *info);
MUST_USE status_t wait_set_remove(struct wait_set *set, struct object *object, int key);
// Emits up to `max` reports, waiting for the first until the deadline (≤ 0: does not wait). Their number, 0 on time-out
// or if emit refused the first one, -EINTR.
int wait_set_wait(struct wait_set *set, unsigned max, nsec_t deadline, wait_set_emit *emit, void *context);
// Lines of /proc/PID/fdinfo.
int wait_set_describe(struct wait_set *set, char *to, size_t size);
