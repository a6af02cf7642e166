// SPDX-License-Identifier: MPL-2.0
// Waiting for signals of one object or of many, for the native calls and for poll and select. A thread adds a
// watcher to each object, and looks at all signals again each time it has marked itself blocked, so no change is lost.

#include <lib/status.h>
#include <object/object.h>
#include <sched/thread.h>

struct poll_waiter {
    struct thread *thread;
};

static bool wake_waiter(struct watcher *watcher, uint32_t signals) {
    (void)signals;
    return thread_wake(CONTAINER_OF(watcher, struct wait_item, watcher)->waiter->thread);
}

// Fills `ready`; returns the number of items that have something.
static int scan(struct wait_item *items, unsigned count) {
    int found = 0;
    for (unsigned i = 0; i < count; i++) {
        struct wait_item *item = &items[i];
        if (!item->object)
            continue;
        item->ready = object_signals(item->watcher.object) & item->mask;
        found += item->ready != 0;
    }
    return found;
}

static void watch_all(struct wait_item *items, unsigned count, struct poll_waiter *waiter) {
    for (unsigned i = 0; i < count; i++) {
        struct wait_item *item = &items[i];
        if (!item->object)
            continue;
        item->waiter = waiter;
        item->watcher.mask = item->mask;
        item->watcher.exclusive = false;
        item->watcher.notify = wake_waiter;
        object_watch(item->watcher.object, &item->watcher);
    }
}

static void unwatch_all(struct wait_item *items, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (items[i].object)
            object_unwatch(&items[i].watcher);
}

int object_wait_many(struct wait_item *items, unsigned count, nsec_t deadline) {
    for (unsigned i = 0; i < count; i++)
        if (items[i].object)
            items[i].watcher.object = object_wait_target(items[i].object);
    int found = scan(items, count);
    if (found != 0 || deadline <= 0)
        return found;
    struct poll_waiter waiter = {.thread = thread_current()};
    watch_all(items, count, &waiter);
    status_t status = 0;
    for (;;) {
        thread_prepare_block(WAIT_INTERRUPTIBLE);
        found = scan(items, count);
        if (found != 0 || status != 0) {
            thread_cancel_block();
            break;
        }
        status = thread_block(deadline);
    }
    unwatch_all(items, count);
    if (found == 0 && status == -EINTR)
        return status;
    return found;
}

status_t object_wait(struct object *object, uint32_t mask, nsec_t deadline, uint32_t *signals) {
    struct wait_item item = {.object = object, .mask = mask};
    int found = object_wait_many(&item, 1, deadline);
    if (found < 0)
        return found;
    if (found == 0)
        return -ETIMEDOUT;
    *signals = item.ready;
    return 0;
}
