// SPDX-License-Identifier: MPL-2.0
// What lib/string adds to libc.
#include <lib/string.h>
#include <tap.h>

static bool parses(const char *s, unsigned base, uint64_t want) {
    uint64_t value = 42;
    return string_to_u64(s, base, &value) && value == want;
}

static bool refuses(const char *s, unsigned base) {
    uint64_t value = 42;
    return !string_to_u64(s, base, &value) && value == 42;
}

int main(void) {
    char to[4] = "xxx";
    ok(string_copy(to, "abc", sizeof(to)) && strcmp(to, "abc") == 0, "a text that fits");
    ok(!string_copy(to, "abcd", sizeof(to)) && strcmp(to, "abc") == 0, "one that does not is cut and terminated");
    ok(!string_copy(to, "zz", 0) && to[0] == 'a', "size 0 writes nothing");
    ok(!string_copy(to, "zz", 1) && to[0] == '\0', "size 1 only terminates");

    ok(parses("0", 0, 0) && parses("10", 0, 10) && parses("010", 0, 8) && parses("0x10", 0, 16),
       "base 0 finds the base");
    ok(parses("ff", 16, 255) && parses("0xFF", 16, 255) && parses("777", 8, 511) && parses("z", 36, 35), "given bases");
    ok(parses("18446744073709551615", 10, UINT64_MAX) && parses("0xffffffffffffffff", 0, UINT64_MAX), "the largest");
    ok(refuses("18446744073709551616", 10) && refuses("0x10000000000000000", 0), "overflow");
    ok(refuses("", 0) && refuses("0x", 0) && refuses("12a", 10) && refuses("-1", 10) && refuses(" 1", 10) &&
           refuses("8", 8),
       "no digits, junk, signs and blanks");
    return tap_done();
}
