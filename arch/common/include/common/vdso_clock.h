// SPDX-License-Identifier: MPL-2.0
// For a port's vdso/vdso.c: what becomes of its counter. The port includes its vdso_data.h first, reads the counter,
// makes system calls, and exports the functions under the names that Linux gives them there.
#pragma once

#include <common/vdso_data.h>
#include <stddef.h>

#define NSEC_PER_SEC 1'000'000'000ul

struct timespec {
    int64_t seconds, nanoseconds;
};
struct timeval {
    int64_t seconds, microseconds;
};
struct timezone {
    int32_t minutes_west, dst;
};

extern const struct vdso_data vdso_data __attribute__((visibility("hidden"))); // vdso.ld

static inline _Bool vdso_knows(int clock) {
    return (unsigned)clock < VDSO_CLOCKS && (VDSO_CLOCK_MASK >> clock & 1) != 0;
}

static inline uint64_t vdso_monotonic(uint64_t counter, unsigned shift) {
    return (uint64_t)((unsigned __int128)(counter - vdso_data.base) * vdso_data.mult >> shift);
}

// Nanoseconds on one of the clocks that we know.
static inline uint64_t vdso_nanoseconds(uint64_t monotonic, int clock) {
    return monotonic + (uint64_t)__c11_atomic_load(&vdso_data.offset[clock], __ATOMIC_RELAXED);
}

static inline struct timespec vdso_timespec(uint64_t monotonic, int clock) {
    uint64_t ns = vdso_nanoseconds(monotonic, clock);
    return (struct timespec){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC)};
}

static inline struct timeval vdso_timeval(uint64_t monotonic) {
    uint64_t ns = vdso_nanoseconds(monotonic, REALTIME);
    return (struct timeval){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC / 1000)};
}
