// SPDX-License-Identifier: MPL-2.0
// A count with a limit, for several CPUs: what a job or an account may use.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

#define COUNTER_UNLIMITED INT64_MAX

// Adds `more` if the sum is within the limit. The counter is never above it, not even for a moment: nobody who reads
// it, or counts up beside, meets what is about to be taken back. Relaxed: it orders nothing.
MUST_USE ALWAYS_INLINE bool counter_raise(_Atomic int64_t *counter, const _Atomic int64_t *limit, int64_t more) {
    int64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    do {
        if (UNLIKELY(before + more > atomic_load_explicit(limit, memory_order_relaxed)))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(counter, &before, before + more, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}
