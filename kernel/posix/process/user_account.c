// SPDX-License-Identifier: MPL-2.0
// Accounts of users: a small hash table under one lock; an account lives while a process or a queued signal refers
// to it.
#include "user_account.h"
#include <mm/slab.h>
#include <sched/spinlock.h>

enum { BUCKETS = 64 };

static struct {
    struct spinlock lock;
    struct list_node buckets[BUCKETS] GUARDED_BY(&lock);
} accounts;

static struct list_node *bucket_of(uint32_t uid) REQUIRES(&accounts.lock) {
    struct list_node *bucket = &accounts.buckets[uid % BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

struct user_account *user_account_lookup(uint32_t uid) {
    spin_lock(&accounts.lock);
    struct list_node *bucket = bucket_of(uid);
    struct user_account *account;
    LIST_FOR_EACH(account, bucket, node) {
        if (account->uid == uid) {
            refcount_up(&account->ref);
            goto out;
        }
    }
    account = kzalloc(sizeof(*account));
    if (account) {
        refcount_init(&account->ref, 1);
        account->uid = uid;
        list_push_front(bucket, &account->node);
    }
out:
    spin_unlock(&accounts.lock);
    return account;
}

// The count reaches zero only under the lock, so that a lookup never finds a dying account.
void user_account_put(struct user_account *account) {
    if (refcount_value(&account->ref) > 1) {
        uint32_t old = atomic_load_explicit(&account->ref.value, memory_order_relaxed);
        while (old > 1)
            if (atomic_compare_exchange_weak_explicit(&account->ref.value, &old, old - 1, memory_order_release,
                                                      memory_order_relaxed))
                return;
    }
    spin_lock(&accounts.lock);
    bool last = refcount_down(&account->ref);
    if (last)
        list_remove(&account->node);
    spin_unlock(&accounts.lock);
    if (last)
        kfree(account);
}
