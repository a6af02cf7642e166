// SPDX-License-Identifier: MPL-2.0
// Rows: the bare call, clocks, devices, signals, yielding.
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buffer[4096];

static void null_call(long n) {
    begin();
    for (long i = 0; i < n; i++)
        getppid();
    end();
}

static void clock_vdso(long n) {
    struct timespec t;
    begin();
    for (long i = 0; i < n; i++)
        clock_gettime(CLOCK_MONOTONIC, &t);
    end();
}

static void clock_call(long n) {
    struct timespec t;
    begin();
    for (long i = 0; i < n; i++)
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    end();
}

static void write_null(long n) {
    int fd = must(open("/dev/null", O_WRONLY));
    begin();
    for (long i = 0; i < n; i++)
        write(fd, buffer, 1);
    end();
    close(fd);
}

static void read_zero(long n) {
    int fd = must(open("/dev/zero", O_RDONLY));
    begin();
    for (long i = 0; i < n; i++)
        read(fd, buffer, sizeof buffer);
    end();
    close(fd);
}

static void yield_alone(long n) {
    begin();
    for (long i = 0; i < n; i++)
        sched_yield();
    end();
}

// Two processes on one CPU that do nothing but yield: each yield is a switch, once the scheduler holds them for equal.
#define WARM_UP 20000
static void yield_switch(long n) {
    int go[2];
    must(pipe(go));
    pid_t child = must(fork());
    if (child == 0) {
        char c;
        on_cpu(0);
        read(go[0], &c, 1);
        for (long i = 0; i < n + WARM_UP + 1000; i++)
            sched_yield();
        _exit(0);
    }
    cpu_set_t before;
    sched_getaffinity(0, sizeof before, &before);
    on_cpu(0);
    write(go[1], "g", 1);
    for (int i = 0; i < WARM_UP; i++)
        sched_yield();
    begin();
    for (long i = 0; i < n; i++)
        sched_yield();
    end();
    waitpid(child, NULL, 0);
    sched_setaffinity(0, sizeof before, &before);
    close(go[0]), close(go[1]);
}

static void nothing(int signal) {
    (void)signal;
}

static void signal_action(long n) {
    struct sigaction action = {.sa_handler = nothing};
    begin();
    for (long i = 0; i < n; i++)
        sigaction(SIGUSR1, &action, NULL);
    end();
}

static void signal_self(long n) {
    signal(SIGUSR1, nothing);
    pid_t pid = getpid(), tid = gettid();
    begin();
    for (long i = 0; i < n; i++)
        syscall(SYS_tgkill, pid, tid, SIGUSR1);
    end();
}

static char *guarded;
static void unprotect(int signal) {
    (void)signal;
    mprotect(guarded, 4096, PROT_READ | PROT_WRITE);
}

static void signal_fault(long n) {
    guarded = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    guarded[0] = 1;
    signal(SIGSEGV, unprotect);
    begin();
    for (long i = 0; i < n; i++) {
        mprotect(guarded, 4096, PROT_READ);
        *(volatile char *)guarded = 1;
    }
    end();
    signal(SIGSEGV, SIG_DFL);
    munmap(guarded, 4096);
}

const struct row call_rows[] = {
    {"null_call", "null call (getppid)", null_call, 20000},
    {"clock_vdso", "clock_gettime, vDSO", clock_vdso, 20000},
    {"clock_call", "clock_gettime, call", clock_call, 20000},
    {"write_null", "write 1 B to /dev/null", write_null, 20000},
    {"read_zero", "read 4 KiB of /dev/zero", read_zero, 10000},
    {"yield_alone", "sched_yield alone", yield_alone, 10000},
    {"yield_switch", "sched_yield, per switch", yield_switch, 10000, 2},
    {"sigaction", "sigaction", signal_action, 20000},
    {"signal_self", "signal to self", signal_self, 5000},
    {"signal_fault", "SIGSEGV and fix", signal_fault, 2000},
    {NULL},
};
