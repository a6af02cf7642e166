// SPDX-License-Identifier: MPL-2.0
// Wait queues: where threads sleep until a condition, which their waker made true, holds.
//
//   waiter                                   waker
//   spin_lock(&thing->lock)                  spin_lock(&thing->lock)
//   while (!condition)                       condition = true
//       wait_queue_sleep(q, &lock, …)        wait_queue_wake_one(q)
//   spin_unlock(&thing->lock)                spin_unlock(&thing->lock)
//
// The queue is protected by the lock of the thing that it belongs to, so no wake-up is lost.
#pragma once

#include <lib/list.h>
#include <sched/spinlock.h>

struct wait_queue {
    struct list_node waiters; // struct waiter.node, in order of arrival
};

// A sleeper's place in a queue, on its own stack.
struct waiter {
    struct list_node node;
    struct thread *thread;
};

#define WAIT_QUEUE_INIT(name) {LIST_INIT((name).waiters)}

ALWAYS_INLINE void wait_queue_init(struct wait_queue *queue) {
    list_init(&queue->waiters);
}
ALWAYS_INLINE bool wait_queue_is_empty(struct wait_queue *queue) {
    return list_is_empty(&queue->waiters);
}

enum wait_mode {
    WAIT_UNINTERRUPTIBLE, // for bounded waits in the kernel only
    WAIT_KILLABLE,        // a fatal signal ends it
    WAIT_INTERRUPTIBLE,   // any unblocked signal ends it
};

// Sleeps until woken, until `deadline` (absolute, NSEC_NEVER: none) or, by mode, until a signal
// comes. Releases `lock` while asleep and holds it again on return. 0: woken (recheck the
// condition). -ETIMEDOUT. -EINTR: a signal is pending; callers that Linux restarts turn it into
// -ERESTARTSYS. The only blocking primitive: all others are built from it and thread_block.
MUST_USE status_t wait_queue_sleep(struct wait_queue *queue, struct spinlock *lock, enum wait_mode mode,
                                   nsec_t deadline) REQUIRES(lock);
// Wake the first waiter / all of them. The queue's lock is held. Any thread context and dpc.
// wake_one returns false if nobody waited.
bool wait_queue_wake_one(struct wait_queue *queue);
void wait_queue_wake_all(struct wait_queue *queue);
// As wake_one, but the woken thread waits for this CPU until the caller blocks, 200 us at most
// (the caller is about to: pipes, sockets, futex).
bool wait_queue_wake_one_sync(struct wait_queue *queue);
