// SPDX-License-Identifier: MPL-2.0
// Scheduling calls.
#pragma once

#include <stdint.h>

enum { SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5, SCHED_DEADLINE = 6 };
#define SCHED_RESET_ON_FORK 0x40000000
struct abi_sched_param {
    int32_t priority;
};
struct abi_sched_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};
static_assert(sizeof(struct abi_sched_attr) == 56);
#define SCHED_ATTR_SIZE_VER0 48

// rseq
struct abi_rseq {
    uint32_t cpu_id_start, cpu_id;
    uint64_t critical_section;
    uint32_t flags, node_id, mm_cid, pad;
};
struct abi_rseq_cs {
    uint32_t version, flags;
    uint64_t start, post_commit_offset, abort;
};
enum { RSEQ_FLAG_UNREGISTER = 1 };
