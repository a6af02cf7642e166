// SPDX-License-Identifier: MPL-2.0
// The memory map against a model: one byte a page that says what type it is.

#include <lib/boot_map.h>
#include <stdlib.h>
#include <tap.h>

enum { PAGES = 200, NOTHING = 255 };

static struct boot_info map;
static unsigned char model[PAGES];

static void reset(void) {
    memset(&map, 0, sizeof map);
    memset(model, NOTHING, sizeof model);
}

static void model_set(uint64_t start, uint64_t end, unsigned char type) {
    bool usable = type == BOOT_MEMORY_USABLE;
    uint64_t first = (usable ? start + PAGE_SIZE - 1 : start) / PAGE_SIZE;
    uint64_t last = (usable ? end : end + PAGE_SIZE - 1) / PAGE_SIZE;
    for (uint64_t page = first; page < last && page < PAGES; page++)
        model[page] = type;
}

static bool same_as_model(void) {
    unsigned char seen[PAGES];
    memset(seen, NOTHING, sizeof seen);
    for (unsigned i = 0; i < map.range_count; i++) {
        const struct boot_range *range = &map.ranges[i];
        if (range->start >= range->end || range->start % PAGE_SIZE || range->end % PAGE_SIZE)
            return false;
        if (i > 0 && map.ranges[i - 1].end > range->start)
            return false;
        if (i > 0 && map.ranges[i - 1].end == range->start && map.ranges[i - 1].type == range->type)
            return false; // not joined
        for (uint64_t page = range->start / PAGE_SIZE; page < range->end / PAGE_SIZE && page < PAGES; page++)
            seen[page] = (unsigned char)range->type;
    }
    return memcmp(seen, model, sizeof seen) == 0;
}

static void test_random(void) {
    bool good = true;
    srand(1);
    for (int round = 0; round < 300 && good; round++) {
        reset();
        for (int i = 0; i < 40 && good; i++) {
            uint64_t start = (uint64_t)(rand() % (PAGES * 64)) * 64, end = start + (uint64_t)(rand() % 2000) * 64;
            if (end > PAGES * PAGE_SIZE)
                end = PAGES * PAGE_SIZE;
            enum boot_memory_type type = (enum boot_memory_type)(rand() % 5);
            good = boot_map_set(&map, start, end, type);
            model_set(start, end, (unsigned char)type);
            good = good && same_as_model();
        }
    }
    ok(good, "random ranges end up as in the model");
}

static void test_full(void) {
    reset();
    unsigned stored = 0;
    while (stored < 1000 &&
           boot_map_set(&map, stored * 2 * PAGE_SIZE, (stored * 2 + 1) * PAGE_SIZE, BOOT_MEMORY_RESERVED))
        stored++;
    ok(stored < 1000 && map.range_count == stored && map.range_count <= BOOT_RANGES_MAX, "a full table says so");
    struct boot_info before = map;
    ok(!boot_map_set(&map, 0, UINT64_MAX, BOOT_MEMORY_USABLE) || map.range_count == 1, "and still is consistent");
    map = before;
    ok(!boot_map_set(&map, 5000 * PAGE_SIZE, 5001 * PAGE_SIZE, BOOT_MEMORY_USABLE), "usable memory does not fit");
    is(memcmp(&map, &before, sizeof map), 0, "and nothing changed");
}

static void test_take(void) {
    reset();
    ok(boot_map_set(&map, 0x1000, 0x9f000, BOOT_MEMORY_USABLE), "low memory");
    ok(boot_map_set(&map, 0x100000, 0x200000, BOOT_MEMORY_USABLE), "high memory");
    is(boot_map_take(&map, 0x2000, 0, UINT64_MAX), 0x1000, "takes the lowest");
    is(boot_map_take(&map, 0x1000, 0x100000, UINT64_MAX), 0x100000, "above the lower bound");
    is(boot_map_take(&map, 0x100000, 0, UINT64_MAX), 0, "nothing is large enough");
    is(boot_map_take(&map, 0x1000, 0, 0x2000), 0, "nothing below the upper bound");
    is(boot_map_total(&map, BOOT_MEMORY_KERNEL), 0x3000, "what was taken is the kernel's");
    ok(boot_map_is_usable(&map, 0x3000, 0x9f000), "the rest is usable");
    ok(!boot_map_is_usable(&map, 0x2000, 0x4000), "what was taken is not");
}

static void test_edges(void) {
    reset();
    ok(boot_map_set(&map, UINT64_MAX - 100, UINT64_MAX, BOOT_MEMORY_RESERVED), "the last page of all");
    ok(boot_map_set(&map, UINT64_MAX - 100, UINT64_MAX, BOOT_MEMORY_USABLE), "which is not usable in part");
    ok(boot_map_set(&map, 100, 200, BOOT_MEMORY_USABLE), "less than a page");
    is(boot_map_total(&map, BOOT_MEMORY_USABLE), 0, "gives none");
    ok(boot_map_set(&map, 300, 300, BOOT_MEMORY_RESERVED) && boot_map_set(&map, 400, 300, BOOT_MEMORY_RESERVED),
       "empty ranges are nothing");
}

int main(void) {
    test_random();
    test_full();
    test_take();
    test_edges();
    return tap_done();
}
