// SPDX-License-Identifier: MPL-2.0
// Runs one body on several CPUs at once, for in-kernel tests. See ktest_crew.h.

#include "ktest_crew.h"
#include <arch/smp.h>
#include <lib/ktest.h>
#include <object/kthread.h>
#include <sched/sched.h>

#define DURATION (150 * MSEC)

static struct {
    void (*body)(unsigned number);
    nsec_t end;
    _Atomic unsigned next, running;
    _Atomic uint64_t wrong, rounds;
} crew;

bool crew_is_over(void) {
    nsec_t now = clock_now();
    // On a machine that has other things to do, a first round may take longer.
    return now >= crew.end && (atomic_load(&crew.rounds) > 0 || now >= crew.end + 5 * LOST);
}

void crew_verify(bool good) {
    atomic_fetch_add_explicit(&crew.rounds, 1, memory_order_relaxed);
    if (!good)
        atomic_fetch_add_explicit(&crew.wrong, 1, memory_order_relaxed);
}

static void crew_main(void *argument) {
    unsigned number = atomic_fetch_add(&crew.next, 1), cpu = number % arch_cpu_count();
    (void)argument;
    (void)!sched_set_affinity(thread_current(), (struct cpu_mask){1ull << cpu});
    crew.body(number);
    atomic_fetch_sub(&crew.running, 1);
}

bool crew_run(unsigned count, void (*body)(unsigned number)) {
    crew.body = body;
    crew.end = clock_now() + DURATION;
    crew.next = 0;
    crew.running = count;
    crew.wrong = crew.rounds = 0;
    for (unsigned i = 0; i < count; i++)
        if (kthread_create("crew", crew_main, nullptr) == nullptr)
            atomic_fetch_sub(&crew.running, 1);
    for (nsec_t late = crew.end + 20 * LOST; atomic_load(&crew.running) != 0 && clock_now() < late;)
        (void)thread_sleep_until(clock_now() + MSEC, WAIT_UNINTERRUPTIBLE);
    return atomic_load(&crew.running) == 0 && crew.wrong == 0 && crew.rounds > 0;
}
