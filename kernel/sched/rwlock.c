// SPDX-License-Identifier: MPL-2.0
// Sleeping reader-writer locks. `state` is taken and released by one locked instruction; sleepers announce
// themselves in a counter before they look at `state` once more, and whoever frees the lock looks at the counters
// after it has freed it, so one of the two sees the other:
//
//   sleeper (holds lock->lock)            releaser
//   waiting++                             state = 0
//   try state: taken -> sleep             waiting != 0 -> lock->lock, wake
//
// All four are sequentially consistent, the loads too: a weaker load may be done before the store above it is seen.
// (And the stores are exchanges: docs/memory-model.md, rule 3.) A waiting writer keeps new readers out.

#include <sched/mutex.h>
#include <sched/thread.h>

void rwlock_init(struct rwlock *lock) {
    lock->state = 0;
    lock->writers_waiting = lock->readers_waiting = 0;
    spin_init(&lock->lock);
    wait_queue_init(&lock->readers);
    wait_queue_init(&lock->writers);
}

static bool try_read(struct rwlock *lock) {
    int32_t state = atomic_load_explicit(&lock->state, memory_order_seq_cst);
    while (state >= 0 && atomic_load_explicit(&lock->writers_waiting, memory_order_seq_cst) == 0)
        if (atomic_compare_exchange_weak_explicit(&lock->state, &state, state + 1, memory_order_seq_cst,
                                                  memory_order_seq_cst))
            return true;
    return false;
}

static bool try_write(struct rwlock *lock) {
    int32_t state = 0;
    return atomic_compare_exchange_strong_explicit(&lock->state, &state, -1, memory_order_seq_cst,
                                                   memory_order_seq_cst);
}

static NOINLINE void take_slow(struct rwlock *lock, bool write) {
    _Atomic uint32_t *waiting = write ? &lock->writers_waiting : &lock->readers_waiting;
    struct wait_queue *queue = write ? &lock->writers : &lock->readers;
    spin_lock(&lock->lock);
    atomic_fetch_add_explicit(waiting, 1, memory_order_seq_cst);
    while (!(write ? try_write(lock) : try_read(lock)))
        (void)wait_queue_sleep(queue, &lock->lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
    uint32_t left = atomic_fetch_sub_explicit(waiting, 1, memory_order_seq_cst) - 1;
    // The last waiting writer has got in: readers that it kept out find it in `state` and are woken at its release.
    (void)left;
    spin_unlock(&lock->lock);
}

static NOINLINE void wake_slow(struct rwlock *lock) {
    spin_lock(&lock->lock);
    if (!wait_queue_wake_one(&lock->writers) && lock->writers_waiting == 0)
        wait_queue_wake_all(&lock->readers);
    spin_unlock(&lock->lock);
}

void rwlock_read(struct rwlock *lock) NO_THREAD_SAFETY {
    if (UNLIKELY(!try_read(lock)))
        take_slow(lock, false);
}

void rwlock_read_unlock(struct rwlock *lock) NO_THREAD_SAFETY {
    int32_t old = atomic_fetch_sub_explicit(&lock->state, 1, memory_order_seq_cst);
    DEBUG_ASSERT(old > 0);
    if (UNLIKELY(old == 1 && (lock->writers_waiting | lock->readers_waiting)))
        wake_slow(lock);
}

void rwlock_write(struct rwlock *lock) NO_THREAD_SAFETY {
    if (UNLIKELY(!try_write(lock)))
        take_slow(lock, true);
}

void rwlock_write_unlock(struct rwlock *lock) NO_THREAD_SAFETY {
    DEBUG_ASSERT(lock->state == -1);
    atomic_exchange_explicit(&lock->state, 0, memory_order_seq_cst);
    if (UNLIKELY(lock->writers_waiting | lock->readers_waiting))
        wake_slow(lock);
}
