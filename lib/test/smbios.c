// SPDX-License-Identifier: MPL-2.0
// The SMBIOS parser, on an entry point and a table made here: good ones, and the same with every kind of damage.
#include <lib/smbios.h>
#include <stdlib.h>
#include <tap.h>

static void seal(uint8_t *bytes, unsigned size, unsigned where) {
    uint8_t sum = 0;
    bytes[where] = 0;
    for (unsigned i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[where] = (uint8_t)-sum;
}

static void make_old(uint8_t *to) {
    static const uint8_t bytes[31] = {'_', 'S', 'M', '_', 0,    31,   2,    8,    [16] = '_', 'D',
                                      'M', 'I', '_', 0,   0x34, 0x12, 0x78, 0x56, 0x0f,       0};
    memcpy(to, bytes, sizeof bytes);
    seal(to + 16, 15, 5);
    seal(to, 31, 4);
}

static void make_new(uint8_t *to) {
    static const uint8_t bytes[24] = {'_', 'S', 'M', '3', '_', 0, 24, 3, 1, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0x80, 1};
    memcpy(to, bytes, sizeof bytes);
    seal(to, 24, 5);
}

static void entries(void) {
    enum { SIZE = 96 };
    uint8_t *bytes = calloc(1, SIZE); // on the heap, so that the sanitizer knows its end
    struct smbios_entry entry;
    ok(!smbios_find(bytes, SIZE, &entry), "no entry point in zeros");
    make_old(bytes + 16);
    ok(smbios_find(bytes, SIZE, &entry) && entry.size == 31 && entry.version == 0x208 && entry.table == 0xf5678 &&
           entry.table_size == 0x1234,
       "an old one");
    make_new(bytes + 64);
    ok(smbios_find(bytes, SIZE, &entry) && entry.size == 24 && entry.version == 0x301 && entry.table == 0x180000000 &&
           entry.table_size == 0x200,
       "a new one goes before it");
    for (unsigned i = 64; i < 64 + 24; i++) {
        bytes[i] ^= 1;
        ok(smbios_find(bytes, SIZE, &entry) && entry.size == 31, "one with byte %u damaged does not", i - 64);
        bytes[i] ^= 1;
    }
    memset(bytes + 64, 0, 32);
    for (unsigned i = 16; i < 16 + 31; i++) {
        bytes[i] ^= 1;
        ok(!smbios_find(bytes, SIZE, &entry), "nor an old one with byte %u damaged", i - 16);
        bytes[i] ^= 1;
    }
    for (unsigned size = 0; size < 16 + 31; size++)
        if (smbios_find(bytes, size, &entry))
            ok(false, "found in %u bytes", size);
    free(bytes);
}

static const uint8_t good[] = {
    1,   8, 0, 0, 1, 2,   3, 0, 'o', 'n', 'e', 0, ' ', ' ', 0, 0, // two strings, the second blank
    2,   4, 0, 0, 0, 0,                                           // no strings
    1,   5, 0, 0, 1, 'x', 0, 0,                                   // a second of its type
    127, 4, 0, 0, 0, 0,                                           // the end
    3,   4, 0, 0, 0, 0,
};
enum { GOOD_LENGTH = 16 + 6 + 8 + 6 };

static void table(void) {
    struct smbios_structure s;
    size_t length = smbios_table_length(good, sizeof good);
    is(length, GOOD_LENGTH, "a table ends where it says");
    ok(smbios_lookup(good, length, 1, &s) && s.length == 8 && s.bytes == good, "the first of a type");
    ok(smbios_lookup(good, length, 2, &s) && s.bytes == good + 16 && s.total == 6, "one without strings");
    ok(smbios_string(&s, 4) == NULL, "which has none to number");
    ok(!smbios_lookup(good, length, 3, &s), "nothing behind the end");
    smbios_lookup(good, length, 1, &s);
    ok(strcmp(smbios_string(&s, 4), "one") == 0, "a string");
    ok(strcmp(smbios_string(&s, 5), "") == 0, "a blank one");
    ok(strcmp(smbios_string(&s, 6), "") == 0, "a number too high");
    ok(strcmp(smbios_string(&s, 7), "") == 0, "number 0");
    ok(smbios_string(&s, 8) == NULL, "beyond the structure");
}

// All that a damaged table has must lie in it: the sanitizer looks on.
static void look_at_all(const uint8_t *bytes, size_t size) {
    size_t length = smbios_table_length(bytes, size), strings = 0;
    if (length > size)
        ok(false, "a table of %zu in %zu bytes", length, size);
    for (unsigned type = 0; type < 256; type++) {
        struct smbios_structure s;
        if (!smbios_lookup(bytes, length, (uint8_t)type, &s))
            continue;
        for (size_t offset = 0; smbios_string(&s, offset); offset++)
            strings += strlen(smbios_string(&s, offset)) + 1;
    }
    if (strings > 256ul * 256 * sizeof good)
        ok(false, "more strings than bytes");
}

static void damage(void) {
    for (size_t size = 0; size <= sizeof good; size++) {
        uint8_t *bytes = malloc(size + 1);
        memcpy(bytes + 1, good, size);
        look_at_all(bytes + 1, size);
        for (size_t at = 0; at < size; at++)
            for (unsigned value = 0; value < 256; value += value < 16 ? 1 : 15) {
                bytes[1 + at] = (uint8_t)value;
                look_at_all(bytes + 1, size);
                bytes[1 + at] = good[at];
            }
        free(bytes);
    }
    is(smbios_table_length(good, GOOD_LENGTH - 7), 16 + 6, "a structure that is cut off is left out");
    is(smbios_table_length(good, 5), 0, "nothing whole");
    static const uint8_t little[] = {1, 3, 0, 0, 0, 0};
    is(smbios_table_length(little, sizeof little), 0, "a structure shorter than its head");
}

int main(void) {
    entries();
    table();
    damage();
    return tap_done();
}
