// SPDX-License-Identifier: MPL-2.0
// Wait queues over the blocking primitive. A waiter that a waker has taken off the queue has been woken, whatever else
// happened to it meanwhile: so a wake-up meant for one is never swallowed by a signal or a time-out.

#include <lib/status.h>
#include <sched/thread.h>
#include <sched/wait.h>

status_t wait_queue_sleep(struct wait_queue *queue, struct spinlock *lock, enum wait_mode mode, nsec_t deadline) {
    struct waiter waiter = {.thread = thread_current()};
    list_push_back(&queue->waiters, &waiter.node);
    thread_prepare_block(mode);
    spin_unlock(lock);
    status_t status = thread_block(deadline);
    spin_lock(lock);
    if (!list_is_linked(&waiter.node))
        return 0;
    list_remove(&waiter.node);
    return status;
}

static struct thread *take_first(struct wait_queue *queue) {
    struct list_node *node = list_pop_front(&queue->waiters);
    return node ? LIST_ENTRY(node, struct waiter, node)->thread : nullptr;
}

bool wait_queue_wake_one(struct wait_queue *queue) {
    struct thread *thread = take_first(queue);
    if (!thread)
        return false;
    thread_wake(thread);
    return true;
}

bool wait_queue_wake_one_sync(struct wait_queue *queue) {
    struct thread *thread = take_first(queue);
    if (!thread)
        return false;
    thread_wake_sync(thread);
    return true;
}

void wait_queue_wake_all(struct wait_queue *queue) {
    while (wait_queue_wake_one(queue))
        ;
}
