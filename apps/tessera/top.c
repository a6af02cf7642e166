// SPDX-License-Identifier: MPL-2.0
// tessera top: who uses the CPUs. Two looks at /proc/tessera/tasks, and what has changed between them.

#include "tessera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool json;
    unsigned rounds; // 0: for ever
    double seconds;
} options = {.rounds = 0, .seconds = 1};

static double number(const char *word, const char *text, double least, double most) {
    char *end;
    double value = text ? strtod(text, &end) : 0;
    if (!text || end == text || *end || !(value >= least && value <= most))
        usage("top: %s wants a number, %g to %g", word, least, most);
    return value;
}

static void parse(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            puts("usage: tessera top [--json] [--rounds N] [--seconds T]\n\n"
                 "Shows processes by the CPU time of the last T seconds (1), N times; without N\n"
                 "until interrupted, or once if the output is no terminal. `cpu` is in per cent of\n"
                 "one CPU.");
            exit(0);
        }
        if (strcmp(argv[i], "--json") == 0)
            options.json = true;
        else if (strcmp(argv[i], "--rounds") == 0)
            options.rounds = (unsigned)number("--rounds", argv[i + 1], 1, 1e6), i++;
        else if (strcmp(argv[i], "--seconds") == 0)
            options.seconds = number("--seconds", argv[i + 1], 0.01, 3600), i++;
        else
            usage("top: unknown argument '%s'", argv[i]);
    }
    if (options.rounds == 0 && !isatty(1))
        options.rounds = 1;
}

static void look(struct table *table) {
    if (!table_read(table, "/proc/tessera/tasks"))
        fail("cannot read /proc/tessera/tasks");
}

static unsigned long long cell(const struct table *table, size_t row, const char *column) {
    int i = table_column(table, column);
    return i < 0 ? 0 : strtoull(table->rows[row][i], NULL, 10);
}

static unsigned long long before(const struct table *old, unsigned long long pid, unsigned long long otherwise) {
    for (size_t row = 1; row < old->row_count; row++)
        if (cell(old, row, "pid") == pid)
            return cell(old, row, "cpu_ms");
    return otherwise;
}

static struct table *sorted; // qsort has no context
static int by_use(const void *a, const void *b) {
    char *const *x = *(char **const *)a, *const *y = *(char **const *)b;
    double ux = strtod(x[sorted->column_count - 1], NULL), uy = strtod(y[sorted->column_count - 1], NULL);
    return ux < uy ? 1 : ux > uy ? -1 : 0;
}

// Replaces the last column, the time used so far, by the use since `old`.
static void measure(struct table *now, const struct table *old, char (*texts)[16]) {
    static char name[] = "cpu";
    int column = table_column(now, "cpu_ms");
    if (column < 0 || (size_t)column + 1 != now->column_count)
        fail("/proc/tessera/tasks is not as expected");
    for (size_t row = 1; row < now->row_count; row++) {
        unsigned long long used = cell(now, row, "cpu_ms");
        used -= before(old, cell(now, row, "pid"), used);
        snprintf(texts[row], sizeof texts[row], "%.1f", (double)used / options.seconds / 10);
    }
    for (size_t row = 1; row < now->row_count; row++)
        now->rows[row][column] = texts[row];
    now->rows[0][column] = name;
    sorted = now;
    if (now->row_count > 2)
        qsort(now->rows + 1, now->row_count - 1, sizeof *now->rows, by_use);
}

// On a terminal, a page of its own that has as many lines as fit.
static void show(struct table *table) {
    struct winsize size;
    size_t all = table->row_count;
    if (isatty(1)) {
        fputs("\033[H\033[2J", stdout);
        if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 && all >= size.ws_row)
            table->row_count = size.ws_row - 1u;
    }
    table_print(table);
    table->row_count = all;
}

int top_main(int argc, char **argv) {
    parse(argc, argv);
    struct timespec pause = {(time_t)options.seconds,
                             (long)((options.seconds - (double)(time_t)options.seconds) * 1e9)};
    for (unsigned round = 0; options.rounds == 0 || round < options.rounds; round++) {
        struct table old, now;
        look(&old);
        nanosleep(&pause, NULL);
        look(&now);
        char (*texts)[16] = calloc(now.row_count + 1, sizeof *texts);
        if (!texts)
            fail("out of memory");
        measure(&now, &old, texts);
        if (options.json)
            table_print_json(&now);
        else
            show(&now);
        fflush(stdout);
        free(texts);
        table_free(&old);
        table_free(&now);
    }
    return 0;
}
