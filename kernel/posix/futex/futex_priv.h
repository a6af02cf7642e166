// SPDX-License-Identifier: MPL-2.0
// Futexes: what the end of a thread asks of them, and what their files share.
#pragma once

#include <abi/futex.h>
#include <mm/aspace.h>
#include <posix/process.h>

// In the dying (or exec'ing) thread's context, its address space still loaded: marks the robust mutexes that it
// holds as owned by a dead thread, then stores 0 at clear_child_tid and wakes one waiter there.
void futex_thread_exit(struct posix_thread *thread);

// --- between futex.c, futex_pi.c and futex_robust.c ---
// Where a user word is: private futexes by address space and address, shared ones by memory object and offset.
MUST_USE status_t futex_key(vaddr_t address, bool private, struct memory_key *key);
ALWAYS_INLINE bool futex_key_equal(const struct memory_key *a, const struct memory_key *b) {
    return a->object == b->object && a->offset == b->offset;
}
ALWAYS_INLINE unsigned futex_hash(const struct memory_key *key, unsigned buckets) {
    uint64_t mixed = ((uintptr_t)key->object >> 6 ^ key->offset) * 0x9e3779b97f4a7c15ull;
    return (unsigned)(mixed >> 40) & (buckets - 1);
}
// Wakes up to `count` waiters whose bit sets meet `bitset`; their number.
int futex_wake_key(const struct memory_key *key, unsigned count, uint32_t bitset);
// `deadline`: monotonic. -EAGAIN (try_only), -EDEADLK, -ESRCH, -ETIMEDOUT, -EINTR, -EFAULT.
long futex_lock_pi(vaddr_t address, bool private, nsec_t deadline, bool try_only);
long futex_unlock_pi(vaddr_t address, bool private);
// The thread dies: the PI mutexes that others wait for and it holds go to the first waiter of each.
void futex_pi_exit(struct posix_thread *thread);
