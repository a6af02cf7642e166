// SPDX-License-Identifier: MPL-2.0
// The vDSO: the clock without a system call. A shared library of a few functions which the kernel maps into every
// process; libc finds it through AT_SYSINFO_EHDR. Linux's names and version. sigreturn.S has the rest.
#include "vdso_data.h"
#include <stddef.h>

struct timespec {
    int64_t seconds, nanoseconds;
};
struct timeval {
    int64_t seconds, microseconds;
};
struct timezone {
    int32_t minutes_west, dst;
};

enum { SYS_CLOCK_GETTIME = 113, SYS_CLOCK_GETRES = 114, SYS_GETTIMEOFDAY = 169 };
#define NSEC_PER_SEC 1'000'000'000ul

extern const struct vdso_data vdso_data __attribute__((visibility("hidden"))); // vdso.ld

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

// Nanoseconds on one of the clocks of VDSO_CLOCK_MASK.
static inline uint64_t now(unsigned clock) {
    uint64_t ticks = counter() - vdso_data.base;
    uint64_t elapsed = (uint64_t)((unsigned __int128)ticks * vdso_data.mult >> VDSO_CLOCK_SHIFT);
    return elapsed + (uint64_t)__c11_atomic_load(&vdso_data.offset[clock], __ATOMIC_RELAXED);
}

int __kernel_clock_gettime(int clock, struct timespec *to) {
    if ((unsigned)clock >= VDSO_CLOCKS || (VDSO_CLOCK_MASK >> clock & 1) == 0)
        return (int)system_call(SYS_CLOCK_GETTIME, clock, (long)to);
    uint64_t ns = now((unsigned)clock);
    to->seconds = (int64_t)(ns / NSEC_PER_SEC);
    to->nanoseconds = (int64_t)(ns % NSEC_PER_SEC);
    return 0;
}

int __kernel_gettimeofday(struct timeval *to, struct timezone *zone) {
    if (to != NULL) {
        uint64_t ns = now(REALTIME);
        to->seconds = (int64_t)(ns / NSEC_PER_SEC);
        to->microseconds = (int64_t)(ns % NSEC_PER_SEC / 1000);
    }
    // The kernel's time zone can be set; nobody asks twice for it.
    return zone != NULL ? (int)system_call(SYS_GETTIMEOFDAY, 0, (long)zone) : 0;
}

int __kernel_clock_getres(int clock, struct timespec *to) {
    return (int)system_call(SYS_CLOCK_GETRES, clock, (long)to);
}
