// SPDX-License-Identifier: MPL-2.0
// A whole one-CPU machine in a process, on the host port: main() becomes the idle thread, the test runs in a thread
// of its own, time jumps from timer to timer.
#pragma once

#include <lib/status.h>
#include <lib/string.h>
#include <sched/sched.h>
#include <stdlib.h>
#include <tap.h>

enum { SIMULATED_THREADS = 64 };

static struct {
    struct thread threads[SIMULATED_THREADS];
    bool used[SIMULATED_THREADS];
    void (*test)(void);
} simulation;

static void simulation_free(struct thread *thread) {
    simulation.used[thread - simulation.threads] = false;
}

struct simulated {
    void (*function)(void *);
    void *argument;
};

static void simulation_run(void *argument) {
    struct simulated todo = *(struct simulated *)argument;
    free(argument);
    todo.function(todo.argument);
    thread_exit(simulation_free);
}

__attribute__((unused)) static struct thread *spawn(const char *name, void (*function)(void *), void *argument) {
    struct simulated *todo = malloc(sizeof *todo);
    *todo = (struct simulated){function, argument};
    for (unsigned i = 0; i < SIMULATED_THREADS; i++)
        if (!simulation.used[i]) {
            simulation.used[i] = true;
            thread_init(&simulation.threads[i], nullptr, name, simulation_run, todo, nullptr);
            thread_start(&simulation.threads[i]);
            return &simulation.threads[i];
        }
    abort();
}

static void simulation_main(void *argument) {
    (void)argument;
    simulation.test();
    exit(tap_done());
}

// Lets all others run until they block.
__attribute__((unused)) static void settle(void) {
    status_t status = thread_sleep_until(clock_now() + 1000, WAIT_UNINTERRUPTIBLE);
    (void)status;
}

[[noreturn]] static void simulate(void (*test)(void)) {
    simulation.test = test;
    sched_init();
    spawn("test", simulation_main, nullptr);
    sched_idle_loop();
}
