// SPDX-License-Identifier: MPL-2.0
// Mutexes. `owner` is the holding thread; its low bit says that someone sleeps in the queue.
//
// Without waiters, lock and unlock are one compare-and-exchange each. With waiters, unlock gives the mutex to the
// first of them: FIFO, and nobody starves. Before it sleeps, a thread spins for a little while if the
// owner runs on another CPU, for most sections are shorter than two switches.

#include <arch/smp.h>
#include <lib/status.h>
#include <sched/mutex.h>
#include <sched/thread.h>

#define SPIN_LIMIT 200

static struct thread *tagged(struct thread *owner, bool waiters) {
    return (struct thread *)((uintptr_t)owner | waiters);
}
static struct thread *owner_of(struct thread *word) {
    return (struct thread *)((uintptr_t)word & ~(uintptr_t)1);
}

void mutex_init(struct mutex *mutex) {
    mutex->owner = nullptr;
    spin_init(&mutex->lock);
    wait_queue_init(&mutex->queue);
}

static bool try_take(struct mutex *mutex) {
    struct thread *free = nullptr;
    return atomic_compare_exchange_strong_explicit(&mutex->owner, &free, thread_current(), memory_order_acquire,
                                                   memory_order_relaxed);
}

bool mutex_try_lock(struct mutex *mutex) NO_THREAD_SAFETY {
    return try_take(mutex);
}

static bool spin(struct mutex *mutex) {
    if (arch_cpu_count() == 1)
        return false;
    for (unsigned i = 0; i < SPIN_LIMIT; i++) {
        struct thread *word = atomic_load_explicit(&mutex->owner, memory_order_relaxed);
        if (!word) {
            if (try_take(mutex))
                return true;
        } else if ((uintptr_t)word & 1) {
            return false; // others sleep already: queue up behind them
        }
        arch_cpu_relax();
    }
    return false;
}

// Marks the mutex as waited for. False: it was free, and is the caller's now. mutex->lock is held.
static bool mark_waiters(struct mutex *mutex) {
    struct thread *word = atomic_load_explicit(&mutex->owner, memory_order_relaxed);
    for (;;) {
        struct thread *wanted = word ? tagged(word, true) : thread_current();
        if (atomic_compare_exchange_weak_explicit(&mutex->owner, &word, wanted, memory_order_acquire,
                                                  memory_order_relaxed))
            return word != nullptr;
    }
}

static status_t lock_slow(struct mutex *mutex, enum wait_mode mode) {
    struct thread *self = thread_current();
    DEBUG_ASSERT(owner_of(mutex->owner) != self);
    if (spin(mutex))
        return 0;
    status_t status = 0;
    spin_lock(&mutex->lock);
    // Each turn after the first is a wake-up without a cause: the queue's place is lost, but not the mutex.
    while (owner_of(atomic_load_explicit(&mutex->owner, memory_order_acquire)) != self && mark_waiters(mutex)) {
        status = wait_queue_sleep(&mutex->queue, &mutex->lock, mode, NSEC_NEVER);
        if (owner_of(atomic_load_explicit(&mutex->owner, memory_order_acquire)) == self)
            status = 0;
        if (status != 0)
            break;
    }
    spin_unlock(&mutex->lock);
    return status;
}

void mutex_lock(struct mutex *mutex) NO_THREAD_SAFETY {
    if (UNLIKELY(!try_take(mutex)))
        (void)lock_slow(mutex, WAIT_UNINTERRUPTIBLE);
}

status_t mutex_lock_killable(struct mutex *mutex) {
    return LIKELY(try_take(mutex)) ? 0 : lock_slow(mutex, WAIT_KILLABLE);
}

static void unlock_slow(struct mutex *mutex) {
    spin_lock(&mutex->lock);
    struct list_node *node = list_pop_front(&mutex->queue.waiters);
    struct thread *next = node ? LIST_ENTRY(node, struct waiter, node)->thread : nullptr;
    bool more = !wait_queue_is_empty(&mutex->queue);
    atomic_store_explicit(&mutex->owner, tagged(next, more), memory_order_release);
    if (next)
        thread_wake(next);
    spin_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex) NO_THREAD_SAFETY {
    struct thread *self = thread_current();
    DEBUG_ASSERT(mutex_is_mine(mutex));
    if (UNLIKELY(!atomic_compare_exchange_strong_explicit(&mutex->owner, &self, nullptr, memory_order_release,
                                                          memory_order_relaxed)))
        unlock_slow(mutex);
}

bool mutex_is_mine(const struct mutex *mutex) {
    return owner_of(atomic_load_explicit(&mutex->owner, memory_order_relaxed)) == thread_current();
}
