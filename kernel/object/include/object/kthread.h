// SPDX-License-Identifier: MPL-2.0
// Kernel threads: for work that blocks and belongs to no process.
#pragma once

#include <sched/thread.h>

// Starts function(argument) on a thread of its own; when it returns, the thread ends and its memory is freed.
// nullptr: no memory. The pointer is good until the thread ends.
struct thread *kthread_create(const char *name, void (*function)(void *argument), void *argument);
