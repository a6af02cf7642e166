// SPDX-License-Identifier: MPL-2.0
// The vDSO: the clock without a system call. A shared library of a few functions which the kernel maps into every
// process; libc finds it through AT_SYSINFO_EHDR. Linux's names and version.
#include "vdso_data.h"
#include <common/vdso_clock.h>

enum { SYS_GETTIMEOFDAY = 96, SYS_CLOCK_GETTIME = 228, SYS_CLOCK_GETRES = 229, SYS_GETCPU = 309 };

int __vdso_clock_gettime(int clock, struct timespec *to);
int __vdso_gettimeofday(struct timeval *to, struct timezone *zone);
int64_t __vdso_time(int64_t *to);
int __vdso_clock_getres(int clock, struct timespec *to);
int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static long system_call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static inline uint64_t time_stamp(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

static inline uint64_t monotonic(void) {
    return vdso_monotonic(time_stamp(), VDSO_CLOCK_SHIFT);
}

int __vdso_clock_gettime(int clock, struct timespec *to) {
    if (!vdso_knows(clock))
        return (int)system_call(SYS_CLOCK_GETTIME, clock, (long)to, 0);
    *to = vdso_timespec(monotonic(), clock);
    return 0;
}

int __vdso_gettimeofday(struct timeval *to, struct timezone *zone) {
    if (to != NULL)
        *to = vdso_timeval(monotonic());
    // The kernel's time zone can be set; nobody asks twice for it.
    return zone != NULL ? (int)system_call(SYS_GETTIMEOFDAY, 0, (long)zone, 0) : 0;
}

int64_t __vdso_time(int64_t *to) {
    int64_t seconds = vdso_timespec(monotonic(), REALTIME).seconds;
    if (to != NULL)
        *to = seconds;
    return seconds;
}

int __vdso_clock_getres(int clock, struct timespec *to) {
    return (int)system_call(SYS_CLOCK_GETRES, clock, (long)to, 0);
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused) {
    (void)unused;
    if (!vdso_data.has_cpu_number)
        return (int)system_call(SYS_GETCPU, (long)cpu, (long)node, 0);
    uint32_t low, high, aux;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
    if (cpu != NULL)
        *cpu = aux & 0xfff;
    if (node != NULL)
        *node = aux >> 12;
    return 0;
}

int clock_gettime(int, struct timespec *) __attribute__((weak, alias("__vdso_clock_gettime")));
int gettimeofday(struct timeval *, struct timezone *) __attribute__((weak, alias("__vdso_gettimeofday")));
int64_t time(int64_t *) __attribute__((weak, alias("__vdso_time")));
int clock_getres(int, struct timespec *) __attribute__((weak, alias("__vdso_clock_getres")));
int getcpu(unsigned *, unsigned *, void *) __attribute__((weak, alias("__vdso_getcpu")));
