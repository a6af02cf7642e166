// SPDX-License-Identifier: MPL-2.0
// Threads that really switch: blocking, waking, time-outs, interruption, hand-off, sleeping locks, timers, dpcs, RCU.

#include "sched_priv.h"
#include <arch/upcall.h>
#include <port/clock.h>
#include <sched/dpc.h>
#include <sched/mutex.h>
#include <sched/rcu.h>

#include "simulation.h" // last: libc's errno macros and our enumeration

static char trace[256];

static void mark(char c) {
    size_t length = strlen(trace);
    trace[length] = c;
    trace[length + 1] = 0;
}

static bool traced(const char *wanted) {
    bool same = strcmp(trace, wanted) == 0;
    if (!same)
        printf("# traced \"%s\", wanted \"%s\"\n", trace, wanted);
    trace[0] = 0;
    return same;
}

// --- blocking ---

static struct {
    struct spinlock lock;
    struct wait_queue queue;
    bool condition;
    status_t status;
} gate = {.queue = WAIT_QUEUE_INIT(gate.queue)};

static void wait_at_gate(void *argument) {
    spin_lock(&gate.lock);
    gate.status = 0;
    while (!gate.condition && gate.status == 0)
        gate.status = wait_queue_sleep(&gate.queue, &gate.lock, WAIT_INTERRUPTIBLE, (nsec_t)argument);
    spin_unlock(&gate.lock);
    mark('w');
}

static void open_gate(bool all) {
    spin_lock(&gate.lock);
    gate.condition = true;
    if (all)
        wait_queue_wake_all(&gate.queue);
    else
        wait_queue_wake_one(&gate.queue);
    spin_unlock(&gate.lock);
}

static void test_waiting(void) {
    for (int i = 0; i < 3; i++)
        spawn("waiter", wait_at_gate, (void *)NSEC_NEVER);
    settle();
    ok(traced(""), "waiters wait");
    open_gate(false);
    settle();
    ok(traced("w"), "wake_one wakes one");
    open_gate(true);
    settle();
    ok(traced("ww"), "wake_all wakes the rest");
    gate.condition = false;
    nsec_t start = clock_now();
    spawn("waiter", wait_at_gate, (void *)(start + 5000000));
    status_t status = thread_sleep_until(start + 4000000, WAIT_UNINTERRUPTIBLE);
    ok(traced("") && status == 0, "not before the time");
    status = thread_sleep_until(start + 6000000, WAIT_UNINTERRUPTIBLE);
    ok(traced("w") && gate.status == -ETIMEDOUT && wait_queue_is_empty(&gate.queue) && status == 0, "time-out");
    struct thread *thread = spawn("waiter", wait_at_gate, (void *)NSEC_NEVER);
    settle();
    thread_interrupt(thread, false);
    settle();
    ok(traced("w") && gate.status == -EINTR, "a signal ends an interruptible wait");
}

static void wait_killable(void *argument) {
    (void)argument;
    thread_prepare_block(WAIT_KILLABLE);
    gate.status = thread_block(NSEC_NEVER);
    mark('k');
    thread_clear_interrupt(thread_current());
    thread_prepare_block(WAIT_KILLABLE);
    gate.status = thread_block(NSEC_NEVER);
    mark('K');
}

static void test_killing(void) {
    struct thread *thread = spawn("killable", wait_killable, nullptr);
    settle();
    thread_interrupt(thread, false);
    settle();
    ok(traced(""), "a signal does not end a killable wait");
    ok(thread_wake(thread), "a wake-up does");
    ok(!thread_wake(thread), "and only one");
    settle();
    ok(traced("k") && gate.status == 0, "which gives 0");
    thread_interrupt(thread, true);
    settle();
    ok(traced("K") && gate.status == -EINTR, "a fatal signal ends it");
}

static void test_cancel(void) {
    thread_prepare_block(WAIT_UNINTERRUPTIBLE);
    thread_cancel_block();
    thread_prepare_block(WAIT_UNINTERRUPTIBLE);
    ok(thread_wake(thread_current()), "a thread can be woken before it has switched away");
    thread_cancel_block();
    thread_prepare_block(WAIT_UNINTERRUPTIBLE);
    thread_wake(thread_current());
    is(thread_block(NSEC_NEVER), 0, "and then does not sleep");
}

// --- order ---

static void say(void *argument) {
    mark(*(char *)argument);
}

static void say_and_yield(void *argument) {
    for (int i = 0; i < 3; i++) {
        mark(*(char *)argument);
        sched_yield();
    }
}

static void test_order(void) {
    spawn("a", say_and_yield, "a");
    spawn("b", say_and_yield, "b");
    settle();
    ok(traced("ababab"), "yield alternates");
    struct thread *low = spawn("low", say, "l"), *high = spawn("high", say, "h"), *rt = spawn("rt", say, "r");
    sched_set_nice(low, 19);
    sched_set_nice(high, -20);
    is(sched_set_policy(rt, SCHED_POLICY_FIFO, 10), 0, "a queued thread becomes real-time");
    settle();
    ok(traced("rhl"), "real-time first, then by nice");
    is(sched_set_policy(thread_current(), SCHED_POLICY_FIFO, 0), -EINVAL, "FIFO needs a priority");
    is(sched_set_policy(thread_current(), SCHED_POLICY_NORMAL, 3), -EINVAL, "others have none");
    is(sched_set_affinity(thread_current(), (struct cpu_mask){2}), -EINVAL, "no such CPU");
    is(sched_set_affinity(thread_current(), (struct cpu_mask){3}), 0, "one of these CPUs");
}

static struct thread *partner;

static void hand_back(void *argument) {
    struct thread *other = argument;
    for (int i = 0; i < 3; i++) {
        mark('b');
        thread_prepare_block(WAIT_UNINTERRUPTIBLE);
        status_t status = thread_handoff(other, NSEC_NEVER);
        (void)status;
    }
}

static void test_handoff(void) {
    partner = spawn("partner", hand_back, thread_current());
    for (int i = 0; i < 3; i++) {
        mark('a');
        thread_prepare_block(WAIT_UNINTERRUPTIBLE);
        status_t status = i == 0 ? thread_block(NSEC_NEVER) : thread_handoff(partner, NSEC_NEVER);
        (void)status;
    }
    ok(traced("ababab"), "a hand-off runs the other at once");
    thread_wake(partner);
    settle();
    nsec_t start = clock_now();
    thread_prepare_block(WAIT_UNINTERRUPTIBLE);
    is(thread_handoff(spawn("x", say, "x"), start + 1000), -ETIMEDOUT, "one that is not blocked is left alone");
    settle();
    ok(traced("x"), "and runs in its turn");
}

// --- slices and samples ---

static void spin_for(nsec_t time) {
    // The clock stands still while a thread runs: it is moved by hand, with the timer's interrupts.
    for (nsec_t step = 100000; time > 0; time -= step) {
        host_clock_advance(step);
        if (host_timer_deadline() <= clock_now())
            sched_timer_interrupt(true);
        sched_preempt_point();
    }
}

static void hog(void *argument) {
    nsec_t *total = argument;
    for (int i = 0; i < 600; i++) {
        spin_for(1000000);
        *total += 1000000;
    }
}

static void test_slices(void) {
    static nsec_t a, b, c;
    spawn("a", hog, &a);
    spawn("b", hog, &b);
    sched_set_nice(spawn("c", hog, &c), 19);
    status_t status = thread_sleep_until(clock_now() + 300000000, WAIT_UNINTERRUPTIBLE);
    nsec_t a_before = a, b_before = b;
    is(status, 0, "sleeping");
    status = thread_sleep_until(clock_now() + 300000000, WAIT_UNINTERRUPTIBLE);
    is(status, 0, "sleeping on");
    ok(llabs((long long)(a - a_before - b + b_before)) < 20000000, "two hogs share a CPU (%lld and %lld ms of 300)",
       (long long)(a - a_before) / 1000000, (long long)(b - b_before) / 1000000);
    ok(llabs((long long)(a - b)) < 150000000, "also while the predictor learns (%lld and %lld ms of 600)",
       (long long)a / 1000000, (long long)b / 1000000);
    ok(c > 0 && c < a / 10, "a nice one gets little, but some (%lld ms)", (long long)c / 1000000);
    nsec_t user, system;
    sched_thread_times(thread_current(), &user, &system);
    ok(user + system < 50000000, "a sleeper is not charged");
    struct sched_cpu_times times;
    sched_cpu_times(0, &times);
    ok(times.user > 400000000 && times.switches > 50, "time is accounted as user time, switches are counted");
    status = thread_sleep_until(clock_now() + 2000000000, WAIT_UNINTERRUPTIBLE);
    is(a + b + c, 1800000000, "and all of them finish");
}

// --- wake-ups by who has the CPU ---

static void wait_thrice(void *argument) {
    (void)argument;
    for (int i = 0; i < 3; i++) {
        thread_prepare_block(WAIT_UNINTERRUPTIBLE);
        if (thread_block(NSEC_NEVER) == 0)
            mark('w');
    }
}

static void test_grace(void) {
    struct thread *better = spawn("better", wait_thrice, nullptr);
    sched_set_nice(better, -20);
    settle();
    thread_wake_near(better);
    sched_preempt_point();
    ok(traced("w"), "a better one that is woken near preempts its waker");
    thread_wake_sync(better);
    sched_preempt_point();
    spin_for(100000);
    ok(traced(""), "woken synchronously it lets the waker go on");
    spin_for(200000);
    ok(traced("w"), "but not for long");
    thread_wake_sync(better);
    settle();
    ok(traced("w"), "and no longer than that runs");
}

// --- sleeping locks ---

static struct mutex mutex = MUTEX_INIT(mutex);
static struct rwlock rwlock;

static void lock_and_say(void *argument) {
    mutex_lock(&mutex);
    mark(*(char *)argument);
    settle();
    mutex_unlock(&mutex);
}

static void test_mutex(void) {
    mutex_lock(&mutex);
    ok(mutex_is_mine(&mutex), "a mutex knows its owner");
    spawn("1", lock_and_say, "1");
    settle();
    spawn("2", lock_and_say, "2");
    settle();
    spawn("3", lock_and_say, "3");
    settle();
    ok(traced(""), "waiters wait");
    mutex_unlock(&mutex);
    ok(!mutex_try_lock(&mutex), "an unlock with waiters hands it over");
    mutex_lock(&mutex);
    ok(traced("123"), "in order of arrival");
    mutex_unlock(&mutex);
    ok(mutex_try_lock(&mutex), "and it is free in the end");
    mutex_unlock(&mutex);
}

static void lock_killable(void *argument) {
    (void)argument;
    if (mutex_lock_killable(&mutex) == -EINTR)
        mark('i');
    else
        mutex_unlock(&mutex);
}

static void test_mutex_killed(void) {
    mutex_lock(&mutex);
    struct thread *thread = spawn("killed", lock_killable, nullptr);
    settle();
    thread_interrupt(thread, true);
    settle();
    ok(traced("i"), "a killed waiter gives up");
    mutex_unlock(&mutex);
    mutex_lock(&mutex);
    mutex_unlock(&mutex);
    ok(true, "and leaves the mutex usable");
}

static void read_and_say(void *argument) {
    rwlock_read(&rwlock);
    mark(*(char *)argument);
    settle();
    rwlock_read_unlock(&rwlock);
}

static void write_and_say(void *argument) {
    rwlock_write(&rwlock);
    mark(*(char *)argument);
    settle();
    mark(*(char *)argument);
    rwlock_write_unlock(&rwlock);
}

static void test_rwlock(void) {
    rwlock_init(&rwlock);
    rwlock_read(&rwlock);
    spawn("r", read_and_say, "r");
    settle();
    ok(traced("r"), "readers share");
    spawn("w", write_and_say, "w");
    settle();
    spawn("s", read_and_say, "s");
    settle();
    ok(traced(""), "a writer waits for them, and new readers for the writer");
    rwlock_read_unlock(&rwlock);
    for (int i = 0; i < 10; i++)
        settle();
    ok(traced("wws"), "then the writer alone, then the reader");
    spawn("w", write_and_say, "w");
    spawn("v", write_and_say, "v");
    spawn("r", read_and_say, "r");
    for (int i = 0; i < 10; i++)
        settle();
    ok(traced("wwvvr"), "writers first");
    rwlock_write(&rwlock);
    rwlock_write_unlock(&rwlock);
    is(rwlock.state, 0, "free in the end");
}

// --- timers ---

static struct timer timers[100];
static nsec_t last_fired;
static bool in_order = true;
static unsigned fired;

static void fire(struct timer *timer) {
    in_order = in_order && timer->deadline >= last_fired && clock_now() >= timer->deadline;
    last_fired = timer->deadline;
    fired++;
}

static void fire_again(struct timer *timer) {
    if (++fired < 5)
        timer_set(timer, clock_now() + 1000);
    else
        ok(!timer_cancel(timer), "a timer may cancel itself in its callback");
}

static void test_timers(void) {
    nsec_t start = clock_now();
    last_fired = start;
    for (int i = 0; i < 100; i++) {
        timer_init(&timers[i], fire);
        timer_set(&timers[i], start + 1000 + rand() % 5000);
    }
    timer_set(&timers[7], start + 3000);
    ok(timer_cancel(&timers[3]), "an armed timer can be cancelled");
    ok(!timer_cancel(&timers[3]), "once");
    status_t status = thread_sleep_until(start + 7000, WAIT_UNINTERRUPTIBLE);
    ok(fired == 99 && in_order && status == 0, "all others fire in order, not early (%u)", fired);
    fired = 0;
    timer_init(&timers[0], fire_again);
    timer_set(&timers[0], 0);
    for (int i = 0; i < 10; i++)
        settle();
    is(fired, 5, "a timer may set itself again; a past deadline fires soon");
}

// --- dpcs and RCU ---

static void dpc_function(struct dpc *dpc) {
    mark('d');
    if (fired++ < 2)
        dpc_raise(dpc);
}

static void reclaim(struct rcu_head *head) {
    mark('c');
    head->next = nullptr;
}

static void test_deferred(void) {
    struct dpc dpc = DPC_INIT(dpc_function);
    fired = 0;
    dpc_raise(&dpc);
    dpc_raise(&dpc);
    ok(traced(""), "a dpc waits for a safe point");
    sched_preempt_point();
    ok(traced("ddd"), "there it runs once, and again when it raised itself");
    static struct rcu_head heads[3];
    for (int i = 0; i < 3; i++)
        rcu_call(&heads[i], reclaim);
    ok(traced(""), "callbacks wait for the read sections of before");
    rcu_barrier();
    ok(traced("ccc"), "the barrier waits for them");
    rcu_synchronize();
    ok(true, "alone on the machine, a grace period is short");
}

static void test_all(void) {
    test_waiting();
    test_killing();
    test_cancel();
    test_order();
    test_handoff();
    test_mutex();
    test_mutex_killed();
    test_rwlock();
    test_timers();
    test_deferred();
    test_slices();
    test_grace();
    uint64_t load[3];
    sched_load_average(load);
    ok(load[0] < 5 << 16, "the load average is sane");
}

int main(void) {
    simulate(test_all);
}
