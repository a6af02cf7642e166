// SPDX-License-Identifier: MPL-2.0
// Handles in flight: SCM_RIGHTS turns handles into references when a message is sent and into handles again when it
// is received. Private to kernel/net.
#pragma once

#include <lib/list.h>
#include <object/object.h>

struct parcel_item {
    struct object *object; // one handle (and so one reference) in flight
    uint32_t rights;
};
struct parcel {
    struct list_node dead; // while it is destroyed
    unsigned count;
    uint32_t owner;  // user id it is charged to
    bool has_flight; // holds sockets or ports: may be part of a cycle
    struct parcel_item item[];
};

// Takes up `count` handles of the current task. -EBADF, -EACCES (a handle may not be transferred), -ETOOMANYREFS,
// -EINVAL (too many), -ENOMEM.
MUST_USE status_t parcel_pack(const int32_t *handles, unsigned count, struct parcel **out);
// Installs up to `room` of the handles in the current task: numbers to `handles`. Returns how many. `count` stays: a
// peeked parcel is unpacked again later.
unsigned parcel_unpack(const struct parcel *parcel, int32_t *handles, unsigned room, bool close_on_exec);
// A second parcel of the same handles (MSG_PEEK). nullptr: no memory.
struct parcel *parcel_copy(const struct parcel *parcel);
// Drops the handles that are still in it. May block (a last handle closes its object). Null is allowed.
void parcel_destroy(struct parcel *parcel);
