// SPDX-License-Identifier: MPL-2.0
// Telling by signals: the watcher and the dpc behind object/async.h.
//
//   signaller (object lock held)              dpc
//   signals |= bits; were they 0?             bits = signals, signals = 0
//     one reference, raise the dpc            tell(bits); drops the reference
//
// Bits that come while others wait go with them.
#include <object/async.h>

#include "object_priv.h"

int object_async_named(struct object *object) {
    (void)object;
    return OBJECT_ASYNC_NAMED;
}

static void put(struct object_async *async) {
    if (refcount_down(&async->ref))
        async->destroy(async);
}

static void tell(struct dpc *dpc) {
    struct object_async *async = CONTAINER_OF(dpc, struct object_async, dpc);
    uint32_t signals = atomic_exchange_explicit(&async->signals, 0, memory_order_acq_rel);
    async->tell(async, signals);
    put(async);
}

static bool note(struct watcher *watcher, uint32_t signals) {
    struct object_async *async = CONTAINER_OF(watcher, struct object_async, watcher);
    if (atomic_fetch_or_explicit(&async->signals, signals & watcher->mask, memory_order_acq_rel) == 0) {
        refcount_up(&async->ref);
        dpc_raise(&async->dpc);
    }
    return false; // it woke nobody
}

struct object_async *object_async_install(struct object *object, struct object_async *fresh) {
    struct object_async *present = nullptr;
    refcount_init(&fresh->ref, 1);
    atomic_store_explicit(&fresh->signals, 0, memory_order_relaxed);
    fresh->dpc = (struct dpc)DPC_INIT(tell);
    fresh->watcher = (struct watcher){.object = object_wait_target(object), .notify = note};
    list_init(&fresh->watcher.node);
    if (!atomic_compare_exchange_strong_explicit(&object->async, &present, fresh, memory_order_acq_rel,
                                                 memory_order_acquire)) {
        fresh->destroy(fresh);
        return present;
    }
    object_watch(fresh->watcher.object, &fresh->watcher);
    object_mark(object, OBJECT_MARK_ASYNC);
    return fresh;
}

// The watched object's lock protects the mask.
void object_async_watch(struct object_async *async, uint32_t mask) {
    struct object *target = async->watcher.object;
    spin_lock(&target->lock);
    async->watcher.mask = mask;
    spin_unlock(&target->lock);
}

void object_async_forget(struct object *object) {
    struct object_async *async = atomic_exchange_explicit(&object->async, nullptr, memory_order_acq_rel);
    if (!async)
        return;
    object_unwatch(&async->watcher);
    put(async);
}
