// SPDX-License-Identifier: MPL-2.0
// TAP for C programs: host unit tests and system tests. ok(condition, "what %s", …); a failed one says
// where. `return tap_done();` prints the plan and gives the exit status.
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 4, 5), unused)) static bool tap_ok(bool good, const char *file, int line,
                                                                 const char *format, ...) {
    int saved = errno;
    va_list args;
    va_start(args, format);
    printf("%sok %d - ", good ? "" : "not ", ++tap_count);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    if (!good) {
        tap_failed++;
        printf("# failed at %s:%d (errno %d: %s)\n", file, line, saved, strerror(saved));
    }
    fflush(stdout);
    return good;
}

#define ok(condition, ...) tap_ok(!!(condition), __FILE__, __LINE__, __VA_ARGS__)
#define is(got, want, ...)                                            \
    ({                                                                \
        long long got_ = (long long)(got), want_ = (long long)(want); \
        bool good_ = ok(got_ == want_, __VA_ARGS__);                  \
        if (!good_)                                                   \
            printf("# got %lld, want %lld\n", got_, want_);           \
        good_;                                                        \
    })
// A call that must fail with this errno.
#define fails(call, error, ...)                                                                       \
    ({                                                                                                \
        errno = 0;                                                                                    \
        long long r_ = (long long)(call);                                                             \
        int e_ = errno;                                                                               \
        bool good_ = ok(r_ == -1 && e_ == (error), __VA_ARGS__);                                      \
        if (!good_)                                                                                   \
            printf("# returned %lld, errno %d (%s), want errno %d\n", r_, e_, strerror(e_), (error)); \
        good_;                                                                                        \
    })
#define skip(why, ...) \
    (printf("ok %d - ", ++tap_count), printf(__VA_ARGS__), printf(" # SKIP %s\n", why), fflush(stdout))

__attribute__((unused)) static int tap_done(void) {
    printf("1..%d\n", tap_count);
    return tap_failed ? 1 : 0;
}
