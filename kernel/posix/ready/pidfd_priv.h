// SPDX-License-Identifier: MPL-2.0
// pidfds, for clone.
#pragma once

#include <posix/process.h>

// A close-on-exec handle of the process in the current task; its number, -EMFILE, -ENOMEM.
int pidfd_install(struct process *process);
// ptrace's rule for the current task.
bool process_may_inspect(struct process *process);
