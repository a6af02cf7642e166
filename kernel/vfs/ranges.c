// SPDX-License-Identifier: MPL-2.0
// Sets of locked ranges (see locks_priv.h). The list is in order of start; ranges of one owner never overlap, and
// never touch if they are of one type.
#include "locks_priv.h"

#include <abi/fcntl.h>

static bool overlap(const struct lock_request *a, const struct lock_request *b) {
    return a->start <= b->end && b->start <= a->end;
}

static bool touch(const struct lock_request *a, const struct lock_request *b) {
    return overlap(a, b) || (a->end != UINT64_MAX && a->end + 1 == b->start) ||
           (b->end != UINT64_MAX && b->end + 1 == a->start);
}

struct range_lock *ranges_conflict(struct list_node *ranges, const struct lock_request *request) {
    struct range_lock *at;
    LIST_FOR_EACH(at, ranges, node)
    if (at->lock.owner != request->owner && overlap(&at->lock, request) &&
        (at->lock.type == F_WRLCK || request->type == F_WRLCK))
        return at;
    return nullptr;
}

static void insert(struct list_node *ranges, struct range_lock *lock) {
    struct range_lock *at;
    LIST_FOR_EACH(at, ranges, node)
    if (at->lock.start > lock->lock.start)
        break;
    list_insert_between(&lock->node, at->node.prev, &at->node);
}

static struct range_lock *take(struct range_lock *spare[2], const struct lock_request *lock) {
    int i = spare[0] ? 0 : 1;
    struct range_lock *taken = spare[i];
    spare[i] = nullptr;
    taken->lock = *lock;
    return taken;
}

// Removes [cut->start, cut->end] from `at`, which it overlaps.
static void cut_out(struct list_node *ranges, struct range_lock *at, const struct lock_request *cut,
                    struct range_lock *spare[2], struct list_node *freed) {
    bool left = at->lock.start<cut->start, right = at->lock.end> cut->end;
    if (!left && !right) {
        list_remove(&at->node);
        list_push_back(freed, &at->node);
        return;
    }
    if (left && right) {
        struct range_lock *tail = take(spare, &at->lock);
        tail->lock.start = cut->end + 1;
        at->lock.end = cut->start - 1;
        insert(ranges, tail);
    } else if (left) {
        at->lock.end = cut->start - 1;
    } else {
        at->lock.start = cut->end + 1;
        list_remove(&at->node); // its place in the order has changed
        insert(ranges, at);
    }
}

void ranges_apply(struct list_node *ranges, const struct lock_request *request, struct range_lock *spare[2],
                  struct list_node *freed) {
    struct lock_request merged = *request;
    struct range_lock *at, *next;
    if (request->type != F_UNLCK) {
        // Ranges of the same type that touch ours melt into it.
        LIST_FOR_EACH_SAFE(at, next, ranges, node) {
            if (at->lock.owner != request->owner || at->lock.type != request->type || !touch(&at->lock, request))
                continue;
            merged.start = MIN(merged.start, at->lock.start);
            merged.end = MAX(merged.end, at->lock.end);
            list_remove(&at->node);
            list_push_back(freed, &at->node);
        }
    }
    struct list_node own = LIST_INIT(own);
    LIST_FOR_EACH_SAFE(at, next, ranges, node) {
        if (at->lock.owner != request->owner || !overlap(&at->lock, request))
            continue;
        list_remove(&at->node);
        list_push_back(&own, &at->node);
    }
    while (!list_is_empty(&own)) {
        at = LIST_ENTRY(list_pop_front(&own), struct range_lock, node);
        insert(ranges, at);
        cut_out(ranges, at, request, spare, freed);
    }
    if (request->type != F_UNLCK)
        insert(ranges, take(spare, &merged));
}
