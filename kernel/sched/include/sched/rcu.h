// SPDX-License-Identifier: MPL-2.0
// Read-copy-update by quiescent states. Since kernel code is not preempted, a read section costs nothing:
// it is any stretch in which the thread does not block. Memory handed to rcu_call is reclaimed
// when every CPU has blocked, idled or been in user mode since.
#pragma once

#include <sched/spinlock.h>

struct rcu_head {
    struct rcu_head *next;
    void (*reclaim)(struct rcu_head *head);
};

// Mark read sections; debug builds check that nobody blocks inside one.
#ifdef TESSERA_DEBUG
void rcu_read_lock(void);
void rcu_read_unlock(void);
#else
ALWAYS_INLINE void rcu_read_lock(void) {
    atomic_signal_fence(memory_order_acq_rel);
}
ALWAYS_INLINE void rcu_read_unlock(void) {
    atomic_signal_fence(memory_order_acq_rel);
}
#endif
#define rcu_load(p) atomic_load_explicit((p), memory_order_consume)
#define rcu_store(p, v) atomic_store_explicit((p), (v), memory_order_release)

// Calls head->reclaim(head) after a grace period, as a dpc (it may not block).
void rcu_call(struct rcu_head *head, void (*reclaim)(struct rcu_head *head));
// Waits for a grace period. Blocks.
void rcu_synchronize(void);
// Waits until all callbacks raised before have run (leak checks). Blocks.
void rcu_barrier(void);
