// SPDX-License-Identifier: MPL-2.0
// Clocks, timers and the structures that carry time.
#pragma once

#include <stdint.h>

enum {
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS_CPUTIME_ID = 2,
    CLOCK_THREAD_CPUTIME_ID = 3,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOTTIME = 7,
    CLOCK_REALTIME_ALARM = 8,
    CLOCK_BOOTTIME_ALARM = 9,
    CLOCK_TAI = 11,
};
enum { TIMER_ABSTIME = 1 };
enum { ITIMER_REAL = 0, ITIMER_VIRTUAL = 1, ITIMER_PROF = 2 };

struct abi_timespec {
    int64_t seconds, nanoseconds;
};
struct abi_timeval {
    int64_t seconds, microseconds;
};
struct abi_itimerspec {
    struct abi_timespec interval, value;
};
struct abi_itimerval {
    struct abi_timeval interval, value;
};
struct abi_timezone {
    int32_t minutes_west, dst_time;
};

// adjtimex.
enum {
    ADJ_OFFSET = 1,
    ADJ_FREQUENCY = 2,
    ADJ_MAXERROR = 4,
    ADJ_ESTERROR = 8,
    ADJ_STATUS = 0x10,
    ADJ_TIMECONST = 0x20,
    ADJ_TAI = 0x80,
    ADJ_SETOFFSET = 0x100,
    ADJ_MICRO = 0x1000,
    ADJ_NANO = 0x2000,
    ADJ_TICK = 0x4000,
    ADJ_OFFSET_SINGLESHOT = 0x8001,
    ADJ_OFFSET_SS_READ = 0xa001
};
enum { ADJ_ADJTIME = 0x8000, ADJ_SINGLESHOT = 1, ADJ_READONLY = 0x2000 }; // the parts of the last two
enum { STA_PLL = 1, STA_UNSYNC = 0x40, STA_NANO = 0x2000, STA_READ_ONLY = 0xff00 };
enum { TIME_OK = 0, TIME_ERROR = 5 };
struct abi_timex {
    uint32_t modes, pad0;
    int64_t offset, frequency, max_error, estimated_error;
    int32_t status, pad1;
    int64_t constant, precision, tolerance;
    struct abi_timeval time;
    int64_t tick, pps_frequency, jitter;
    int32_t shift, pad2;
    int64_t stabil, jitter_count, calibrations, errors, stability_count;
    int32_t tai, pad3[11];
};
static_assert(sizeof(struct abi_timex) == 208);

#define NSEC_PER_SEC 1000000000ll
#define NSEC_PER_USEC 1000ll
