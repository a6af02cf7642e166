// SPDX-License-Identifier: MPL-2.0
// Slabs and kmalloc: alignment, no overlap, counts, failure.
#include "mm_test.h"

#include <stdlib.h>
#include <string.h>

struct thing {
    uint64_t a, b, c;
};
SLAB_CACHE(thing_cache, struct thing);

enum { SLOTS = 2000 };
static struct {
    unsigned char *memory;
    size_t size;
    unsigned char fill;
} slots[SLOTS];

static bool intact(unsigned i) {
    for (size_t at = 0; at < slots[i].size; at++)
        if (slots[i].memory[at] != slots[i].fill)
            return false;
    return true;
}

static void test_cache(void) {
    struct thing *things[500];
    bool distinct = true;
    for (unsigned i = 0; i < 500; i++) {
        things[i] = slab_alloc_zero(&thing_cache);
        distinct = distinct && things[i]->a == 0;
        things[i]->a = i;
    }
    for (unsigned i = 0; i < 500; i++)
        distinct = distinct && things[i]->a == i;
    ok(distinct, "500 objects are distinct and zeroed");
    is(slab_in_use(&thing_cache), 500, "and counted");
    for (unsigned i = 0; i < 500; i++)
        slab_free(&thing_cache, things[i]);
    is(slab_in_use(&thing_cache), 0, "until they are freed");
    ok(thing_cache.slabs <= 3, "the cache keeps few slabs");
}

static void test_kmalloc(void) {
    bool good = true;
    srandom(4);
    for (unsigned step = 0; step < 60000 && good; step++) {
        unsigned i = (unsigned)random() % SLOTS;
        if (slots[i].memory && random() % 4 == 0) {
            size_t size = (size_t)random() % 3000 + 1;
            unsigned char *memory = krealloc(slots[i].memory, size);
            slots[i].memory = memory;
            slots[i].size = MIN(slots[i].size, size);
            good = memory && intact(i);
            slots[i].size = size;
            memset(memory, slots[i].fill, size);
        } else if (slots[i].memory) {
            good = intact(i);
            kfree(slots[i].memory);
            slots[i].memory = nullptr;
        } else {
            size_t size = random() % 50 ? (size_t)random() % 2200 : (size_t)random() % 70000;
            slots[i].memory = kmalloc(size);
            slots[i].size = size;
            slots[i].fill = (unsigned char)random();
            good = slots[i].memory && IS_ALIGNED((uintptr_t)slots[i].memory, 8);
            memset(slots[i].memory, slots[i].fill, size);
        }
    }
    ok(good, "random sizes never overlap, and krealloc keeps the contents");
    for (unsigned i = 0; i < SLOTS; i++)
        kfree(slots[i].memory);
}

static void test_limits(void) {
    ok(kmalloc((4ul << 20) + 1) == nullptr, "more than 4 MiB is refused");
    void *large = kmalloc(4ul << 20);
    ok(large != nullptr, "4 MiB are not");
    kfree(large);
    ok(kcalloc(SIZE_MAX / 4, 8) == nullptr, "kcalloc sees the overflow");
    void *sized[] = {kmalloc(64), kmalloc(128), kmalloc(2048), kmalloc(4096)};
    bool aligned = true;
    for (unsigned i = 0; i < 4; i++)
        aligned = aligned && IS_ALIGNED((uintptr_t)sized[i], 64);
    ok(aligned, "multiples of 64 are aligned to 64");
    for (unsigned i = 0; i < 4; i++)
        kfree(sized[i]);
    kfree(nullptr);
    alloc_fail_every(1);
    ok(kmalloc(10) == nullptr && slab_alloc(&thing_cache) == nullptr, "injected failures come through");
    alloc_fail_every(0);
}

// A magazine may keep objects of as many slabs as it holds, and one slab may be empty.
static void check_cache(const struct slab_cache *cache, void *good) {
    if (strncmp(cache->name, "kmalloc-", 8) == 0 &&
        (slab_in_use((struct slab_cache *)cache) != 0 || cache->slabs > cache->capacity + 1u))
        *(bool *)good = false;
}

int main(void) {
    mm_test_boot();
    test_cache();
    test_kmalloc();
    test_limits();
    bool good = true;
    slab_for_each(check_cache, &good);
    ok(good, "nothing is in use, and empty slabs were given back");
    return tap_done();
}
