// SPDX-License-Identifier: MPL-2.0
// Shares of the CPU: a run queue in which threads of groups run slice by slice, as the scheduler would let them.

#include "sched_priv.h"
#include <sched/share.h>
#include <tap.h> // last: libc's errno macros and our enumeration

#define SLICE 4000000ll
#define STALL 200000000ll

static struct thread idle;
static struct run_queue rq;
static nsec_t now;
static unsigned stall_each; // one slice in about so many is longer by a STALL; 0: none

static struct cpu_share *group(uint32_t weight, struct cpu_share *above) {
    static struct cpu_share groups[16];
    static unsigned count;
    struct cpu_share *share = &groups[count++];
    cpu_share_init(share, above);
    share->weight = weight;
    return share;
}

static struct thread thread_of(struct cpu_share *share) {
    struct thread thread = {.share = share, .affinity.bits = ~0ull};
    policy_set_base(&thread);
    return thread;
}

static void place(struct thread *thread) {
    list_init(&thread->run_node);
    thread->queued_level = thread->level;
    if (thread->share)
        share_place(&rq, thread);
    run_queue_add(&rq, thread, false);
}

static nsec_t slice_length(void) {
    static uint32_t random = 1;
    random = random * 1664525 + 1013904223;
    return SLICE + (stall_each != 0 && (random >> 8) % stall_each == 0 ? STALL : 0);
}

// Lets the best run for a slice, `slices` times. The tick comes at the end of each.
static void run(struct thread *threads, unsigned count, unsigned slices) {
    run_queue_init(&rq, 0, &idle);
    for (unsigned i = 0; i < count; i++)
        place(&threads[i]);
    for (unsigned i = 0; i < slices; i++) {
        if (rq.bitmap == 1u << LEVEL_IDLE)
            share_nobody_else(&rq, now);
        struct thread *next = run_queue_pick(&rq);
        nsec_t ran = slice_length();
        rq.current = next;
        next->run_start = now;
        now += ran;
        share_tick(&rq, now);
        next->run_time += ran;
        if (next->share)
            share_account(&rq, next, ran);
        place(next);
    }
}

static bool about(nsec_t time, nsec_t part, unsigned slices) {
    nsec_t wanted = SLICE * slices * part / 100, off = time > wanted ? time - wanted : wanted - time;
    return off <= SLICE * slices / 50;
}

int main(void) {
    struct thread two[2] = {thread_of(group(7500, nullptr)), thread_of(group(2500, nullptr))};
    run(two, 2, 10000);
    ok(about(two[0].run_time, 75, 10000) && about(two[1].run_time, 25, 10000), "7500 and 2500: three to one");
    stall_each = 30;
    struct thread stalled[2] = {thread_of(group(7500, nullptr)), thread_of(group(2500, nullptr))};
    run(stalled, 2, 10000);
    long long ratio = stalled[0].run_time * 100 / stalled[1].run_time;
    ok(ratio > 280 && ratio < 320, "who runs when the CPU stands still pays for it (%lld : 100)", ratio);
    stall_each = 0;
    struct thread small[2] = {thread_of(group(30, nullptr)), thread_of(group(10, nullptr))};
    run(small, 2, 10000);
    ok(about(small[0].run_time, 75, 10000), "in proportion if nobody else is there, however small");
    struct cpu_share *crowd = group(2500, nullptr);
    struct thread many[5] = {thread_of(group(7500, nullptr)), thread_of(crowd), thread_of(crowd), thread_of(crowd),
                             thread_of(crowd)};
    run(many, 5, 10000);
    ok(about(many[0].run_time, 75, 10000), "a group with four threads gets no more than its share");
    struct thread beside[2] = {thread_of(nullptr), thread_of(group(1000, nullptr))};
    run(beside, 2, 10000);
    ok(about(beside[1].run_time, 10, 10000), "a share beside a thread that has none");
    struct thread alone[1] = {thread_of(group(100, nullptr))};
    run(alone, 1, 1000);
    is(alone[0].run_time, SLICE * 1000, "alone it gets everything");
    struct cpu_share *above = group(2500, nullptr);
    struct thread below[2] = {thread_of(group(7500, nullptr)), thread_of(group(0, above))};
    run(below, 2, 10000);
    ok(about(below[1].run_time, 25, 10000), "without a weight of its own the one above counts");
    struct thread fifo[2] = {thread_of(nullptr), thread_of(group(1, nullptr))};
    fifo[1].policy = SCHED_POLICY_FIFO;
    fifo[1].rt_priority = 1;
    policy_set_base(&fifo[1]);
    run(fifo, 2, 100);
    is(fifo[1].run_time, SLICE * 100, "real-time threads are not held back");
    return tap_done();
}
