// SPDX-License-Identifier: MPL-2.0
// What the end of a thread asks of futexes.
#pragma once

#include <posix/process.h>

// In the dying (or exec'ing) thread's context, its address space still loaded: marks the robust mutexes that it
// holds as owned by a dead thread, then stores 0 at clear_child_tid and wakes one waiter there.
void futex_thread_exit(struct posix_thread *thread);
