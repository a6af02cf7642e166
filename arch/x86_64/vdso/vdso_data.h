// SPDX-License-Identifier: MPL-2.0
// The page before the vDSO, written by the kernel and read by the vDSO's code.
#pragma once

#include <stdint.h>

struct vdso_data {
    _Atomic uint32_t sequence; // odd while the kernel writes
    uint32_t has_rdtscp;       // TSC_AUX holds the CPU's number
    uint64_t base, mult;       // monotonic nanoseconds = (tsc - base) * mult >> shift
    uint64_t shift;
    int64_t realtime_offset;   // realtime minus monotonic, nanoseconds
};
