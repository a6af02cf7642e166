// SPDX-License-Identifier: MPL-2.0
// object_wait for one object, inline: for object_wait.c, and for the system call that may end in the waker's hands.
//
// The waker takes the watcher off the list, and the signals for the waiter, between claiming the thread and making it
// ready. So the thread that finds its watcher off the list need not take the lock to know that nobody uses it any more,
// and if it has said where in user memory the signals go, it need not run at all to store them there: they are a gift
// (sched/thread.h), and whoever switches to the thread may send it straight to user mode.
#pragma once

#include <object/object.h>
#include <sched/thread.h>

struct single_wait {
    struct watcher watcher; // its mask is what is waited for
    uint32_t consume;
    struct thread *thread;
    struct thread_gift gift; // `to` null: the thread has more to do. `value` 0: nothing was taken for it
};

bool object_wake_single(struct watcher *watcher, uint32_t signals); // the notify of these watchers

// Its thread is claimed, not made ready; or null, if it is awake already. The object's lock is held.
ALWAYS_INLINE struct thread *single_wait_claim(struct watcher *watcher) {
    struct single_wait *wait = CONTAINER_OF(watcher, struct single_wait, watcher);
    struct thread *thread = wait->thread;
    if (UNLIKELY(!thread_wake_claim(thread)))
        return nullptr;
    list_remove(&watcher->node);
    wait->gift.value = object_take(watcher->object, watcher->mask, wait->consume);
    if (LIKELY(wait->gift.value != 0) && wait->gift.to != nullptr)
        thread->gift = &wait->gift;
    return thread;
}

// The same if it is one of these watchers, and nothing is up but `set` (not 0), all of which it wants cleared.
ALWAYS_INLINE struct thread *single_wait_give(struct watcher *watcher, struct object *object, uint32_t clear,
                                              uint32_t set) {
    struct single_wait *wait = CONTAINER_OF(watcher, struct single_wait, watcher);
    if (UNLIKELY(watcher->notify != object_wake_single) || UNLIKELY((set & ~wait->consume) != 0))
        return nullptr;
    APART;
    if (UNLIKELY((clear | (object_signals(object) & watcher->mask)) != 0) || UNLIKELY(set == 0))
        return nullptr;
    struct thread *thread = wait->thread;
    if (UNLIKELY(!thread_wake_claim(thread)))
        return nullptr;
    list_remove(&watcher->node);
    wait->gift.value = set;
    thread->gift = wait->gift.to != nullptr ? &wait->gift : nullptr;
    return thread;
}

ALWAYS_INLINE void single_wait_init(struct single_wait *wait, struct object *object, uint32_t mask, uint32_t consume,
                                    uint32_t __user *to) {
    wait->watcher.object = object;
    wait->watcher.mask = mask;
    wait->watcher.exclusive = false;
    wait->watcher.notify = object_wake_single;
    wait->consume = consume;
    wait->thread = thread_current();
    wait->gift.to = to;
}

// Between watching and the look at the signals lies thread_prepare_block, a full barrier. False: there is something up,
// so the thread must not block but cancel it (thread_cancel_block). It does not take that yet, since it may have been
// given something meanwhile, and go to user mode with it.
MUST_USE ALWAYS_INLINE bool single_wait_begin(struct single_wait *wait) {
    struct object *object = wait->watcher.object;
    wait->gift.value = 0;
    spin_lock(&object->lock);
    list_push_back(&object->watchers, &wait->watcher.node);
    spin_unlock(&object->lock);
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    return (atomic_load_explicit(&object->signals, memory_order_seq_cst) & wait->watcher.mask) == 0;
}

// Awake again, or not asleep after all. What there is for it.
ALWAYS_INLINE uint32_t single_wait_end(struct single_wait *wait) {
    if (UNLIKELY(list_is_linked(&wait->watcher.node)))
        object_unwatch(&wait->watcher);
    if (wait->gift.to != nullptr)
        wait->thread->gift = nullptr;
    if (LIKELY(wait->gift.value != 0))
        return wait->gift.value;
    return object_take(wait->watcher.object, wait->watcher.mask, wait->consume);
}
