// SPDX-License-Identifier: MPL-2.0
#include <tessera/job.h>

#include "native.h"

int job_create(int parent, const char *name, unsigned flags) {
    return (int)native_call(NATIVE_job_create, parent, (long)name, flags, 0, 0);
}

int job_set_limits(int job, const struct job_limits *limits) {
    return (int)native_call(NATIVE_job_set_limits, job, (long)limits, 0, 0, 0);
}

int job_info(int job, struct job_info *info) {
    return (int)native_call(NATIVE_job_info, job, (long)info, sizeof *info, 0, 0);
}

int job_enter(int job) {
    return (int)native_call(NATIVE_job_enter, job, 0, 0, 0, 0);
}

int job_kill(int job) {
    return (int)native_call(NATIVE_job_kill, job, 0, 0, 0, 0);
}
