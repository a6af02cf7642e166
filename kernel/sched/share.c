// SPDX-License-Identifier: MPL-2.0
// Shares of the CPU (sched/share.h): what a group has used in this round, who is held back, and the next round.
//
// Pure arithmetic over a locked run queue, tested on the host.

#include "sched_priv.h"
#include <sched/share.h>

void cpu_share_init(struct cpu_share *share, const struct cpu_share *above) {
    share->above = above;
}

// The group whose weight counts; null: none has one.
static struct cpu_share *effective(struct cpu_share *share) {
    while (share && atomic_load_explicit(&share->weight, memory_order_relaxed) == 0)
        share = (struct cpu_share *)(uintptr_t)share->above;
    return share;
}

// Time in a round; never 0.
static nsec_t part_of(const struct cpu_share *share) {
    nsec_t weight = atomic_load_explicit(&share->weight, memory_order_relaxed);
    return weight == 0 ? CPU_SHARE_ROUND : weight * (CPU_SHARE_ROUND / CPU_SHARE_WHOLE);
}

// What the group has used up of this round's part: the rounds that have passed are paid first.
static nsec_t *used_now(const struct run_queue *rq, struct cpu_share *share) {
    uint64_t passed = rq->round - share->cpus[rq->cpu].round;
    nsec_t *used = &share->cpus[rq->cpu].used, part = part_of(share);
    share->cpus[rq->cpu].round = rq->round;
    if (passed > 0)
        *used = passed > (uint64_t)(*used / part) ? 0 : *used - (nsec_t)passed * part;
    return used;
}

void share_account(struct run_queue *rq, struct thread *thread, nsec_t ran) {
    struct cpu_share *share = effective(thread->share);
    if (share)
        *used_now(rq, share) += ran - rq->share_charged;
    rq->share_charged = 0;
}

// How many rounds must begin until the thread may run; 0: it may.
static uint64_t rounds_to_wait(const struct run_queue *rq, struct thread *thread) {
    struct cpu_share *share =
        thread->policy == SCHED_POLICY_FIFO || thread->policy == SCHED_POLICY_RR ? nullptr : effective(thread->share);
    return share ? (uint64_t)(*used_now(rq, share) / part_of(share)) : 0;
}

// Has it used up its part of this round?
static bool is_over(const struct run_queue *rq, struct thread *thread) {
    return rounds_to_wait(rq, thread) > 0;
}

void share_place(const struct run_queue *rq, struct thread *thread) {
    thread->held = is_over(rq, thread);
    if (thread->held)
        thread->queued_level = LEVEL_IDLE;
}

static void release(struct run_queue *rq) REQUIRES(&rq->lock) {
    struct thread *thread, *next;
    LIST_FOR_EACH_SAFE(thread, next, &rq->levels[LEVEL_IDLE], run_node) {
        if (!thread->held || is_over(rq, thread))
            continue;
        run_queue_remove(rq, thread);
        thread->held = false;
        thread->queued_level = thread->level;
        run_queue_add(rq, thread, false);
    }
}

// The current thread's time is charged before a round ends, so that this round pays for it.
bool share_tick(struct run_queue *rq, nsec_t now) {
    struct thread *current = rq->current;
    if (current->share != nullptr) {
        nsec_t ran = now - current->run_start;
        share_account(rq, current, ran);
        rq->share_charged = ran;
    }
    if (now >= rq->round_end) {
        rq->round++;
        rq->round_end = now + CPU_SHARE_ROUND;
        release(rq);
    }
    return current->share != nullptr && rq->ready > 0 && is_over(rq, current);
}

void share_nobody_else(struct run_queue *rq, nsec_t now) {
    struct thread *thread = LIST_FIRST(&rq->levels[LEVEL_IDLE], struct thread, run_node);
    if (!thread->held)
        return;
    uint64_t wait = UINT64_MAX;
    LIST_FOR_EACH(thread, &rq->levels[LEVEL_IDLE], run_node) {
        if (thread->held)
            wait = MIN(wait, rounds_to_wait(rq, thread));
    }
    rq->round += wait;
    rq->round_end = now + CPU_SHARE_ROUND;
    release(rq);
}
