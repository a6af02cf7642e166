// SPDX-License-Identifier: MPL-2.0
// Levels, the predictor, and the run queue as a data structure.

#include "sched_priv.h"
#include <stdlib.h>
#include <tap.h> // last: libc's errno macros and our enumeration

static struct thread idle;
static struct run_queue rq;

static struct thread make(int nice) {
    struct thread thread = {.nice = (int8_t)nice, .affinity.bits = ~0ull};
    policy_set_base(&thread);
    thread.queued_level = thread.level;
    return thread;
}

static void add(struct thread *thread) {
    list_init(&thread->run_node);
    thread->queued_level = thread->level;
    run_queue_add(&rq, thread, false);
}

static void test_levels(void) {
    bool monotone = true, in_band = true;
    for (int nice = -20; nice < 19; nice++) {
        struct thread a = make(nice), b = make(nice + 1);
        monotone = monotone && a.base_level >= b.base_level && sched_slice(&a) > sched_slice(&b);
        in_band = in_band && a.level <= LEVEL_NORMAL_MAX && a.level > LEVEL_IDLE;
    }
    ok(monotone, "a lower nice never means a lower level or a shorter slice");
    ok(in_band, "all of nice stays within the normal band");
    ok(make(-20).base_level > make(0).base_level && make(0).base_level > make(19).base_level, "and makes a difference");
    struct thread fifo = {.policy = SCHED_POLICY_FIFO, .rt_priority = 1};
    policy_set_base(&fifo);
    ok(fifo.level > LEVEL_NORMAL_MAX, "any real-time priority is above all of nice");
    fifo.rt_priority = 99;
    policy_set_base(&fifo);
    is(fifo.level, 31, "the highest one is level 31");
    struct thread low = {.policy = SCHED_POLICY_IDLE};
    policy_set_base(&low);
    is(low.level, 0, "SCHED_IDLE is level 0");
}

static void run_for(struct thread *thread, nsec_t time, bool block) {
    thread->burst += time;
    if (block)
        policy_learn_block(thread);
    else
        policy_learn_slice(thread);
}

static void test_predictor(void) {
    struct thread shell = make(0), hog = make(0);
    for (int i = 0; i < 20; i++) {
        run_for(&shell, 50000, true);
        run_for(&hog, 4000000, false);
    }
    ok(shell.level > hog.level, "short runner (level %u) ahead of a long one (level %u)", shell.level, hog.level);
    is(shell.level - shell.base_level, 3, "by at most three levels up");
    ok(hog.base_level - hog.level <= 2, "and two down");
    struct thread polite = make(19);
    for (int i = 0; i < 20; i++)
        run_for(&polite, 50000, true);
    ok(polite.level <= make(0).base_level, "a short runner of nice 19 does not overtake nice 0");
    unsigned low = hog.level;
    run_for(&hog, 0, true);
    for (int i = 0; i < 40; i++)
        run_for(&hog, 20000, true);
    ok(hog.level > low, "a hog that turns interactive recovers");
    struct thread boosted = make(19);
    boosted.boost_level = 25;
    policy_set_level(&boosted);
    is(boosted.level, 25, "a loan counts");
    boosted.boost_level = 0;
    policy_set_level(&boosted);
    ok(boosted.level < 12, "and ends");
}

static void test_pick(void) {
    run_queue_init(&rq, 0, &idle);
    struct thread a = make(0), b = make(0), c = make(10), d = make(-10);
    is(run_queue_top(&rq), -1, "nothing to pick in an empty queue");
    add(&c), add(&a), add(&b), add(&d);
    is(rq.ready, 4, "four are ready");
    ok(run_queue_pick(&rq) == &d, "the highest level first");
    ok(run_queue_pick(&rq) == &a && run_queue_pick(&rq) == &b, "equals in order of arrival");
    run_queue_remove(&rq, &c);
    ok(rq.bitmap == 0 && rq.ready == 0, "removal empties the bitmap");
    struct thread rt[5];
    static const uint8_t priority[5] = {50, 52, 51, 52, 50}; // all of one level
    for (int i = 0; i < 5; i++) {
        rt[i] = (struct thread){.policy = SCHED_POLICY_FIFO, .rt_priority = priority[i]};
        policy_set_base(&rt[i]);
        add(&rt[i]);
    }
    static const int order[5] = {1, 3, 2, 0, 4};
    bool sorted = true;
    for (int i = 0; i < 5; i++)
        sorted = sorted && run_queue_pick(&rq) == &rt[order[i]];
    ok(sorted, "real-time threads of one level by priority, then by arrival");
}

static void test_ageing(void) {
    struct thread current = make(0), same = make(0), nice = make(19);
    run_queue_init(&rq, 0, &idle);
    current.predicted_run = 10;
    policy_set_level(&current);
    current.queued_level = current.level;
    same.predicted_run = 100000;
    policy_set_level(&same);
    rq.current = &current;
    add(&same), add(&nice);
    run_queue_age(&rq, AGE_LIMIT - 1);
    ok(same.queued_level < current.level, "nobody is raised too early");
    run_queue_age(&rq, AGE_LIMIT);
    is(same.queued_level, current.level, "an equal by nice waits 8 ms behind shorter runners");
    ok(nice.queued_level < current.level, "nice 19 waits longer");
    run_queue_age(&rq, AGE_LIMIT << 4);
    is(nice.queued_level, current.level, "but not for ever");
    is(rq.ready, 2, "and nobody got lost");
}

static void test_stealing(void) {
    struct thread a = make(0), b = make(0), c = make(0);
    run_queue_init(&rq, 0, &idle);
    a.on_cpu = true;
    b.affinity.bits = 1;
    c.woken_near = true;
    c.ready_since = 1000;
    add(&a), add(&b), add(&c);
    ok(!run_queue_find_stealable(&rq, 1, 1000), "not one that is being left, pinned, or just woken by its partner");
    ok(run_queue_find_stealable(&rq, 1, 1000 + 200000) == &c, "the partner's after a while");
    ok(run_queue_find_stealable(&rq, 0, 1000) == &b, "a pinned one by its own CPU");
    a.on_cpu = false;
    ok(run_queue_find_stealable(&rq, 1, 1000) == &a, "the first in order otherwise");
}

// Random operations against a plain array.
static void test_random(void) {
    enum { COUNT = 64 };
    static struct thread threads[COUNT];
    static unsigned stamp[COUNT];
    unsigned clock = 0, in = 0;
    bool right = true;
    run_queue_init(&rq, 0, &idle);
    for (int i = 0; i < COUNT; i++)
        threads[i] = make(0);
    for (int round = 0; round < 50000; round++) {
        int i = rand() % COUNT;
        if (!stamp[i]) {
            threads[i].level = (uint8_t)(rand() % LEVEL_REALTIME);
            add(&threads[i]);
            stamp[i] = ++clock;
            in++;
        } else if (rand() % 4 == 0) {
            run_queue_remove(&rq, &threads[i]);
            stamp[i] = 0;
            in--;
        } else {
            int best = -1;
            for (int j = 0; j < COUNT; j++)
                if (stamp[j] && (best < 0 || threads[j].queued_level > threads[best].queued_level ||
                                 (threads[j].queued_level == threads[best].queued_level && stamp[j] < stamp[best])))
                    best = j;
            right = right && run_queue_pick(&rq) == &threads[best];
            stamp[best] = 0;
            in--;
        }
        right = right && rq.ready == in && (rq.bitmap == 0) == (in == 0);
    }
    ok(right, "random operations agree with a model");
}

int main(void) {
    srand(3);
    test_levels();
    test_predictor();
    test_pick();
    test_ageing();
    test_stealing();
    test_random();
    return tap_done();
}
