// SPDX-License-Identifier: MPL-2.0
// Fault injection: makes every n-th allocation of one thread fail, or the n-th alone, so that tests can walk all error
// paths. One thread at a time; the last to ask has it. The allocators look at `alloc_fail_armed` only.
#include "page_priv.h"

#include <arch/thread.h>
#include <mm/slab.h>

bool alloc_fail_armed;

static struct {
    struct thread *thread;
    unsigned interval, count, failed;
    bool once;
} injection;

static void arm(unsigned interval, bool once) {
    alloc_fail_armed = false;
    injection.thread = arch_current();
    injection.interval = interval;
    injection.count = injection.failed = 0;
    injection.once = once;
    alloc_fail_armed = interval != 0;
}

void alloc_fail_every(unsigned interval) {
    arm(interval, false);
}

void alloc_fail_once(unsigned number) {
    arm(number, true);
}

unsigned alloc_fail_count(void) {
    return injection.failed;
}

bool alloc_fail_now(void) {
    if (injection.thread != arch_current() || ++injection.count < injection.interval)
        return false;
    injection.count = 0;
    injection.failed++;
    if (injection.once)
        alloc_fail_armed = false;
    return true;
}
