// SPDX-License-Identifier: MPL-2.0
// lib/fmt against the host's printf, on everything both know.
#include <lib/fmt.h>
#include <stdlib.h>
#include <tap.h>

static int compared, differed;

__attribute__((format(printf, 1, 2))) static void same(const char *format, ...) {
    char ours[256], theirs[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = fmt_vsnprintf(ours, sizeof(ours), format, args);
    int m = vsnprintf(theirs, sizeof(theirs), format, again);
    va_end(again);
    va_end(args);
    compared++;
    if (n != m || strcmp(ours, theirs) != 0) {
        differed++;
        printf("# \"%s\": got \"%s\" (%d), want \"%s\" (%d)\n", format, ours, n, theirs, m);
    }
}

#pragma clang diagnostic ignored "-Wformat"
#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"
static void all_integers(void) {
    static const char *const flags[] = {"", "-", "0", "+", " ", "#", "-#", "0#", "+0", "- "};
    static const char *const widths[] = {"", "1", "7", "20"};
    static const char *const precisions[] = {"", ".0", ".3", ".12", "."};
    static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z", "j", "t"};
    static const long long values[] = {0,
                                       1,
                                       -1,
                                       7,
                                       255,
                                       -128,
                                       4096,
                                       65535,
                                       2147483647,
                                       -2147483648ll,
                                       0x123456789abcdefll,
                                       (long long)0x8000000000000000ull};
    for (unsigned f = 0; f < sizeof(flags) / sizeof(*flags); f++)
        for (unsigned w = 0; w < sizeof(widths) / sizeof(*widths); w++)
            for (unsigned p = 0; p < sizeof(precisions) / sizeof(*precisions); p++)
                for (unsigned l = 0; l < sizeof(lengths) / sizeof(*lengths); l++)
                    for (const char *c = "diuxXo"; *c != '\0'; c++)
                        for (unsigned v = 0; v < sizeof(values) / sizeof(*values); v++) {
                            char format[32];
                            snprintf(format, sizeof(format), "%%%s%s%s%s%c", flags[f], widths[w], precisions[p],
                                     lengths[l], *c);
                            same(format, values[v]);
                        }
}

static int symbol(uintptr_t address, char *to, size_t size) {
    return address == 0x1234 ? snprintf(to, size, "main+0x4") : 0;
}

int main(void) {
    all_integers();
    ok(differed == 0 && compared > 10'000, "%d integer formats as the host's printf", compared);
    same("%s|%10s|%-10s|%.2s|%10.2s|%-5.1s|", "abc", "abc", "abc", "abc", "abc", "abc");
    same("%c%3c%-3c%%", 'a', 'b', 'c');
    same("%*d|%-*d|%.*d|%*s|%.*s", 5, 1, 5, 2, 5, 3, -6, "x", 2, "yz!");
    same("%p %p", (void *)0x1234, (void *)0xffffffff80000000ul);
    same("plain text");
    same("");
    ok(differed == 0, "strings, characters, stars and pointers too");

    char small[8];
    memset(small, 'x', sizeof(small));
    is(fmt_snprintf(small, sizeof(small), "%s", "0123456789"), 10, "the length that it would have");
    ok(strcmp(small, "0123456") == 0, "but never more than the buffer");
    is(fmt_snprintf(nullptr, 0, "%d", 12345), 5, "size 0 only counts");
    memset(small, 'x', sizeof(small));
    fmt_snprintf(small, 1, "%d", 5);
    ok(small[0] == '\0' && small[1] == 'x', "size 1 only terminates");
    char text[64];
    fmt_snprintf(text, sizeof(text), "%s", (const char *)nullptr);
    ok(strcmp(text, "(null)") == 0, "a null string");
    fmt_snprintf(text, sizeof(text), "%pS", (void *)0x1234);
    ok(strcmp(text, "0x1234") == 0, "a symbol without a table is a number");
    fmt_symbol_hook = symbol;
    fmt_snprintf(text, sizeof(text), "%pS %pS", (void *)0x1234, (void *)0x99);
    ok(strcmp(text, "main+0x4 0x99") == 0, "with a table its name, if it has one");
    const char *odd = "50% %y %";
    int n = fmt_snprintf(text, sizeof(text), odd);
    ok(n == (int)strlen(text), "unknown conversions do no harm");
    return tap_done();
}
