// SPDX-License-Identifier: MPL-2.0
// Between the files of kernel/init.
#pragma once

#include <lib/types.h>

// --- options.c: the kernel command line, split once at boot ---
#define OPTIONS_WORDS_MAX 64

struct options {
    int log_level;                                  // loglevel=, as enum log_level; default: warnings and worse
    int panic_seconds;                              // panic=: reset so long after a panic; negative: at once; 0: stop
    const char *init;                               // init=: the first program; null: the usual places
    bool selftest;                                  // run the kernel's own tests and switch off
    const char *selftest_filter;                    // selftest=: only tests whose name begins so
    bool no_random_maps;                            // norandmaps: programs at the same addresses each time
    bool trace_calls;                               // trace_calls: every system call goes to the log, at debug level
    const char *arguments[OPTIONS_WORDS_MAX + 2];   // for init: [0] is for its path; null-terminated
    const char *environment[OPTIONS_WORDS_MAX + 3]; // for init; null-terminated
};
extern struct options options;
// Splits `line` in place: its memory must stay. What cannot be understood is logged and left out.
void options_parse(char *line);

// --- panic.c ---
void panic_set_timeout(int seconds);

// --- symbols.c: %pS works from here on ---
void symbols_init(void);

// --- drivers.c: thread context ---
void drivers_attach(void);

// --- selftest.c ---
[[noreturn]] void selftest_run(const char *filter);
