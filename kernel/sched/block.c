// SPDX-License-Identifier: MPL-2.0
// Blocking: the half of it that the sleeper does. The wakers' half is in wake.c.
//
// A thread says that it blocks (state BLOCKED), lets go of the lock under which its wakers find it, and switches away.
// Whoever changes its state back to READY owns it and queues it; everyone else's wake-up fails. So a wake-up
// between the first step and the last is not lost, and none is done twice.

#include "sched_priv.h"
#include <sched/handoff.h>

struct block_timer {
    struct timer timer;
    struct thread *thread;
};

static void block_timeout(struct timer *timer) {
    thread_wake_with(CONTAINER_OF(timer, struct block_timer, timer)->thread, -ETIMEDOUT);
}

static bool is_interrupted(const struct thread *self) {
    switch (self->wait_mode) {
    case WAIT_INTERRUPTIBLE:
        return atomic_load_explicit(&self->interrupted, memory_order_seq_cst);
    case WAIT_KILLABLE:
        return atomic_load_explicit(&self->killed, memory_order_seq_cst);
    default:
        return false;
    }
}

// The current thread, prepared to block, finds a reason not to. False: somebody has just woken it.
static bool unblock_self(struct thread *self) {
    uint32_t state = THREAD_BLOCKED;
    return atomic_compare_exchange_strong_explicit(&self->state, &state, THREAD_RUNNING, memory_order_acquire,
                                                   memory_order_relaxed);
}

void thread_cancel_block(void) {
    // Woken already: on its way to a run queue, and only the scheduler can take it off.
    if (UNLIKELY(!unblock_self(arch_current())))
        schedule_block();
}

ALWAYS_INLINE void switch_to(struct thread *direct) {
    if (direct != nullptr)
        schedule_block_for(direct);
    else
        schedule_block();
}

ALWAYS_INLINE status_t block(nsec_t deadline, struct thread *direct) {
    struct thread *self = arch_current();
    if (LIKELY(deadline == NSEC_NEVER)) {
        switch_to(direct);
        return self->wake_status;
    }
    struct block_timer timeout = {.thread = self};
    timer_init(&timeout.timer, block_timeout);
    timer_set(&timeout.timer, deadline);
    switch_to(direct);
    timer_cancel(&timeout.timer); // waits for a callback that has begun
    return self->wake_status;
}

status_t thread_block(nsec_t deadline) {
    struct thread *self = arch_current();
    if (UNLIKELY(is_interrupted(self)) && unblock_self(self))
        return -EINTR;
    return block(deadline, nullptr);
}

// Whether a claimed thread can take this CPU from the current one at once.
static bool may_run_here(const struct thread *next) {
    const struct run_queue *rq = &this_cpu(run_queue);
    if (atomic_load_explicit(&next->on_cpu, memory_order_acquire) || !(next->affinity.bits >> rq->cpu & 1))
        return false;
    // Others of its level wait for the end of the slice that the two share.
    int top = run_queue_top(rq);
    return top < next->level || (top == next->level && arch_current()->slice_left > 0);
}

status_t thread_handoff(struct thread *next, nsec_t deadline) NO_THREAD_SAFETY {
    struct thread *self = arch_current();
    if (UNLIKELY(is_interrupted(self)) && unblock_self(self)) {
        thread_wake(next);
        return -EINTR;
    }
    uint32_t state = THREAD_BLOCKED;
    if (!atomic_compare_exchange_strong_explicit(&next->state, &state, THREAD_READY, memory_order_acq_rel,
                                                 memory_order_relaxed))
        return block(deadline, nullptr);
    next->wake_status = 0;
    if (!may_run_here(next)) {
        thread_enqueue(next, WAKE_SYNC);
        return block(deadline, nullptr);
    }
    if (next->cpu != this_cpu(run_queue).cpu) {
        struct run_queue *old = thread_lock_queue(next);
        next->cpu = (uint16_t)this_cpu(run_queue).cpu;
        spin_unlock(&old->lock);
    }
    return block(deadline, next);
}

status_t thread_block_for_slow(struct thread *next, nsec_t deadline) {
    struct thread *self = arch_current();
    if (UNLIKELY(is_interrupted(self)) && unblock_self(self)) {
        thread_enqueue(next, WAKE_ORDINARY);
        return -EINTR;
    }
    thread_enqueue(next, WAKE_SYNC);
    return block(deadline, nullptr);
}

bool thread_taken_elsewhere(struct thread *next) NO_THREAD_SAFETY {
    if (atomic_load_explicit(&next->on_cpu, memory_order_acquire)) {
        thread_give_back(next);
        return false;
    }
    struct run_queue *old = thread_lock_queue(next);
    next->cpu = (uint16_t)this_cpu(run_queue).cpu;
    spin_unlock(&old->lock);
    return true;
}

bool thread_take_slow(struct thread *next) {
    uint32_t state = THREAD_BLOCKED;
    return !atomic_load_explicit(&next->on_cpu, memory_order_acquire) && (next->affinity.bits >> arch_cpu_id() & 1) &&
           atomic_compare_exchange_strong_explicit(&next->state, &state, THREAD_READY, memory_order_acq_rel,
                                                   memory_order_relaxed) &&
           thread_taken_elsewhere(next);
}

void thread_give_back(struct thread *next) {
    next->wake_status = 0;
    thread_enqueue(next, WAKE_ORDINARY);
}

status_t thread_sleep_until(nsec_t deadline, enum wait_mode mode) {
    for (;;) {
        if (clock_now() >= deadline)
            return 0;
        thread_prepare_block(mode);
        status_t status = thread_block(deadline);
        if (status == -EINTR)
            return status;
    }
}
