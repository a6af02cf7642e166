// SPDX-License-Identifier: MPL-2.0
// The object core: the two counts, signals, and the orderly end.
//
// object_signal is on the path of every pipe write and socket send, so it takes no lock while nobody watches:
//
//   signaller                                    watcher
//   signals |= bits                              add to watchers     (under object->lock)
//   watchers empty? done : lock and notify       full barrier, then look at signals
//
// One of the two sees the other: both lines on the left are sequentially consistent. If the bits are up already, the
// signaller needs no barrier: the watcher sees them. That holds because an object changes its state and its signals
// under one lock.

#include <lib/opaque.h>
#include <object/flight.h>
#include <object/object.h>
#include <object/wait_one.h>

#include "object_priv.h"
#include <arch/percpu.h>
#include <sched/thread.h>

struct core {
    uint64_t last_id;
    struct object *dead; // queued for destruction
    bool draining;
};
static struct core core PER_CPU;

void object_init(struct object *object, const struct object_ops *ops, uint32_t signals) {
    object->ops = ops;
    refcount_init(&object->ref, 1);
    atomic_store_explicit(&object->handles, 0, memory_order_relaxed);
    atomic_store_explicit(&object->signals, signals, memory_order_relaxed);
    atomic_store_explicit(&object->status_flags, 0, memory_order_relaxed);
    atomic_store_explicit(&object->marks, 0, memory_order_relaxed);
    atomic_store_explicit(&object->async, nullptr, memory_order_relaxed);
    spin_init(&object->lock);
    list_init(&object->watchers);
    object->wait_target = object;
    object->id = ++this_cpu(core).last_id * CPU_MAX + arch_cpu_id();
}

// Destruction may drop references to other objects, so it is queued: the first caller on a CPU drains.
static void destroy_queued(struct object *object) {
    struct core *here = &this_cpu(core);
    object->next_dead = here->dead;
    here->dead = object;
    if (here->draining)
        return;
    here->draining = true;
    while ((object = here->dead) != nullptr) {
        here->dead = object->next_dead;
        if (object->ops->destroy)
            object->ops->destroy(object);
    }
    here->draining = false;
}

static void destroy_after_grace(struct rcu_head *head) {
    destroy_queued(CONTAINER_OF(head, struct object, rcu));
}

void object_destroy(struct object *object) {
    DEBUG_ASSERT(list_is_empty(&object->watchers));
    if (UNLIKELY(atomic_load_explicit(&object->marks, memory_order_relaxed) & OBJECT_MARK_RCU))
        rcu_call(&object->rcu, destroy_after_grace);
    else
        destroy_queued(object);
}

void object_handle_acquire(struct object *object) {
    if (atomic_fetch_add_explicit(&object->handles, 1, memory_order_relaxed) == 0)
        object_get(object);
}

bool object_handle_try_acquire(struct object *object) {
    uint32_t old = atomic_load_explicit(&object->handles, memory_order_relaxed);
    do {
        if (old == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&object->handles, &old, old + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    return true;
}

// One that was in messages: once only those in queues are left, the collector must look.
static NOINLINE uint32_t drop_handle_in_flight(struct object *object) {
    rcu_read_lock(); // another thread may drop the last one
    uint32_t old = atomic_fetch_sub_explicit(&object->handles, 1, memory_order_acq_rel);
    atomic_thread_fence(memory_order_seq_cst); // the collector writes that number, then reads the handles
    bool left = old != 1 && old - 1 == flight_queued(object);
    rcu_read_unlock();
    if (left)
        flight_collect(nullptr);
    return old;
}

void object_handle_release(struct object *object) {
    uint32_t old;
    if (UNLIKELY(atomic_load_explicit(&object->marks, memory_order_relaxed) & OBJECT_MARK_FLIGHT))
        old = drop_handle_in_flight(object);
    else
        old = atomic_fetch_sub_explicit(&object->handles, 1, memory_order_acq_rel);
    DEBUG_ASSERT(old != 0);
    if (old != 1)
        return;
    uint32_t marks = atomic_load_explicit(&object->marks, memory_order_relaxed);
    if (UNLIKELY(marks & OBJECT_MARK_WAIT_SET))
        wait_sets_forget(object);
    if (UNLIKELY(marks & OBJECT_MARK_ASYNC))
        object_async_forget(object);
    if (object->ops->closed)
        object->ops->closed(object);
    object_put(object);
}

void object_mark(struct object *object, uint32_t mark) {
    if ((atomic_load_explicit(&object->marks, memory_order_relaxed) & mark) != mark)
        atomic_fetch_or_explicit(&object->marks, mark, memory_order_seq_cst);
}

struct object *object_wait_target_slow(struct object *object) {
    while (object->ops->wait_target) {
        struct object *target = object->ops->wait_target(object);
        if (target == object)
            break;
        object = target->wait_target;
    }
    return object;
}

static void update(struct object *object, uint32_t clear, uint32_t set) {
    uint32_t old = atomic_load_explicit(&object->signals, memory_order_relaxed), new;
    do {
        new = (old & ~clear) | set;
        if (new == old)
            return;
    } while (!atomic_compare_exchange_weak_explicit(&object->signals, &old, new, memory_order_seq_cst,
                                                    memory_order_relaxed));
}

// A notified watcher stays in the list, unless its own function takes it off: its owner needs the lock for that.
ALWAYS_INLINE void notify(struct object *object, uint32_t set) REQUIRES(&object->lock) {
    struct watcher *watcher, *next;
    bool one_woken = false;
    LIST_FOR_EACH_SAFE(watcher, next, &object->watchers, node) {
        if (!(watcher->mask & set) || (watcher->exclusive && one_woken))
            continue;
        if (watcher->notify(watcher, set) && watcher->exclusive)
            one_woken = true;
    }
}

// A look without the lock. Sequentially consistent, so that it does not come before the change of the signals, which
// costs nothing where any locked instruction is a full barrier.
static bool has_watchers(struct object *object) NO_THREAD_SAFETY {
    struct list_node *_Atomic *first = (struct list_node * _Atomic *)&object->watchers.next;
    return atomic_load_explicit(first, memory_order_seq_cst) != &object->watchers;
}

static NOINLINE long tell_watchers(struct object *object, uint32_t set) {
    spin_lock(&object->lock);
    notify(object, set);
    spin_unlock(&object->lock);
    return opaque_zero();
}

void object_signal(struct object *object, uint32_t clear, uint32_t set) {
    update(object, clear, set);
    if (set != 0 && UNLIKELY(has_watchers(object)))
        tell_watchers(object, set);
}

static NOINLINE long signal_in_general(struct object *object, uint32_t clear, uint32_t set) {
    spin_lock(&object->lock);
    object_signal_locked(object, clear, set);
    spin_unlock(&object->lock);
    return opaque_zero();
}

// If one thread waits, alone, and would clear all that is raised, it is given that at once: the signals do not change.
static NOINLINE long signal_to_waiter(struct object *object, uint32_t clear, uint32_t set) {
    if (UNLIKELY(!spin_try_lock(&object->lock)))
        goto general;
    struct list_node *first = object->watchers.next, *head = &object->watchers;
    struct thread *thread = nullptr;
    if (LIKELY(first->next == head) && LIKELY(first != head))
        thread = single_wait_give(LIST_ENTRY(first, struct watcher, node), object, clear, set);
    spin_unlock(&object->lock);
    if (LIKELY(thread != nullptr))
        return thread_make_ready(thread);
general:
    return signal_in_general(object, clear, set);
}

long object_signal_waited(struct object *object, uint32_t clear, uint32_t set) {
    if (has_watchers(object))
        return signal_to_waiter(object, clear, set);
    update(object, clear, set);
    return set != 0 && UNLIKELY(has_watchers(object)) ? tell_watchers(object, set) : 0;
}

void object_signal_locked(struct object *object, uint32_t clear, uint32_t set) {
    update(object, clear, set);
    if (set != 0 && UNLIKELY(has_watchers(object)))
        notify(object, set);
}

struct thread *object_signal_claim(struct object *object, uint32_t clear, uint32_t set) {
    struct thread *claimed = nullptr;
    update(object, clear, set);
    if (UNLIKELY(set == 0) || !has_watchers(object))
        return nullptr;
    spin_lock(&object->lock);
    if (LIKELY(!list_is_empty(&object->watchers))) {
        struct watcher *first = LIST_FIRST(&object->watchers, struct watcher, node);
        if (LIKELY((first->mask & set) != 0))
            claimed = first->notify == object_wake_single ? single_wait_claim(first) : nullptr;
        if (UNLIKELY(!list_is_empty(&object->watchers)))
            notify(object, set);
    }
    spin_unlock(&object->lock);
    return claimed;
}

// The barrier is for those who find a bit up and leave it at that: what they did before comes before the look at the
// signals (they have a barrier there, too), or else what the caller does next sees it.
uint32_t object_consume(struct object *object, uint32_t mask, uint32_t consume) {
    uint32_t old = atomic_load_explicit(&object->signals, memory_order_relaxed), ready;
    do {
        ready = old & mask;
        if ((ready & consume) == 0)
            return ready;
    } while (!atomic_compare_exchange_weak_explicit(&object->signals, &old, old & ~(ready & consume),
                                                    memory_order_seq_cst, memory_order_relaxed));
    atomic_thread_fence(memory_order_seq_cst);
    return ready;
}

void object_watch(struct object *object, struct watcher *watcher) {
    watcher->object = object;
    spin_lock(&object->lock);
    list_push_back(&object->watchers, &watcher->node);
    spin_unlock(&object->lock);
    atomic_thread_fence(memory_order_seq_cst); // see the top
}

void object_unwatch(struct watcher *watcher) {
    struct object *object = watcher->object;
    spin_lock(&object->lock);
    list_remove(&watcher->node);
    spin_unlock(&object->lock);
}
