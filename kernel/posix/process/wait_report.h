// SPDX-License-Identifier: MPL-2.0
// What wait4 and waitid found.
#pragma once

#include "wait_status.h"
#include <posix/process.h>

struct wait_report {
    int pid, status, code, value;
    uint32_t uid;
    struct resource_totals usage;
    struct process *reaped; // drop this reference after unlocking
};

// wait.c: fills in the end of a process; without WNOWAIT its usage is added to the caller's.
void wait_report_end(struct process *child, unsigned options, struct wait_report *r) REQUIRES(&process_tree_lock);
