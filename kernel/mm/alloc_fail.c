// SPDX-License-Identifier: MPL-2.0
// Fault injection: makes every n-th allocation of one thread fail, so that tests can walk all error paths. One thread
// at a time; the last to ask has it. The allocators look at `alloc_fail_armed` only.
#include "page_priv.h"

#include <arch/thread.h>
#include <mm/slab.h>

bool alloc_fail_armed;

static struct {
    struct thread *thread;
    unsigned interval, count;
} injection;

void alloc_fail_every(unsigned interval) {
    injection.thread = arch_current();
    injection.interval = interval;
    injection.count = 0;
    alloc_fail_armed = interval != 0;
}

bool alloc_fail_now(void) {
    if (injection.thread != arch_current() || ++injection.count < injection.interval)
        return false;
    injection.count = 0;
    return true;
}
