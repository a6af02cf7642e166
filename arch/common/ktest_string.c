// SPDX-License-Identifier: MPL-2.0
// Self-tests: the string functions, which a port has in assembly, against the obvious loops.
#include <lib/ktest.h>
#include <lib/string.h>

enum { TEXT = 224 };
static uint8_t large[2][2048];

static void pattern(uint8_t *to, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(i * 7 + seed);
}

// One copy of `size` bytes within a buffer, at two offsets that may overlap, against a byte loop.
static bool move_is_right(size_t from, size_t to, size_t size) {
    uint8_t got[TEXT], want[TEXT], copy[TEXT];
    pattern(got, TEXT, 3);
    pattern(want, TEXT, 3);
    pattern(copy, TEXT, 3);
    for (size_t i = 0; i < size; i++)
        want[to + i] = copy[from + i];
    void *result = memmove(got + to, got + from, size);
    for (size_t i = 0; i < TEXT; i++)
        if (got[i] != want[i])
            return false;
    return result == got + to;
}

KTEST(cpu_memmove) {
    for (size_t size = 0; size <= 100; size++)
        for (size_t to = 0; to <= 48; to++)
            if (!move_is_right(24, to, size)) {
                ktest_fail(__FILE_NAME__, (int)size, "memmove of this many bytes");
                return;
            }
}

KTEST(cpu_memcpy_memset) {
    uint8_t from[TEXT], to[TEXT];
    pattern(from, TEXT, 9);
    for (size_t size = 0; size <= 200; size++) {
        pattern(to, TEXT, 1);
        memcpy(to + 5, from + 3, size);
        bool good = to[4] == (uint8_t)(4 * 7 + 1) && to[5 + size] == (uint8_t)((5 + size) * 7 + 1);
        for (size_t i = 0; i < size; i++)
            good &= to[5 + i] == from[3 + i];
        pattern(to, TEXT, 1);
        memset(to + 5, 0xa5, size);
        good &= to[4] == (uint8_t)(4 * 7 + 1) && to[5 + size] == (uint8_t)((5 + size) * 7 + 1);
        for (size_t i = 0; i < size; i++)
            good &= to[5 + i] == 0xa5;
        if (!good) {
            ktest_fail(__FILE_NAME__, (int)size, "memcpy or memset of this many bytes");
            return;
        }
    }
}

// Large enough for what clears whole cache lines.
KTEST(cpu_memset_large) {
    for (size_t at = 0; at < 70; at += 3)
        for (size_t size = 500; size < 700; size += 7) {
            memset(large[0], 0x77, sizeof(large[0]));
            memset(large[0] + at, 0, size);
            size_t zeros = 0;
            for (size_t i = 0; i < size; i++)
                zeros += large[0][at + i] == 0;
            KTEST_REQUIRE(zeros == size && large[0][at + size] == 0x77 && (at == 0 || large[0][at - 1] == 0x77));
        }
}

KTEST(cpu_memcmp) {
    uint8_t a[TEXT], b[TEXT];
    pattern(a, TEXT, 2);
    for (size_t at = 0; at < 40; at++) {
        memcpy(b, a, TEXT);
        KTEST_CHECK(memcmp(a, b, 40) == 0);
        b[at]++;
        int want = a[at] < b[at] ? -1 : 1;
        int got = memcmp(a, b, 40);
        KTEST_CHECK(got != 0 && (got < 0) == (want < 0));
        KTEST_CHECK((memcmp(b, a, 40) < 0) == (want > 0));
        KTEST_CHECK(memcmp(a, b, at) == 0);
    }
}
