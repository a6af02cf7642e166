// SPDX-License-Identifier: MPL-2.0
// Radix trees against a plain array, with sparse indexes and failing allocations.
#include <lib/radix.h>
#include <stdlib.h>
#include <tap.h>

static int nodes, fail_after = -1;

struct radix_node *radix_node_alloc(void) {
    if (fail_after >= 0 && fail_after-- == 0)
        return nullptr;
    nodes++;
    return calloc(1, sizeof(struct radix_node));
}

void radix_node_free(struct radix_node *node) {
    nodes--;
    free(node);
}

enum { COUNT = 512 };
static uint64_t indexes[COUNT];
static void *model[COUNT]; // value at indexes[i]

// Distinct indexes from dense to very far apart, in order.
static void choose_indexes(void) {
    for (unsigned i = 0; i < COUNT; i++)
        indexes[i] = i < 200 ? i : i < 400 ? 5000 + i * 61ull : (uint64_t)i << 40;
    indexes[COUNT - 1] = UINT64_MAX;
}

// What radix_slots gives from an index on must be what radix_get gives.
static bool slots_agree(const struct radix *tree, uint64_t index) {
    unsigned count;
    void *const *slots = radix_slots(tree, index, &count);
    for (unsigned i = 0; i < count; i++)
        if (radix_get(tree, index + i) != (slots ? slots[i] : nullptr))
            return false;
    return count > 0;
}

static bool agrees(const struct radix *tree) {
    for (unsigned i = 0; i < COUNT; i++)
        if (!slots_agree(tree, indexes[i]))
            return false;
    for (unsigned i = 0; i < COUNT; i++)
        if (radix_get(tree, indexes[i]) != model[i])
            return false;
    uint64_t at = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        if (!model[i])
            continue;
        if (radix_next(tree, &at) != model[i] || at != indexes[i])
            return false;
        if (at++ == UINT64_MAX)
            return true;
    }
    return radix_next(tree, &at) == nullptr;
}

static void test_random(void) {
    struct radix tree = RADIX_INIT;
    bool good = true;
    srandom(1);
    for (unsigned step = 0; step < 20000 && good; step++) {
        unsigned i = (unsigned)random() % COUNT;
        if (random() % 2) {
            void *value = &indexes[random() % COUNT];
            good = radix_set(&tree, indexes[i], value) == 0;
            model[i] = value;
        } else {
            good = radix_remove(&tree, indexes[i]) == model[i];
            model[i] = nullptr;
        }
        if (step % 97 == 0)
            good = good && agrees(&tree);
    }
    ok(good && agrees(&tree), "random stores and removals agree with the model");
    for (unsigned i = 0; i < COUNT; i++) {
        radix_remove(&tree, indexes[i]);
        model[i] = nullptr;
    }
    ok(radix_is_empty(&tree) && tree.height == 0, "an emptied tree has height 0");
    is(nodes, 0, "and no nodes");
}

static void test_failure(void) {
    struct radix tree = RADIX_INIT;
    ok(radix_set(&tree, 3, &tree) == 0 && radix_set(&tree, 0, &nodes) == 0, "two entries");
    int before = nodes;
    bool clean = true;
    status_t status = -1;
    for (int allowed = 0; status != 0; allowed++) {
        fail_after = allowed;
        status = radix_set(&tree, 1ull << 50, &tree);
        fail_after = -1;
        if (status != 0)
            clean = clean && status == -ENOMEM && nodes == before && radix_get(&tree, 3) == &tree &&
                    radix_get(&tree, 0) == &nodes && !radix_get(&tree, 1ull << 50);
    }
    ok(clean, "a failed store changes nothing and leaves no nodes");
    ok(radix_get(&tree, 1ull << 50) == &tree, "with memory it succeeds");
    fail_after = 0;
    ok(radix_set(&tree, 3, &nodes) == 0, "replacing needs no memory");
    fail_after = -1;
    radix_remove(&tree, 0), radix_remove(&tree, 3), radix_remove(&tree, 1ull << 50);
    is(nodes, 0, "all nodes are freed");
}

static void test_empty_search(void) {
    struct radix tree = RADIX_INIT;
    for (uint64_t i = 10; i < 200; i++)
        (void)!radix_set(&tree, i, &tree);
    is(radix_next_empty(&tree, 0), 0, "index 0 is empty");
    is(radix_next_empty(&tree, 10), 200, "the first empty one after a run");
    for (uint64_t i = 10; i < 200; i++)
        radix_remove(&tree, i);
    is(nodes, 0, "nothing is left");
}

int main(void) {
    choose_indexes();
    test_random();
    test_failure();
    test_empty_search();
    return tap_done();
}
