// SPDX-License-Identifier: MPL-2.0
// Jobs: trees of tasks with limits and one kill switch.
#pragma once

#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

// A limit of UINT64_MAX is none. What a job uses counts for all jobs above it too.
struct job_limits {
    uint64_t memory;  // bytes: pages of address spaces, page tables, queued messages, memory objects that it created
    uint64_t handles; // open handles of its tasks and in its messages
    uint64_t threads;
    uint64_t cpu_share; // 1 … 10000, of 10000 when others want the CPU, too; UINT64_MAX: no share of its own
};

enum job_flags {
    JOB_NO_SOCKETS = 1, // its tasks make no sockets
    JOB_NO_DEVICES = 2, // open no device files but those granted
    JOB_NO_SIGNALS = 4, // see and signal only processes of the job
    JOB_NO_NEW_PRIVILEGES = 8,
    // When a page fault finds the job at its limit on memory; neither: its largest process ends. Not handed down.
    JOB_OOM_JOB = 16,   // all of the job ends
    JOB_OOM_FAULT = 32, // who faulted gets SIGBUS
};

struct job_info {
    char name[32];
    uint64_t id, parent; // 0: the root job's parent
    uint32_t flags;
    uint32_t tasks; // alive, of it and of those below
    struct job_limits limits, used;
};
