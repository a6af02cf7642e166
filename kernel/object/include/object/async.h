// SPDX-License-Identifier: MPL-2.0
// Who is told by signals (SIGIO) when something happens to an open file.
//
// The object layer watches; what is told to whom is the business of whoever embeds this struct (posix/file/async.c). An
// object has at most one, from the first use on until its last handle is gone.
//
// Signals are sent under locks that come before an object's, so a watcher cannot send them. It notes what came up and
// raises a dpc: that runs before the thread whose write or send it was is back in user mode.
#pragma once

#include <object/object.h>
#include <sched/dpc.h>

struct object_async {
    struct watcher watcher; // of the wait target
    struct dpc dpc;
    struct refcount ref;      // the object's, and one while `signals` is not 0
    _Atomic uint32_t signals; // that came up and are not told yet
    // In a dpc: neither may block. The object may be gone.
    void (*tell)(struct object_async *async, uint32_t signals);
    void (*destroy)(struct object_async *async);
};

// Gives the object `fresh`, which nobody is told of yet, unless it has one: returns what it has. The caller has a
// handle.
struct object_async *object_async_install(struct object *object, struct object_async *fresh);
// From now on it is told of the bits of `mask`.
void object_async_watch(struct object_async *async, uint32_t mask);
// What the object has, or null. The caller has a handle.
ALWAYS_INLINE struct object_async *object_async(struct object *object) {
    return atomic_load_explicit(&object->async, memory_order_acquire);
}
