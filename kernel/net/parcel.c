// SPDX-License-Identifier: MPL-2.0
// Handles in flight.
//
// What one user may have in flight is bounded by the size of a handle table (-ETOOMANYREFS), or else a process
// could keep any number of open files in sockets that nobody reads.
#include "parcel.h"
#include "net_priv.h"

#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/flight.h>
#include <object/task.h>
#include <sched/thread.h>

#define USER_SLOTS 256

// Handles in flight by user; users share a slot if their ids collide, which errs on the side of the limit.
static _Atomic uint32_t in_flight[USER_SLOTS];
static _Atomic uint32_t *user_count(uint32_t uid) {
    return &in_flight[uid % USER_SLOTS];
}

static struct parcel *parcel_alloc(unsigned count) {
    struct parcel *parcel = kmalloc_charged(sizeof(*parcel) + count * sizeof(parcel->item[0]));
    if (parcel) {
        list_init(&parcel->dead);
        parcel->count = 0;
        parcel->has_flight = false;
        parcel->owner = cred_current()->uid;
    }
    return parcel;
}

static void parcel_add(struct parcel *parcel, struct object *object, uint32_t rights) {
    object_handle_acquire(object);
    parcel->item[parcel->count++] = (struct parcel_item){object, rights};
    struct flight *flight = object_flight(object);
    if (flight)
        flight_depart(flight, &parcel->has_flight);
    atomic_fetch_add_explicit(user_count(parcel->owner), 1, memory_order_relaxed);
}

status_t parcel_pack(const int32_t *handles, unsigned count, struct parcel **out) {
    *out = nullptr;
    if (count == 0)
        return 0;
    if (count > SCM_MAX_FD)
        return -EINVAL;
    const struct cred *cred = cred_current();
    struct handle_table *table = atomic_load_explicit(&task_current()->handles, memory_order_relaxed);
    uint32_t flying = atomic_load_explicit(user_count(cred->uid), memory_order_relaxed);
    if (flying > handle_table_limit(table) && !cred_has_cap(cred, CAP_SYS_RESOURCE) &&
        !cred_has_cap(cred, CAP_SYS_ADMIN))
        return -ETOOMANYREFS;
    struct parcel *parcel = parcel_alloc(count);
    if (!parcel)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++) {
        struct handle_ref ref;
        status_t status = handle_lookup(handles[i], 0, &ref);
        if (status == 0 && ~ref.rights & (RIGHT_TRANSFER | RIGHT_DUPLICATE)) { // the sender keeps its own
            handle_release(&ref);
            status = -EACCES;
        }
        if (status != 0) {
            parcel_destroy(parcel);
            return status;
        }
        parcel_add(parcel, ref.object, ref.rights);
        handle_release(&ref);
    }
    *out = parcel;
    return 0;
}

struct parcel *parcel_copy(const struct parcel *parcel) {
    struct parcel *copy = parcel_alloc(parcel->count);
    for (unsigned i = 0; copy && i < parcel->count; i++)
        parcel_add(copy, parcel->item[i].object, parcel->item[i].rights);
    return copy;
}

unsigned parcel_unpack(const struct parcel *parcel, int32_t *handles, unsigned room, bool close_on_exec) {
    unsigned done = 0;
    for (; done < parcel->count && done < room; done++) {
        const struct parcel_item *item = &parcel->item[done];
        object_get(item->object);
        int handle = handle_install(item->object, item->rights, close_on_exec ? HANDLE_CLOEXEC : 0);
        if (handle < 0) {
            object_put(item->object);
            break;
        }
        handles[done] = handle;
    }
    return done;
}

static void drop(struct parcel *parcel) {
    for (unsigned i = 0; i < parcel->count; i++)
        object_handle_release(parcel->item[i].object);
    flight_land(parcel->has_flight);
    atomic_fetch_sub_explicit(user_count(parcel->owner), parcel->count, memory_order_relaxed);
    kfree(parcel);
}

// A handle in it may be the last one of a socket in whose queue lies another parcel, and so on: that one is only added
// to the list, so that the stack does not grow with the chain.
void parcel_destroy(struct parcel *parcel) {
    struct thread *self = thread_current();
    if (!parcel)
        return;
    if (self->dead_parcels) {
        list_push_back(self->dead_parcels, &parcel->dead);
        return;
    }
    struct list_node dead = LIST_INIT(dead), *node = &parcel->dead;
    self->dead_parcels = &dead;
    do
        drop(CONTAINER_OF(node, struct parcel, dead));
    while ((node = list_pop_front(&dead)) != nullptr);
    self->dead_parcels = nullptr;
}
