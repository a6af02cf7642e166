// SPDX-License-Identifier: MPL-2.0
// Waiting for signals of one object or of many, for the native calls and for poll and select. A thread adds a
// watcher to each object, and looks at all signals again each time it has marked itself blocked, so no change is lost.

#include <lib/status.h>
#include <object/object.h>
#include <object/wait_one.h>

#include "object_priv.h"
#include <sched/handoff.h>

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
        item->ready = object_take(item->watcher.object, item->mask, item->consume);
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

// ---------------------------------------------------------------- one object

bool object_wake_single(struct watcher *watcher, uint32_t signals) {
    (void)signals;
    struct thread *thread = single_wait_claim(watcher);
    if (thread)
        thread_make_ready(thread);
    return thread != nullptr;
}

// `next`, if it is not null, was claimed: it goes on when this thread sleeps, or at once if it does not.
ALWAYS_INLINE status_t wait_single(struct object *object, uint32_t mask, uint32_t consume, nsec_t deadline,
                                   uint32_t *signals, struct thread *next) {
    struct single_wait wait;
    single_wait_init(&wait, object, mask, consume, nullptr);
    for (;;) {
        status_t status = 0;
        if (LIKELY(single_wait_begin(&wait))) {
            status = next ? thread_block_for(next, deadline) : thread_block_interruptible(deadline);
        } else {
            if (next)
                thread_make_ready(next);
            thread_cancel_block();
        }
        next = nullptr;
        *signals = single_wait_end(&wait);
        if (LIKELY(*signals != 0))
            return 0;
        if (status != 0)
            return status;
    }
}

status_t object_wait(struct object *object, uint32_t mask, uint32_t consume, nsec_t deadline, uint32_t *signals) {
    object = object_wait_target(object);
    *signals = object_take(object, mask, consume);
    if (*signals != 0)
        return 0;
    return deadline <= 0 ? -ETIMEDOUT : wait_single(object, mask, consume, deadline, signals, nullptr);
}

status_t object_signal_and_wait(struct object *object, uint32_t clear, uint32_t set, struct object *waited,
                                uint32_t mask, uint32_t consume, nsec_t deadline, uint32_t *signals) {
    waited = object_wait_target(waited); // may block
    struct thread *next = object_signal_claim(object->wait_target, clear, set);
    *signals = object_take(waited, mask, consume);
    if (LIKELY(*signals == 0) && LIKELY(deadline > 0))
        return wait_single(waited, mask, consume, deadline, signals, next);
    if (next)
        thread_make_ready(next);
    return *signals != 0 ? 0 : -ETIMEDOUT;
}
