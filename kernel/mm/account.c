// SPDX-License-Identifier: MPL-2.0
// Memory accounts: charging up the tree, and the batches that holders keep. See mm/account.h.
#include <mm/account.h>

#include <arch/mmu.h>
#include <lib/assert.h>

// What a holder keeps beyond what it uses, in pages: in proportion, so that many small ones do not keep much.
static int64_t reserve(int64_t used) {
    return MIN(used / 2, (int64_t)64);
}

void account_init(struct memory_account *account, struct memory_account *above) {
    refcount_init(&account->ref, 1);
    account->above = above;
    if (above)
        account_get(above);
    atomic_init(&account->pages, 0);
    atomic_init(&account->limit, COUNTER_UNLIMITED);
    atomic_init(&account->bytes, 0);
    atomic_init(&account->bytes_paid, 0);
}

// Not by recursion: an account may be the last that holds those above it.
void account_put(struct memory_account *account) {
    while (account && refcount_down(&account->ref)) {
        struct memory_account *above = account->above;
        account->release(account);
        account = above;
    }
}

static void uncharge_to(struct memory_account *from, const struct memory_account *end, int64_t pages) {
    for (struct memory_account *account = from; account != end; account = account->above)
        atomic_fetch_sub_explicit(&account->pages, pages, memory_order_relaxed);
}

bool account_charge(struct memory_account *account, int64_t pages) {
    for (struct memory_account *at = account; at; at = at->above) {
        if (LIKELY(counter_raise(&at->pages, &at->limit, pages)))
            continue;
        uncharge_to(account, at, pages);
        return false;
    }
    return true;
}

void account_uncharge(struct memory_account *account, int64_t pages) {
    uncharge_to(account, nullptr, pages);
}

// ---------------------------------------------------------------- bytes

enum { BYTES_AHEAD = PAGE_SIZE };

// Who pays for several at once may pay a little more than is needed. That is given back with the rest.
static NOINLINE bool pay(struct memory_account *account, int64_t used) {
    int64_t missing = used - atomic_load_explicit(&account->bytes_paid, memory_order_relaxed);
    if (missing <= 0)
        return true;
    int64_t pages = (missing + BYTES_AHEAD + PAGE_SIZE - 1) >> PAGE_SHIFT;
    if (!account_charge(account, pages)) {
        pages = (missing + PAGE_SIZE - 1) >> PAGE_SHIFT;
        if (!account_charge(account, pages))
            return false;
    }
    atomic_fetch_add_explicit(&account->bytes_paid, pages << PAGE_SHIFT, memory_order_relaxed);
    return true;
}

// Keeps what covers the use and a little more; nothing if there is none.
static NOINLINE void pay_back(struct memory_account *account) {
    int64_t paid = atomic_load_explicit(&account->bytes_paid, memory_order_relaxed), kept;
    do {
        int64_t used = atomic_load_explicit(&account->bytes, memory_order_relaxed);
        kept = used == 0 ? 0 : (int64_t)ALIGN_UP((uint64_t)used + BYTES_AHEAD, PAGE_SIZE);
        if (kept >= paid)
            return;
    } while (!atomic_compare_exchange_weak_explicit(&account->bytes_paid, &paid, kept, memory_order_relaxed,
                                                    memory_order_relaxed));
    account_uncharge(account, (paid - kept) >> PAGE_SHIFT);
}

bool account_charge_bytes(struct memory_account *account, int64_t bytes) {
    int64_t used = atomic_fetch_add_explicit(&account->bytes, bytes, memory_order_relaxed) + bytes;
    if (UNLIKELY(used == bytes))
        account_get(account);
    if (LIKELY(used <= atomic_load_explicit(&account->bytes_paid, memory_order_relaxed)) || pay(account, used))
        return true;
    account_uncharge_bytes(account, bytes);
    return false;
}

void account_uncharge_bytes(struct memory_account *account, int64_t bytes) {
    int64_t used = atomic_fetch_sub_explicit(&account->bytes, bytes, memory_order_relaxed) - bytes;
    int64_t paid = atomic_load_explicit(&account->bytes_paid, memory_order_relaxed);
    if (LIKELY(used > 0) && LIKELY(paid - used <= 3 * BYTES_AHEAD))
        return;
    pay_back(account);
    if (used == 0)
        account_put(account);
}

// ---------------------------------------------------------------- holders

void charge_init(struct memory_charge *charge, struct memory_account *account) {
    charge->account = account;
    if (account)
        account_get(account);
    atomic_init(&charge->charged, account ? 0 : INT64_MAX);
}

void charge_fini(struct memory_charge *charge) {
    if (!charge->account)
        return;
    account_uncharge(charge->account, atomic_load_explicit(&charge->charged, memory_order_relaxed));
    account_put(charge->account);
    charge->account = nullptr;
}

// Several at once may charge a little more than is needed. That is kept, and given back in the end.
bool charge_grow(struct memory_charge *charge, int64_t used) {
    int64_t missing = used - atomic_load_explicit(&charge->charged, memory_order_relaxed);
    if (missing <= 0)
        return true;
    int64_t wanted = missing + reserve(used);
    if (!account_charge(charge->account, wanted)) {
        wanted = missing;
        if (!account_charge(charge->account, wanted))
            return false;
    }
    atomic_fetch_add_explicit(&charge->charged, wanted, memory_order_relaxed);
    return true;
}

void charge_shrink(struct memory_charge *charge, int64_t used) {
    if (!charge->account)
        return;
    int64_t charged = atomic_load_explicit(&charge->charged, memory_order_relaxed);
    while (charged - used > 2 * reserve(used) + 8) {
        int64_t less = used + reserve(used);
        if (!atomic_compare_exchange_weak_explicit(&charge->charged, &charged, less, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        account_uncharge(charge->account, charged - less);
        return;
    }
}

bool charge_set(struct memory_charge *charge, int64_t used) {
    if (!charge->account)
        return true;
    int64_t charged = atomic_load_explicit(&charge->charged, memory_order_relaxed);
    if (used > charged && !account_charge(charge->account, used - charged))
        return false;
    if (used < charged)
        account_uncharge(charge->account, charged - used);
    atomic_store_explicit(&charge->charged, used, memory_order_relaxed);
    return true;
}

bool charge_move(struct memory_charge *charge, struct memory_account *account) {
    struct memory_account *old = charge->account;
    if (!old || old == account)
        return true;
    int64_t moved = atomic_load_explicit(&charge->charged, memory_order_relaxed);
    if (!account_charge(account, moved))
        return false;
    account_get(account);
    charge->account = account;
    account_uncharge(old, moved);
    account_put(old);
    return true;
}
