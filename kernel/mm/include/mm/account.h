// SPDX-License-Identifier: MPL-2.0
// Who pays for memory: accounts, in a tree. What is charged to one is charged to all above it, and each has a limit.
//
// A holder of memory (an address space, a memory object) charges ahead of what it uses, in batches, and keeps the
// rest: the counters of the tree are touched once in many pages. Near a limit the batch is a single page, so that a
// limit is exact but for what other holders have kept.
#pragma once

#include <lib/counter.h>
#include <lib/refcount.h>
#include <lib/types.h>

struct memory_account {
    struct memory_account *above; // one reference; null: the top
    _Atomic int64_t pages;        // charged, those below included
    _Atomic int64_t limit;        // pages; COUNTER_UNLIMITED: none
    // What is smaller than pages (mm/charged.h), which are charged for it a few ahead. While there is any, it holds a
    // reference.
    _Atomic int64_t bytes, bytes_paid;
    struct refcount ref;
    void (*release)(struct memory_account *account); // the last reference is gone
};

// One reference. Takes one on `above` (may be null).
void account_init(struct memory_account *account, struct memory_account *above);
ALWAYS_INLINE void account_get(struct memory_account *account) {
    refcount_up(&account->ref);
}
void account_put(struct memory_account *account);
// All the way up, or (false: a limit is reached) not at all. Any context.
MUST_USE bool account_charge(struct memory_account *account, int64_t pages);
void account_uncharge(struct memory_account *account, int64_t pages);
// The same for bytes: pages are charged when they are needed, and all given back with the last byte.
MUST_USE bool account_charge_bytes(struct memory_account *account, int64_t bytes);
void account_uncharge_bytes(struct memory_account *account, int64_t bytes);

// Of the job of the program that runs; null: of the kernel's own threads. No reference.
struct memory_account *account_current(void);

// A holder's part: what it has charged, of which it uses some.
struct memory_charge {
    struct memory_account *account; // one reference; null: nobody pays
    _Atomic int64_t charged;        // pages
};
// Takes a reference on the account (may be null).
void charge_init(struct memory_charge *charge, struct memory_account *account);
// Gives all back. `used` is 0 from now on.
void charge_fini(struct memory_charge *charge);
// Charges so much that `used` pages are covered. False: a limit is reached.
MUST_USE bool charge_grow(struct memory_charge *charge, int64_t used);
// So many pages of those used are paid for by others, or (negative) no longer.
ALWAYS_INLINE void charge_waive(struct memory_charge *charge, int64_t pages) {
    if (charge->account)
        atomic_fetch_add_explicit(&charge->charged, pages, memory_order_relaxed);
}
// Less is used: gives back what is far more than needed.
void charge_shrink(struct memory_charge *charge, int64_t used);
ALWAYS_INLINE bool charge_cover(struct memory_charge *charge, int64_t used) {
    return LIKELY(used <= atomic_load_explicit(&charge->charged, memory_order_relaxed)) || charge_grow(charge, used);
}
// Little is kept: for what grows and empties all the time.
ALWAYS_INLINE void charge_trim(struct memory_charge *charge, int64_t used) {
    if (UNLIKELY(atomic_load_explicit(&charge->charged, memory_order_relaxed) > used + 8))
        charge_shrink(charge, used);
}
// Exactly `used` pages from now on, nothing ahead. No other call on this charge at the same time. False (and nothing
// has changed): a limit is reached.
MUST_USE bool charge_set(struct memory_charge *charge, int64_t used);
// Another account pays from now on: false if it cannot. No other call on this charge at the same time but
// charge_cover.
MUST_USE bool charge_move(struct memory_charge *charge, struct memory_account *account);
