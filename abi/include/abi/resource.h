// SPDX-License-Identifier: MPL-2.0
// Resource limits, usage, priorities.
#pragma once

#include <abi/time.h>

enum {
    RLIMIT_CPU = 0,
    RLIMIT_FSIZE = 1,
    RLIMIT_DATA = 2,
    RLIMIT_STACK = 3,
    RLIMIT_CORE = 4,
    RLIMIT_RSS = 5,
    RLIMIT_NPROC = 6,
    RLIMIT_NOFILE = 7,
    RLIMIT_MEMLOCK = 8,
    RLIMIT_AS = 9,
    RLIMIT_LOCKS = 10,
    RLIMIT_SIGPENDING = 11,
    RLIMIT_MSGQUEUE = 12,
    RLIMIT_NICE = 13,
    RLIMIT_RTPRIO = 14,
    RLIMIT_RTTIME = 15,
};
#define RLIM_INFINITY UINT64_MAX

struct abi_rlimit {
    uint64_t soft, hard;
};

enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, RUSAGE_THREAD = 1 };
struct abi_rusage {
    struct abi_timeval user, system;
    int64_t max_resident_kib, text, data, stack, min_faults, maj_faults, swaps, blocks_in, blocks_out, messages_sent,
        messages_received, signals, switches_voluntary, switches_involuntary;
};
static_assert(sizeof(struct abi_rusage) == 144);

struct abi_tms {
    int64_t user, system, child_user, child_system;
};
enum { CLOCK_TICKS = 100 }; // USER_HZ

enum { PRIO_PROCESS = 0, PRIO_PGRP = 1, PRIO_USER = 2 };

// ioprio_set: a class above hints and a level.
enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_WHO_PGRP = 2, IOPRIO_WHO_USER = 3 };
enum { IOPRIO_CLASS_NONE, IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE };
enum { IOPRIO_CLASS_SHIFT = 13, IOPRIO_CLASS_MASK = 7, IOPRIO_LEVELS = 8 };
