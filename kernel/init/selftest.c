// SPDX-License-Identifier: MPL-2.0
// Runs the tests that the linker gathered (lib/ktest.h) and reports in TAP on the early console: no driver needs to
// work for it. The machine switches off afterwards; whoever reads the output judges it.

#include "init_priv.h"
#include <arch/power.h>
#include <lib/fmt.h>
#include <lib/ktest.h>
#include <lib/string.h>

extern const struct ktest kernel_tests_start[], kernel_tests_end[];

static struct {
    bool failed;
    const char *skipped; // why
} current;

static void say(const char *format, ...) PRINTF_LIKE(1, 2);
static void say(const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    int length = fmt_vsnprintf(line, sizeof line, format, args);
    va_end(args);
    arch_early_write(line, MIN((size_t)length, sizeof line - 1));
    arch_early_write("\r\n", 2);
}

void ktest_fail(const char *file, int line, const char *what) {
    current.failed = true;
    say("# %s:%d: failed: %s", file, line, what);
}

void ktest_skip(const char *why) {
    current.skipped = why;
}

// Tests that end in a panic must be asked for.
static bool chosen(const struct ktest *test, const char *filter) {
    static const char fatal[] = "fatal_";
    if (strncmp(test->name, fatal, strlen(fatal)) == 0 && strncmp(filter, fatal, strlen(fatal)) != 0)
        return false;
    return strncmp(test->name, filter, strlen(filter)) == 0;
}

void selftest_run(const char *filter) {
    unsigned count = 0, number = 0, failed = 0;
    for (const struct ktest *test = kernel_tests_start; test < kernel_tests_end; test++)
        count += chosen(test, filter);
    say("TAP version 13");
    say("1..%u", count);
    for (const struct ktest *test = kernel_tests_start; test < kernel_tests_end; test++) {
        if (!chosen(test, filter))
            continue;
        current.failed = false;
        current.skipped = nullptr;
        test->run();
        failed += current.failed;
        say("%s %u - %s%s%s", current.failed ? "not ok" : "ok", ++number, test->name,
            current.skipped != nullptr ? " # SKIP " : "", current.skipped != nullptr ? current.skipped : "");
    }
    say("# %u tests, %u failed", count, failed);
    arch_power_off();
}
