// SPDX-License-Identifier: MPL-2.0
// Bitmaps: arrays of 64-bit words, bit 0 first. Not synchronised: the owner locks.
#pragma once

#include <lib/types.h>

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)

ALWAYS_INLINE bool bitmap_test(const uint64_t *map, size_t bit) {
    return map[bit / 64] >> (bit % 64) & 1;
}
ALWAYS_INLINE void bitmap_set(uint64_t *map, size_t bit) {
    map[bit / 64] |= 1ull << (bit % 64);
}
ALWAYS_INLINE void bitmap_clear(uint64_t *map, size_t bit) {
    map[bit / 64] &= ~(1ull << (bit % 64));
}

// The first clear / set bit in [from, size), or `size`.
size_t bitmap_next_clear(const uint64_t *map, size_t size, size_t from);
size_t bitmap_next_set(const uint64_t *map, size_t size, size_t from);
// The first run of `count` clear bits in [from, size), or `size`.
size_t bitmap_find_clear_run(const uint64_t *map, size_t size, size_t from, size_t count);
void bitmap_set_range(uint64_t *map, size_t first, size_t count);
void bitmap_clear_range(uint64_t *map, size_t first, size_t count);
size_t bitmap_count(const uint64_t *map, size_t size);
