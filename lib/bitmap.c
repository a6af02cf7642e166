// SPDX-License-Identifier: MPL-2.0
// Bitmaps (lib/bitmap.h): searches go a word at a time.
#include <lib/bitmap.h>

// The first bit at or after `from` that differs from `skip` in all words (0: find a set one, ~0: a clear one).
static size_t next_different(const uint64_t *map, size_t size, size_t from, uint64_t skip) {
    if (from >= size)
        return size;
    uint64_t word = (map[from / 64] ^ skip) & (~0ull << (from % 64));
    for (size_t i = from / 64;;) {
        if (word) {
            size_t bit = i * 64 + (size_t)__builtin_ctzll(word);
            return bit < size ? bit : size;
        }
        if (++i * 64 >= size)
            return size;
        word = map[i] ^ skip;
    }
}

size_t bitmap_next_clear(const uint64_t *map, size_t size, size_t from) {
    return next_different(map, size, from, ~0ull);
}

size_t bitmap_next_set(const uint64_t *map, size_t size, size_t from) {
    return next_different(map, size, from, 0);
}

size_t bitmap_find_clear_run(const uint64_t *map, size_t size, size_t from, size_t count) {
    for (size_t start = bitmap_next_clear(map, size, from); start < size;) {
        size_t end = bitmap_next_set(map, size, start);
        if (end - start >= count)
            return start;
        start = bitmap_next_clear(map, size, end);
    }
    return size;
}

void bitmap_set_range(uint64_t *map, size_t first, size_t count) {
    for (size_t bit = first; bit < first + count; bit++)
        bitmap_set(map, bit);
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t count) {
    for (size_t bit = first; bit < first + count; bit++)
        bitmap_clear(map, bit);
}

size_t bitmap_count(const uint64_t *map, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size / 64; i++)
        count += (size_t)__builtin_popcountll(map[i]);
    if (size % 64)
        count += (size_t)__builtin_popcountll(map[size / 64] & ((1ull << (size % 64)) - 1));
    return count;
}
