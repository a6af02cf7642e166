// SPDX-License-Identifier: MPL-2.0
// Bitmaps against bool arrays.
#include <lib/bitmap.h>
#include <stdlib.h>
#include <tap.h>

enum { SIZE = 300 };
static uint64_t map[BITMAP_WORDS(SIZE)];
static bool model[SIZE];

static size_t model_next(size_t from, bool value) {
    while (from < SIZE && model[from] != value)
        from++;
    return from < SIZE ? from : SIZE;
}

static size_t model_run(size_t from, size_t count) {
    for (size_t start = from; start + count <= SIZE; start++) {
        size_t length = 0;
        while (length < count && !model[start + length])
            length++;
        if (length == count)
            return start;
    }
    return SIZE;
}

static bool agrees(void) {
    size_t count = 0;
    for (size_t i = 0; i < SIZE; i++) {
        count += model[i];
        if (bitmap_test(map, i) != model[i] || bitmap_next_set(map, SIZE, i) != model_next(i, true) ||
            bitmap_next_clear(map, SIZE, i) != model_next(i, false))
            return false;
    }
    for (size_t length = 1; length < 20; length++)
        if (bitmap_find_clear_run(map, SIZE, 5, length) != model_run(5, length))
            return false;
    return bitmap_count(map, SIZE) == count;
}

int main(void) {
    bool good = true;
    srandom(2);
    for (unsigned step = 0; step < 3000 && good; step++) {
        size_t first = (size_t)random() % SIZE, count = (size_t)random() % 40;
        count = count < SIZE - first ? count : SIZE - first;
        bool value = random() % 2;
        (value ? bitmap_set_range : bitmap_clear_range)(map, first, count);
        for (size_t i = first; i < first + count; i++)
            model[i] = value;
        good = agrees();
    }
    ok(good, "random ranges: searches, runs and counts agree with the model");
    is(bitmap_next_set(map, SIZE, SIZE), SIZE, "a search from the end finds nothing");
    bitmap_set_range(map, 0, SIZE);
    is(bitmap_next_clear(map, SIZE, 0), SIZE, "a full map has no clear bit");
    is(bitmap_find_clear_run(map, SIZE, 0, 1), SIZE, "nor a run of one");
    return tap_done();
}
