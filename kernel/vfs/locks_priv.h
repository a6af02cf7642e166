// SPDX-License-Identifier: MPL-2.0
// Sets of locked ranges: the part of locking that knows nothing of files and threads.
#pragma once

#include <lib/list.h>
#include <vfs/locks.h>

struct range_lock {
    struct list_node node; // by start
    struct lock_request lock;
};

// The first lock of another owner that forbids `request`, or null.
struct range_lock *ranges_conflict(struct list_node *ranges, const struct lock_request *request);
// Gives `request->owner` the lock (or takes it away: F_UNLCK), splitting and merging what it had. `spare`: two
// records, of which those that are used are set to null. What becomes free is put on `freed`.
void ranges_apply(struct list_node *ranges, const struct lock_request *request, struct range_lock *spare[2],
                  struct list_node *freed);
