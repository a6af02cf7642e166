// SPDX-License-Identifier: MPL-2.0
// Spinlocks, for short sections that never block and never touch user memory.
//
// The kernel is not preempted and interrupt handlers take no locks (see docs/decisions), so a
// spinlock neither disables interrupts nor counts: one locked instruction in, one store out.
// Debug builds check the holder, the lock order, and that nobody blocks holding one.
#pragma once

#include <arch/cpu.h>
#include <lib/annotations.h>
#include <lib/assert.h>
#include <lib/types.h>
#include <stdatomic.h>

struct CAPABILITY("spinlock") spinlock {
    _Atomic uint32_t word; // 0 free, 1 held
#ifdef TESSERA_DEBUG
    const void *holder;       // thread
    const void *kind;         // where it was initialised; null: a static lock, a kind of its own
    struct lock_class *class; // lockdep; null until first taken
#endif
};

#define SPINLOCK_INIT {0}

void spin_lock_slow(struct spinlock *lock); // waits; sched/spinlock.c
#ifdef TESSERA_DEBUG
void lockdep_acquired(struct spinlock *lock, bool tried);
void lockdep_released(struct spinlock *lock);
#endif

#ifdef TESSERA_DEBUG
#define SPIN_KIND_TEXT(line) __FILE_NAME__ ":" #line
#define SPIN_KIND(line) SPIN_KIND_TEXT(line)
#define spin_init(lock) ((void)(*(lock) = (struct spinlock){.kind = SPIN_KIND(__LINE__)}))
#else
ALWAYS_INLINE void spin_init(struct spinlock *lock) {
    *lock = (struct spinlock)SPINLOCK_INIT;
}
#endif

ALWAYS_INLINE void spin_lock(struct spinlock *lock) ACQUIRES(lock) NO_THREAD_SAFETY {
    if (UNLIKELY(atomic_exchange_explicit(&lock->word, 1, memory_order_acquire) != 0))
        spin_lock_slow(lock);
#ifdef TESSERA_DEBUG
    lockdep_acquired(lock, false);
#endif
}

MUST_USE ALWAYS_INLINE bool spin_try_lock(struct spinlock *lock) TRY_ACQUIRES(lock) NO_THREAD_SAFETY {
    if (atomic_exchange_explicit(&lock->word, 1, memory_order_acquire) != 0)
        return false;
#ifdef TESSERA_DEBUG
    lockdep_acquired(lock, true);
#endif
    return true;
}

ALWAYS_INLINE void spin_unlock(struct spinlock *lock) RELEASES(lock) NO_THREAD_SAFETY {
#ifdef TESSERA_DEBUG
    lockdep_released(lock);
#endif
    atomic_store_explicit(&lock->word, 0, memory_order_release);
}

ALWAYS_INLINE void spin_assert_held(struct spinlock *lock) {
    DEBUG_ASSERT(atomic_load_explicit(&lock->word, memory_order_relaxed) != 0);
    (void)lock;
}
