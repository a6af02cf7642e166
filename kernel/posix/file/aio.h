// SPDX-License-Identifier: MPL-2.0
// Contexts of Linux's own asynchronous I/O, as a process's life sees them.
#pragma once

#include <posix/process.h>

// The process ends, or executes another program: it has no contexts any more. It has one thread left.
void aio_forget(struct process *process);
void aio_init(void); // at boot: /proc/sys/fs/aio-nr, aio-max-nr
