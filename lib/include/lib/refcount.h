// SPDX-License-Identifier: MPL-2.0
// Reference counts. A struct of its own so that nobody writes `refs++`.
//
// Memory order, argued once: taking a reference needs none, since whoever takes one already holds
// one (or holds the lock under which the object is found). Dropping one releases, so that all that
// the dropper did to the object happens before its destruction; the last dropper acquires.
#pragma once

#include <lib/assert.h>
#include <lib/types.h>
#include <stdatomic.h>

struct refcount {
    _Atomic uint32_t value;
};

#define REFCOUNT_INIT(n) {n}

ALWAYS_INLINE void refcount_init(struct refcount *ref, uint32_t value) {
    atomic_store_explicit(&ref->value, value, memory_order_relaxed);
}

ALWAYS_INLINE void refcount_up(struct refcount *ref) {
    uint32_t old = atomic_fetch_add_explicit(&ref->value, 1, memory_order_relaxed);
    DEBUG_ASSERT(old != 0 && old < INT32_MAX);
    (void)old;
}

// For lookups that race with the last reference: fails if the count has reached zero.
MUST_USE ALWAYS_INLINE bool refcount_try_up(struct refcount *ref) {
    uint32_t old = atomic_load_explicit(&ref->value, memory_order_relaxed);
    do {
        if (old == 0)
            return false;
    } while (
        !atomic_compare_exchange_weak_explicit(&ref->value, &old, old + 1, memory_order_acquire, memory_order_relaxed));
    return true;
}

// True: you dropped the last one, destroy it.
MUST_USE ALWAYS_INLINE bool refcount_down(struct refcount *ref) {
    uint32_t old = atomic_fetch_sub_explicit(&ref->value, 1, memory_order_acq_rel);
    DEBUG_ASSERT(old != 0);
    return old == 1;
}

ALWAYS_INLINE uint32_t refcount_value(struct refcount *ref) {
    return atomic_load_explicit(&ref->value, memory_order_acquire);
}
