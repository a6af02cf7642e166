// SPDX-License-Identifier: MPL-2.0
// The page before the vDSO, written by the kernel and read by the vDSO's code. A port's vdso/vdso_data.h includes this
// and has the scale of its counter.
#pragma once

#include <stdint.h>

// The clocks that the vDSO knows.
enum {
    REALTIME = 0,
    MONOTONIC = 1,
    MONOTONIC_RAW = 4,
    REALTIME_COARSE = 5,
    MONOTONIC_COARSE = 6,
    BOOTTIME = 7,
    TAI = 11
};
#define VDSO_CLOCKS 12
#define VDSO_WALL_CLOCKS (1u << REALTIME | 1u << REALTIME_COARSE | 1u << TAI)
#define VDSO_CLOCK_MASK \
    (VDSO_WALL_CLOCKS | 1u << MONOTONIC | 1u << MONOTONIC_RAW | 1u << MONOTONIC_COARSE | 1u << BOOTTIME)

// No sequence counter: the scale is written before the first process runs and never again, and an offset is one word.
struct vdso_data {
    uint64_t base, mult;                 // monotonic nanoseconds = (counter - base) * mult >> VDSO_CLOCK_SHIFT
    _Atomic int64_t offset[VDSO_CLOCKS]; // of a clock from the monotonic one, nanoseconds
    uint32_t has_cpu_number;             // programs can read it (x86-64: rdtscp)
};
