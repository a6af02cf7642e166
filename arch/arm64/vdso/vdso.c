// SPDX-License-Identifier: MPL-2.0
// The vDSO: the clock without a system call. A shared library of a few functions which the kernel maps into every
// process; libc finds it through AT_SYSINFO_EHDR. Linux's names and version. sigreturn.S has the rest.
#include "vdso_data.h"
#include <common/vdso_clock.h>

enum { SYS_CLOCK_GETTIME = 113, SYS_CLOCK_GETRES = 114, SYS_GETTIMEOFDAY = 169 };

int __kernel_clock_gettime(int clock, struct timespec *to);
int __kernel_gettimeofday(struct timeval *to, struct timezone *zone);
int __kernel_clock_getres(int clock, struct timespec *to);

static long system_call(long number, long a, long b) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    return x0;
}

// Not before what comes before it: without the barrier the counter may be read early.
static inline uint64_t counter(void) {
    uint64_t value;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static inline uint64_t monotonic(void) {
    return vdso_monotonic(counter(), VDSO_CLOCK_SHIFT);
}

int __kernel_clock_gettime(int clock, struct timespec *to) {
    if (!vdso_knows(clock))
        return (int)system_call(SYS_CLOCK_GETTIME, clock, (long)to);
    *to = vdso_timespec(monotonic(), clock);
    return 0;
}

int __kernel_gettimeofday(struct timeval *to, struct timezone *zone) {
    if (to != NULL)
        *to = vdso_timeval(monotonic());
    // The kernel's time zone can be set; nobody asks twice for it.
    return zone != NULL ? (int)system_call(SYS_GETTIMEOFDAY, 0, (long)zone) : 0;
}

int __kernel_clock_getres(int clock, struct timespec *to) {
    return (int)system_call(SYS_CLOCK_GETRES, clock, (long)to);
}
