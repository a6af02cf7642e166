// SPDX-License-Identifier: MPL-2.0
// Calls on jobs for the system tests.
#pragma once

#include "native.h"

#include <abi/job.h>

enum { NATIVE_job_create = 0x240, NATIVE_job_set_limits, NATIVE_job_info, NATIVE_job_enter, NATIVE_job_kill };

#define NO_LIMIT UINT64_MAX
#define NO_LIMITS ((struct job_limits){NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT})

UNUSED static int job_create(int parent, const char *name, unsigned flags) {
    return (int)syscall(NATIVE_job_create, parent, name, flags);
}
UNUSED static long job_set_limits(int job, const struct job_limits *limits) {
    return syscall(NATIVE_job_set_limits, job, limits);
}
UNUSED static long job_info(int job, struct job_info *out) {
    return syscall(NATIVE_job_info, job, out, sizeof *out);
}
UNUSED static long job_enter(int job) {
    return syscall(NATIVE_job_enter, job);
}
UNUSED static long job_kill(int job) {
    return syscall(NATIVE_job_kill, job);
}

// A job below the caller's with limits set.
UNUSED static int job_with(struct job_limits limits) {
    int job = job_create(-1, "test", 0);
    if (job >= 0 && job_set_limits(job, &limits) != 0)
        return -1;
    return job;
}
// Runs the statements in a child in the job; gives its process id.
#define start_in_job(job, ...)  \
    start_child({               \
        if (job_enter(job) < 0) \
            _exit(99);          \
        __VA_ARGS__;            \
    })
#define in_job(job, ...) wait_status(start_in_job(job, __VA_ARGS__))
