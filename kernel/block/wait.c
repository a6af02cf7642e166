// SPDX-License-Identifier: MPL-2.0
// Waiting for requests. Not even a fatal signal ends it: the disk writes to the memory until it is done.
#include "block_priv.h"

#include <abi/resource.h>
#include <sched/sched.h>

enum block_priority block_priority(enum block_priority usual) {
    switch (thread_current()->io_priority >> IOPRIO_CLASS_SHIFT) {
    case IOPRIO_CLASS_RT:
        return BLOCK_URGENT;
    case IOPRIO_CLASS_IDLE:
        return BLOCK_BACKGROUND;
    default:
        return usual;
    }
}

struct crew {
    struct spinlock lock; // protects the rest
    unsigned open;
    status_t status; // the first error
    struct wait_queue wait;
};

// The crew is on the waiter's stack: it is left alone once the lock is free.
static void one_done(struct block_request *request) {
    struct crew *crew = request->context;
    spin_lock(&crew->lock);
    if (crew->status == 0)
        crew->status = request->status;
    if (--crew->open == 0)
        wait_queue_wake_all(&crew->wait);
    spin_unlock(&crew->lock);
}

status_t block_run(struct block_device *device, struct list_node *requests) {
    struct crew crew = {};
    spin_init(&crew.lock);
    wait_queue_init(&crew.wait);
    struct block_request *request;
    LIST_FOR_EACH(request, requests, node) {
        request->done = one_done;
        request->context = &crew;
        crew.open++;
    }
    block_submit(device, requests);
    spin_lock(&crew.lock);
    while (crew.open > 0) {
        // Uninterruptible and without a deadline: there is no other end than being woken.
        (void)!wait_queue_sleep(&crew.wait, &crew.lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
    }
    spin_unlock(&crew.lock);
    return crew.status;
}

status_t block_run_one(struct block_device *device, struct block_request *request) {
    struct list_node list = LIST_INIT(list);
    list_push_back(&list, &request->node);
    return block_run(device, &list);
}
