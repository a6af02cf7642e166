// SPDX-License-Identifier: MPL-2.0
// Who is how important: levels from policy, nice and the predictor.
//
// The predictor keeps an exponential average of how long a thread ran before it blocked. Short runners (a shell, a
// server that answers) get up to three levels more than their nice gives, long ones up to two less. A thread that uses
// up a slice without blocking is a long runner at once, not after it blocks.

#include "sched_priv.h"

// Four steps of nice are one level: 17 … 8 for -20 … 19.
static unsigned level_of_nice(int nice) {
    return (unsigned)(LEVEL_NORMAL - (nice >= 0 ? nice / 4 : (nice - 3) / 4));
}

void policy_set_base(struct thread *thread) {
    switch (thread->policy) {
    case SCHED_POLICY_FIFO:
    case SCHED_POLICY_RR:
        thread->base_level = (uint8_t)(LEVEL_REALTIME + thread->rt_priority * 8 / 100);
        break;
    case SCHED_POLICY_IDLE:
        thread->base_level = LEVEL_IDLE;
        break;
    default:
        thread->base_level = (uint8_t)level_of_nice(thread->nice);
    }
    policy_set_level(thread);
}

// Under 128 µs: +3, 512 µs: +2, 2 ms: +1, 8 ms: 0, 32 ms: -1, else -2.
static int predictor_bonus(uint32_t predicted_us) {
    uint32_t steps = predicted_us >> 7;
    int bits = steps ? 32 - __builtin_clz(steps) : 0;
    int bonus = 3 - (bits + 1) / 2;
    return bonus < -2 ? -2 : bonus;
}

void policy_set_level(struct thread *thread) {
    int level = thread->base_level;
    if (thread->policy == SCHED_POLICY_NORMAL)
        level += predictor_bonus(thread->predicted_run);
    int lent = MAX(thread->boost_level, thread->donated_level);
    thread->level = (uint8_t)MAX(level, lent);
}

nsec_t sched_slice(const struct thread *thread) {
    switch (thread->policy) {
    case SCHED_POLICY_FIFO:
        return NSEC_NEVER / 2;
    case SCHED_POLICY_RR:
        return SLICE_ROUND_ROBIN;
    default:
        return SLICE_NORMAL - thread->nice * 150000ll; // 7 ms … 1.15 ms
    }
}
