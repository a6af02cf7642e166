// SPDX-License-Identifier: MPL-2.0
// Jobs: trees of tasks with limits and one kill switch. All return 0 or a handle, or a negative error number.
#pragma once

#include <abi/job.h>

// parent: a job's handle, -1 for the caller's own. flags: enum job_flags.
int job_create(int parent, const char *name, unsigned flags);
int job_set_limits(int job, const struct job_limits *limits); // needs RIGHT_ADMIN
int job_info(int job, struct job_info *info);                 // needs RIGHT_READ
int job_enter(int job);                                       // the calling process, for good
int job_kill(int job);                                        // everything in it. Needs RIGHT_ADMIN
