// SPDX-License-Identifier: MPL-2.0
// Sets of locked ranges against an array with a lock type for each byte and owner.
#include "locks_priv.h"

#include <abi/fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <tap.h>

enum { BYTES = 40, OWNERS = 3 };
static int model[OWNERS][BYTES + 1]; // the last byte stands for all beyond
static struct list_node ranges = LIST_INIT(ranges);
static int owners[OWNERS];

static void drop(struct list_node *freed) {
    while (!list_is_empty(freed))
        free(LIST_ENTRY(list_pop_front(freed), struct range_lock, node));
}

static void apply(const struct lock_request *request) {
    struct range_lock *spare[2] = {malloc(sizeof *spare[0]), malloc(sizeof *spare[1])};
    struct list_node freed = LIST_INIT(freed);
    ranges_apply(&ranges, request, spare, &freed);
    free(spare[0]);
    free(spare[1]);
    drop(&freed);
}

static uint64_t last_of(const struct lock_request *r) {
    return r->end == UINT64_MAX ? BYTES : r->end;
}

static bool model_conflict(const struct lock_request *r, int owner) {
    for (int other = 0; other < OWNERS; other++)
        for (uint64_t byte = r->start; byte <= last_of(r) && other != owner; byte++)
            if (model[other][byte] == F_WRLCK || (model[other][byte] == F_RDLCK && r->type == F_WRLCK))
                return true;
    return false;
}

// The list says the same as the model, is in order, and holds nothing that could be merged.
static bool consistent(void) {
    int seen[OWNERS][BYTES + 1];
    struct range_lock *at, *other;
    uint64_t last = 0;
    for (int o = 0; o < OWNERS; o++)
        for (int i = 0; i <= BYTES; i++)
            seen[o][i] = F_UNLCK;
    LIST_FOR_EACH(at, &ranges, node) {
        if (at->lock.start < last || at->lock.start > at->lock.end)
            return false;
        last = at->lock.start;
        int owner = (int)((const int *)at->lock.owner - owners);
        for (uint64_t byte = at->lock.start; byte <= last_of(&at->lock); byte++) {
            if (seen[owner][byte] != F_UNLCK)
                return false; // two ranges of one owner overlap
            seen[owner][byte] = at->lock.type;
        }
        LIST_FOR_EACH(other, &ranges, node)
        if (other != at && other->lock.owner == at->lock.owner && other->lock.type == at->lock.type &&
            at->lock.end != UINT64_MAX && at->lock.end + 1 == other->lock.start)
            return false; // neighbours should have melted
    }
    return memcmp(seen, model, sizeof seen) == 0;
}

static void step(bool *conflicts_right, bool *right) {
    int owner = (int)(random() % OWNERS);
    uint64_t a = (uint64_t)random() % BYTES, b = (uint64_t)random() % BYTES;
    static const int types[3] = {F_RDLCK, F_WRLCK, F_UNLCK};
    struct lock_request r = {
        .type = types[random() % 3], .start = MIN(a, b), .end = MAX(a, b), .owner = &owners[owner]};
    if (random() % 5 == 0)
        r.end = UINT64_MAX;
    if (r.type != F_UNLCK) {
        bool conflict = model_conflict(&r, owner);
        *conflicts_right &= (ranges_conflict(&ranges, &r) != nullptr) == conflict;
        if (conflict)
            return;
    }
    apply(&r);
    for (uint64_t byte = r.start; byte <= last_of(&r); byte++)
        model[owner][byte] = r.type;
    *right &= consistent();
}

int main(void) {
    for (int o = 0; o < OWNERS; o++)
        for (int i = 0; i <= BYTES; i++)
            model[o][i] = F_UNLCK;
    apply(&(struct lock_request){.type = F_WRLCK, .start = 10, .end = 19, .owner = &owners[0]});
    apply(&(struct lock_request){.type = F_UNLCK, .start = 13, .end = 15, .owner = &owners[0]});
    struct range_lock *first = LIST_FIRST(&ranges, struct range_lock, node);
    ok(first->lock.start == 10 && first->lock.end == 12, "unlocking the middle leaves the left part");
    struct range_lock *second = LIST_FIRST(&first->node, struct range_lock, node);
    ok(second->lock.start == 16 && second->lock.end == 19, "and the right part");
    apply(&(struct lock_request){.type = F_WRLCK, .start = 13, .end = 15, .owner = &owners[0]});
    ok(ranges.next == ranges.prev, "locking it again melts them to one");
    apply(&(struct lock_request){.type = F_UNLCK, .start = 0, .end = UINT64_MAX, .owner = &owners[0]});
    ok(list_is_empty(&ranges), "unlocking all leaves nothing");
    srandom(1);
    bool conflicts_right = true, right = true;
    for (int i = 0; i < 50000; i++)
        step(&conflicts_right, &right);
    ok(conflicts_right, "50,000 random requests: conflicts as the model has them");
    ok(right, "and the same locks, in order, merged");
    drop(&ranges);
    return tap_done();
}
