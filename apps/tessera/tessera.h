// SPDX-License-Identifier: MPL-2.0
// Between the files of the `tessera` command.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

// Exit codes, of every subcommand. `run` gives its program's own, or 128 + the signal that ended it.
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_RUN = 125 };

#define PROGRAM "tessera"

extern int fail_status;                                                      // what fail() exits with
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char *format, ...);  // with errno's text, if it is set
[[noreturn]] void fail_to_read(const char *path);                            // a table
[[noreturn, gnu::format(printf, 1, 2)]] void usage(const char *format, ...); // EXIT_USAGE

// --- table.c ---
// A table of text: the first row names the columns.
struct table {
    char *text; // all cells point in here
    char ***rows;
    size_t row_count, column_count;
};
// Reads tab-separated lines. False: the file cannot be read (errno).
bool table_read(struct table *table, const char *path);
void table_free(struct table *table);
void table_print(const struct table *table);
void table_print_json(const struct table *table); // an array of objects; numbers as numbers, "-" as null
// For the eye: X and X_limit in one column, rights without dashes, `bytes` (a column, or null) in K, M, G.
void table_shorten(struct table *table, const char *bytes);
void print_json_text(const char *text);                        // what goes between the quotation marks
int table_column(const struct table *table, const char *name); // -1: none

// --- top.c, log.c, run.c, service.c: subcommands; argv[0] is the subcommand's name ---
int top_main(int argc, char **argv);
int log_main(int argc, char **argv);
int run_main(int argc, char **argv);
int command_main(int argc, char **argv); // start, stop, restart
int status_main(int argc, char **argv);

// --- grants.c ---
struct grant {
    const char *path; // absolute, in the file system as it is
    bool writable;
};
// Makes a file system of nothing but these (and `shm`: a /dev/shm of its own) the root of the calling process; what it
// had is out of reach. The process has its mounts for itself from then on.
void grants_apply(const struct grant *grants, size_t count, bool shm);
