// SPDX-License-Identifier: MPL-2.0
// bench: the operations of the comparison with Linux, one static program that runs on both.
//
// Each row runs several times and the smallest result counts. The clock is CLOCK_MONOTONIC; when QEMU counts
// instructions (-icount shift=0), one nanosecond of it is one guest instruction, which the calibration row confirms:
// it executes a known number.
//
// Usage: bench [--only NAME[,NAME...]] [--list] [--repeat N] [--quick]

#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    int64_t started, elapsed;
} timer;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

void begin(void) {
    timer.started = now();
#ifdef __x86_64__
    __asm__ volatile("nopl 0x0e0b7e55(%rax)");
#elif defined(__aarch64__)
    __asm__ volatile("movz xzr, #0x7e55");
#endif
}

void end(void) {
#ifdef __x86_64__
    __asm__ volatile("nopl 0x0e0d7e55(%rax)");
#elif defined(__aarch64__)
    __asm__ volatile("movz xzr, #0x7e5f");
#endif
    timer.elapsed = now() - timer.started;
}

long must_(long result, const char *what) {
    if (result == -1) {
        printf("failed %s: %s\n", what, strerror(errno));
        fflush(stdout);
        _exit(1);
    }
    return result;
}

void on_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    must(sched_setaffinity(0, sizeof set, &set));
}

// 100 instructions a turn, of which two are the loop's own.
static void calibrate(long n) {
    begin();
#ifdef __x86_64__
    __asm__ volatile("1: .rept 98\n nop\n .endr\n dec %0\n jnz 1b" : "+r"(n));
#elif defined(__aarch64__)
    __asm__ volatile("1: .rept 98\n nop\n .endr\n subs %0, %0, #1\n b.ne 1b" : "+r"(n));
#endif
    end();
}

static const struct row own_rows[] = {
    {"calibration", "one instruction", calibrate, 20000, 100},
    {NULL},
};

// The group says which table of the report a row is for: the comparison with Linux, or Tessera's own calls and what is
// set beside them.
static const struct {
    const struct row *rows;
    const char *group;
} tables[] = {
    {own_rows, "check"},     {call_rows, "linux"},   {message_rows, "linux"},
    {process_rows, "linux"}, {memory_rows, "linux"}, {file_rows, "linux"},
    {exchange_rows, "own"},  {ipc_rows, "own"},      {ring_rows, "own"},
};

static bool wanted(const char *name, const char *only) {
    if (!only)
        return true;
    size_t size = strlen(name);
    for (const char *at = only; (at = strstr(at, name)); at += size)
        if ((at == only || at[-1] == ',') && (at[size] == ',' || !at[size]))
            return true;
    return false;
}

static bool possible(const struct row *row) {
    return (!(row->needs & TESSERA) || access("/proc/tessera", F_OK) == 0) &&
           (!(row->needs & TWO_CPUS) || sysconf(_SC_NPROCESSORS_ONLN) > 1);
}

static void measure(const char *group, const struct row *row, int repeat, bool quick) {
    long count = quick ? (row->count + 9) / 10 : row->count;
    double operations = count * (row->scale ? row->scale : 1), best = 0;
    for (int i = 0; i < repeat; i++) {
        row->run(count);
        double each = (double)timer.elapsed / operations;
        if (i == 0 || each < best)
            best = each;
    }
    printf("row %s %s %.2f %.0f %s\n", group, row->name, best, operations, row->title);
    fflush(stdout);
}

// Each row gets a process of its own, so that what one leaves behind (touched memory above all) does not weigh on the
// next.
static void run_alone(char **argv, int argc, const char *name) {
    char *args[16];
    int count = 0;
    for (; count < argc && count < 12; count++)
        args[count] = argv[count];
    args[count++] = (char *)"--only";
    args[count++] = (char *)name;
    args[count] = NULL;
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        execv("/proc/self/exe", args);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
    const char *only = NULL;
    int repeat = 3;
    bool quick = false, list = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--child")) // what the exec rows start
            return 0;
        if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        else if (!strcmp(argv[i], "--repeat") && i + 1 < argc)
            repeat = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--quick"))
            quick = true;
        else if (!strcmp(argv[i], "--list"))
            list = true;
        else {
            fprintf(stderr, "usage: bench [--only NAME[,NAME...]] [--repeat N] [--quick] [--list]\n");
            return 2;
        }
    }
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct row *row = tables[t].rows; row->name; row++) {
            if (list)
                printf("%-20s %s\n", row->name, row->title);
            else if (!possible(row))
                continue;
            else if (only && wanted(row->name, only))
                measure(tables[t].group, row, repeat, quick);
            else if (!only)
                run_alone(argv, argc, row->name);
        }
    }
    return 0;
}
