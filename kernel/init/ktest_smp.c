// SPDX-License-Identifier: MPL-2.0
// In-kernel tests: CPUs, per-CPU variables, interrupts between CPUs, the clock and timers on each of them.

#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <lib/ktest.h>
#include <lib/string.h>
#include <mm/vmap.h>
#include <sched/sched.h>
#include <sched/timer.h>

#define MSEC 1000000ll
#define PATIENCE (30000 * MSEC) // a virtual CPU may stand still for long: this ends tests that fail

static uint64_t marked PER_CPU = 42;

// Runs `body(argument)` in a new thread on each CPU in turn and waits for its end.
struct on_cpu {
    struct thread thread;
    void (*body)(void *argument);
    void *argument;
    _Atomic bool finished, gone;
};

static struct on_cpu runner;

static void runner_gone(struct thread *thread) {
    atomic_store(&runner.gone, true);
}

static void runner_main(void *argument) {
    runner.body(runner.argument);
    atomic_store(&runner.finished, true);
    thread_exit(runner_gone);
}

static bool run_on(unsigned cpu, void (*body)(void *), void *argument) {
    void *stack = thread_stack_alloc();
    if (stack == nullptr)
        return false;
    memset(&runner, 0, sizeof runner);
    runner.body = body;
    runner.argument = argument;
    thread_init(&runner.thread, stack, "ktest", runner_main, nullptr, nullptr);
    if (sched_set_affinity(&runner.thread, (struct cpu_mask){1ull << cpu}) != 0)
        return false;
    thread_start(&runner.thread);
    nsec_t deadline = clock_now() + PATIENCE;
    while (!atomic_load(&runner.gone) && clock_now() < deadline)
        (void)thread_sleep_until(clock_now() + MSEC / 2, WAIT_UNINTERRUPTIBLE);
    if (!atomic_load(&runner.gone))
        return false; // its stack is lost, with the test
    thread_stack_free(stack);
    return true;
}

static void note_cpu(void *argument) {
    *(unsigned *)argument = arch_cpu_id();
}

KTEST(smp_threads_run_on_every_cpu) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        unsigned seen = ~0u;
        KTEST_REQUIRE(run_on(cpu, note_cpu, &seen));
        KTEST_CHECK(seen == cpu);
    }
}

static void bump_marked(void *argument) {
    this_cpu(marked) += arch_cpu_id() + 1;
}

KTEST(percpu_areas_are_separate) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        uint64_t before = cpu_local(marked, cpu);
        KTEST_REQUIRE(run_on(cpu, bump_marked, nullptr));
        KTEST_CHECK(cpu_local(marked, cpu) == before + cpu + 1);
        for (unsigned other = 0; other < arch_cpu_count(); other++)
            KTEST_CHECK(other == cpu || &cpu_local(marked, other) != &cpu_local(marked, cpu));
    }
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++)
        cpu_local(marked, cpu) = 42;
}

KTEST(ipi_wakes_an_idle_cpu) {
    // A thread that is started on an idle CPU runs only when that CPU is told.
    for (unsigned cpu = 1; cpu < arch_cpu_count(); cpu++) {
        (void)thread_sleep_until(clock_now() + 5 * MSEC, WAIT_UNINTERRUPTIBLE); // it sleeps by then
        unsigned seen = ~0u;
        KTEST_REQUIRE(run_on(cpu, note_cpu, &seen));
        KTEST_CHECK(seen == cpu);
    }
    if (arch_cpu_count() == 1)
        ktest_skip("one CPU");
}

static void read_clock(void *argument) {
    *(nsec_t *)argument = arch_clock_now();
}

KTEST(clock_agrees_between_cpus) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        nsec_t there = 0, before = arch_clock_now();
        KTEST_REQUIRE(run_on(cpu, read_clock, &there));
        nsec_t after = arch_clock_now();
        KTEST_CHECK(before <= there && there <= after);
    }
}

KTEST(clock_never_goes_back) {
    nsec_t last = arch_clock_now();
    for (int i = 0; i < 100000; i++) {
        nsec_t now = arch_clock_now();
        KTEST_REQUIRE(now >= last);
        last = now;
    }
}

static struct {
    _Atomic nsec_t fired_at;
} timer_test;

static void note_time(struct timer *timer) {
    atomic_store(&timer_test.fired_at, clock_now());
}

static void timer_on_this_cpu(void *argument) {
    static struct timer timer;
    timer_init(&timer, note_time);
    atomic_store(&timer_test.fired_at, 0);
    nsec_t deadline = clock_now() + 10 * MSEC;
    timer_set(&timer, deadline);
    for (nsec_t end = deadline + PATIENCE / 2; atomic_load(&timer_test.fired_at) == 0 && clock_now() < end;)
        (void)thread_sleep_until(clock_now() + MSEC, WAIT_UNINTERRUPTIBLE);
    nsec_t fired_at = atomic_load(&timer_test.fired_at);
    *(nsec_t *)argument = fired_at != 0 ? fired_at - deadline : -1;
    (void)timer_cancel(&timer);
}

KTEST(timer_fires_after_its_deadline) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        nsec_t late = -1;
        KTEST_REQUIRE(run_on(cpu, timer_on_this_cpu, &late));
        KTEST_CHECK(late >= 0);
    }
}

KTEST(timer_cancelled_does_not_fire) {
    static struct timer timer;
    timer_init(&timer, note_time);
    atomic_store(&timer_test.fired_at, 0);
    unsigned long state = arch_irq_save(); // it cannot come before, however slow we are
    timer_set(&timer, clock_now() + 20 * MSEC);
    KTEST_CHECK(timer_cancel(&timer));
    arch_irq_restore(state);
    (void)thread_sleep_until(clock_now() + 40 * MSEC, WAIT_UNINTERRUPTIBLE);
    KTEST_CHECK(atomic_load(&timer_test.fired_at) == 0);
}

#define ORDER_TIMERS 16

static struct {
    struct timer timers[ORDER_TIMERS];
    _Atomic unsigned fired; // so many have
    unsigned order[ORDER_TIMERS];
    nsec_t early; // the most that one was
} order_test;

static void note_order(struct timer *timer) {
    unsigned at = atomic_load(&order_test.fired);
    nsec_t early = timer->deadline - clock_now();
    order_test.order[at] = (unsigned)(timer - order_test.timers);
    order_test.early = MAX(order_test.early, early);
    atomic_store(&order_test.fired, at + 1);
}

// Set in no order, some past, some close together.
static void timers_in_order(void *argument) {
    nsec_t start = clock_now();
    atomic_store(&order_test.fired, 0);
    order_test.early = 0;
    unsigned long state = arch_irq_save(); // none fires before the last is set
    for (unsigned i = 0; i < ORDER_TIMERS; i++) {
        unsigned n = i * 7 % ORDER_TIMERS;
        timer_init(&order_test.timers[n], note_order);
        timer_set(&order_test.timers[n], n < 2 ? (nsec_t)n : start + 2 * MSEC + n * MSEC / 4);
    }
    arch_irq_restore(state);
    for (nsec_t end = start + PATIENCE / 2; atomic_load(&order_test.fired) < ORDER_TIMERS && clock_now() < end;)
        (void)thread_sleep_until(clock_now() + MSEC, WAIT_UNINTERRUPTIBLE);
    for (unsigned i = 0; i < ORDER_TIMERS; i++)
        (void)timer_cancel(&order_test.timers[i]);
}

KTEST(timers_fire_in_order_and_not_early) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        KTEST_REQUIRE(run_on(cpu, timers_in_order, nullptr));
        KTEST_REQUIRE(atomic_load(&order_test.fired) == ORDER_TIMERS);
        KTEST_CHECK(order_test.early == 0);
        for (unsigned i = 3; i < ORDER_TIMERS; i++) // the first two are past when they are set, in whatever order
            KTEST_CHECK(order_test.order[i] == order_test.order[i - 1] + 1);
    }
}

KTEST(sleep_lasts_as_long_as_asked) {
    nsec_t before = clock_now();
    KTEST_CHECK(thread_sleep_until(before + 10 * MSEC, WAIT_UNINTERRUPTIBLE) == 0);
    KTEST_CHECK(clock_now() >= before + 10 * MSEC);
}
