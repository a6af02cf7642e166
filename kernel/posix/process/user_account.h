// SPDX-License-Identifier: MPL-2.0
// What one user (by real uid) uses in all: threads (RLIMIT_NPROC), queued signals
// (RLIMIT_SIGPENDING) and message queues (RLIMIT_MSGQUEUE).
#pragma once

#include <lib/list.h>
#include <lib/refcount.h>
#include <lib/types.h>

struct user_account {
    struct list_node node; // hash chain
    struct refcount ref;
    uint32_t uid;
    _Atomic uint64_t threads, signals, queue_bytes;
};

// Referenced; nullptr: no memory.
struct user_account *user_account_lookup(uint32_t uid);
ALWAYS_INLINE void user_account_get(struct user_account *account) {
    refcount_up(&account->ref);
}
void user_account_put(struct user_account *account); // not blocking; any thread or dpc context
