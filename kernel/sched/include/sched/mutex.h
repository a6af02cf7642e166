// SPDX-License-Identifier: MPL-2.0
// Sleeping locks, for sections that may block or touch user memory. Not recursive. Taken in thread
// context with no spinlock held. Waiting is uninterruptible and FIFO.
#pragma once

#include <sched/wait.h>

struct thread;

struct CAPABILITY("mutex") mutex {
    _Atomic(struct thread *) owner; // low bit: there are waiters
    struct spinlock lock;           // protects the queue
    struct wait_queue queue;
};

#define MUTEX_INIT(name) {.queue = WAIT_QUEUE_INIT((name).queue)}

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex) ACQUIRES(mutex);
MUST_USE bool mutex_try_lock(struct mutex *mutex) TRY_ACQUIRES(mutex);
// -EINTR if a fatal signal came while waiting.
MUST_USE status_t mutex_lock_killable(struct mutex *mutex); // not annotated: clang knows no int-conditional locks
void mutex_unlock(struct mutex *mutex) RELEASES(mutex);
bool mutex_is_mine(const struct mutex *mutex);

// Many readers or one writer; writers are preferred so that they do not starve.
struct CAPABILITY("rwlock") rwlock {
    _Atomic int32_t state; // > 0 readers, -1 writer, 0 free
    _Atomic uint32_t writers_waiting, readers_waiting;
    struct spinlock lock;
    struct wait_queue readers, writers;
};

void rwlock_init(struct rwlock *lock);
void rwlock_read(struct rwlock *lock) ACQUIRES_SHARED(lock);
void rwlock_read_unlock(struct rwlock *lock) RELEASES_SHARED(lock);
void rwlock_write(struct rwlock *lock) ACQUIRES(lock);
void rwlock_write_unlock(struct rwlock *lock) RELEASES(lock);
