// SPDX-License-Identifier: MPL-2.0
// The switch from one thread to another.
//
// The run queue's lock is released before the switch, so others may act on the thread that is being left while its
// registers are not saved yet. Its on_cpu says so:
//
//   CPU 0: A blocks                          CPU 1: wakes A
//   A.state = BLOCKED
//   lock; picks B; unlock                    A.state: BLOCKED -> READY (whoever does this owns A)
//   switch to B                              A.on_cpu is still true: queue A on CPU 0, nowhere else
//     (saves A's registers)                  A.on_cpu is false: queue A anywhere
//   A.on_cpu = false
//   … picks A: only now, since one CPU makes one switch at a time
//
// on_cpu = false is a release, whoever reads it acquires, so the registers are in memory when another CPU loads them.
// Neither reads an old false: on_cpu = true comes before BLOCKED in A's own order, and the wake-up acquires that.
//
// Thieves skip threads whose on_cpu is true. A thread that was woken before it got here finds itself READY: it goes
// through the switch like any other, and perhaps picks itself.

#include "sched_priv.h"
#include <arch/upcall.h>
#include <sched/dpc.h>
#include <sched/handoff.h>

struct run_queue run_queue PER_CPU;

enum switch_kind { SWITCH_BLOCK, SWITCH_PREEMPT, SWITCH_YIELD };

// The time on the CPU that ends now.
static void account(struct run_queue *rq, struct thread *thread, nsec_t now) REQUIRES(&rq->lock) {
    nsec_t ran = now - thread->run_start;
    thread->run_time += ran;
    thread->burst += ran;
    thread->slice_left -= ran;
    if (UNLIKELY(thread->share != nullptr))
        share_account(rq, thread, ran);
}

static void slice_is_over(struct thread *thread) {
    policy_learn_slice(thread);
    thread->slice_left = sched_slice(thread);
}

ALWAYS_INLINE void make_ready(struct run_queue *rq, struct thread *prev, unsigned level) REQUIRES(&rq->lock) {
    prev->queued_level = (uint8_t)level;
    prev->ready_since = rq->clock;
    prev->sync_woken = false;
    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    prev->switches_involuntary++;
}

// The current thread stays ready: back to the queue. If it may not run on this CPU any more, it is on no queue until
// switch_finish can send it elsewhere.
static void requeue(struct run_queue *rq, struct thread *prev, enum switch_kind kind) REQUIRES(&rq->lock) {
    bool slice_over = prev->slice_left <= 0;
    if (slice_over)
        slice_is_over(prev);
    make_ready(rq, prev, prev->level);
    if (kind == SWITCH_YIELD && prev->level <= LEVEL_NORMAL_MAX) {
        // Behind the best that is ready, even if it is a longer runner than this one.
        int top = run_queue_top(rq);
        if (top >= 0 && top < prev->level)
            prev->queued_level = (uint8_t)top;
    }
    if (UNLIKELY(prev->share != nullptr))
        share_place(rq, prev);
    if (UNLIKELY(!(prev->affinity.bits >> rq->cpu & 1))) {
        prev->leaving = true;
        return;
    }
    run_queue_add(rq, prev, !slice_over && kind == SWITCH_PREEMPT);
}

// The usual yield, in one step: to the first of the level that `prev` queues at, behind whose last it goes. Null:
// there is more to it.
ALWAYS_INLINE struct thread *exchange_places(struct run_queue *rq, struct thread *prev) REQUIRES(&rq->lock) {
    uint32_t bitmap = rq->bitmap;
    unsigned top = 31 - (unsigned)__builtin_clz(bitmap | 1);
    if (UNLIKELY(top == LEVEL_IDLE) || UNLIKELY(top > prev->level) || UNLIKELY(prev->level > LEVEL_NORMAL_MAX) ||
        UNLIKELY(prev->share != nullptr) || UNLIKELY(!(prev->affinity.bits >> rq->cpu & 1)))
        return nullptr;
    if (UNLIKELY(prev->slice_left <= 0))
        slice_is_over(prev);
    make_ready(rq, prev, top);
    return run_queue_exchange(rq, prev, top);
}

// Sees to it that the slice ends and that the busy CPU is sampled. Interrupts off. If the CPU was busy before, it is
// being sampled already.
ALWAYS_INLINE void program_slice(struct run_queue *rq, struct thread *next, nsec_t now, bool was_busy) {
    nsec_t wanted = now + SAMPLE_PERIOD, end = now + next->slice_left;
    rq->slice_end = end;
    if (LIKELY(rq->tick_armed <= end) && LIKELY(was_busy || rq->tick_armed <= wanted))
        return;
    if (run_queue_top(rq) >= next->queued_level && end < wanted)
        wanted = end;
    if (wanted < rq->tick_armed)
        tick_program(wanted);
}

ALWAYS_INLINE struct thread *choose(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock) {
    if (UNLIKELY(rq->bitmap == 1u << LEVEL_IDLE))
        share_nobody_else(rq, now);
    struct thread *next = run_queue_pick(rq);
    return LIKELY(next != nullptr) ? next : rq->idle;
}

// `prev` does not come back to this CPU by itself.
NOINLINE void switch_leave(struct thread *prev) {
    // Once on_cpu is false, `prev` may run elsewhere, die and be freed: look first.
    bool dead = atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_DEAD;
    prev->leaving = false;
    atomic_store_explicit(&prev->on_cpu, false, memory_order_release);
    arch_irq_enable();
    if (!dead) {
        thread_enqueue(prev, false);
        return;
    }
    arch_thread_fini(prev);
    if (prev->last_words)
        prev->last_words(prev);
}

void switch_finish(struct thread *prev) {
    switch_end(prev);
}

// A wish for a switch is granted; an interrupt's deferred procedure, marked on `prev` since dpcs were looked for, is
// for whoever runs now. With the queue locked: if `prev` goes on, a wish that comes from now on must stay.
ALWAYS_INLINE void pass_work(struct thread *prev, struct thread *next) {
    uint32_t work = atomic_load_explicit(&prev->work, memory_order_relaxed) & (THREAD_WORK_RESCHED | THREAD_WORK_DPC);
    if (LIKELY(work == 0))
        return;
    atomic_fetch_and_explicit(&prev->work, ~work, memory_order_relaxed);
    if (work & THREAD_WORK_DPC)
        atomic_fetch_or_explicit(&next->work, THREAD_WORK_DPC, memory_order_relaxed);
}

// Runs the best thread that is ready, or `direct`, which was claimed and runs on the caller's time. Inline, so that
// each kind of switch has only what it needs.
ALWAYS_INLINE void switch_away(enum switch_kind kind, struct thread *direct) {
    struct thread *prev = arch_current();
    lockdep_assert_none_held(prev);
    struct run_queue *rq = &this_cpu(run_queue);
    if (UNLIKELY(dpc_is_pending(rq)))
        dpc_run_pending();
    arch_irq_disable();
    rcu_quiescent(rq->cpu);
    nsec_t now = arch_clock_now();
    spin_lock(&rq->lock);
    rq->clock = now;
    account(rq, prev, now);
    bool may_age = now >= rq->next_ageing;
    struct thread *next = direct;
    if (kind == SWITCH_YIELD && !may_age)
        next = exchange_places(rq, prev);
    if (kind == SWITCH_BLOCK) {
        prev->switches_voluntary++;
        policy_learn_block(prev);
    } else if (next == nullptr && prev != rq->idle) {
        requeue(rq, prev, kind);
    }
    if (UNLIKELY(may_age)) {
        rq->next_ageing = now + AGE_PERIOD;
        run_queue_age(rq, now);
    }
    if (direct != nullptr) {
        direct->queued_level = direct->level;
        direct->slice_left = prev->slice_left;
    } else if (kind != SWITCH_YIELD || UNLIKELY(next == nullptr)) {
        next = choose(rq, now);
    }
    rq->current = next;
    next->run_start = now;
    pass_work(prev, next);
    spin_unlock(&rq->lock);

    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    if (next != rq->idle) {
        if (UNLIKELY(next->slice_left <= 0))
            next->slice_left = sched_slice(next);
        program_slice(rq, next, now, kind != SWITCH_PREEMPT);
    }
    if (UNLIKELY(next == prev)) {
        arch_irq_enable();
        return;
    }
    rq->switches++;
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    if (next->aspace != prev->aspace)
        arch_aspace_switch(next->aspace);
    arch_thread_load(prev, next);
    switch_end(arch_stack_switch(prev, next));
}

SAVES_NOTHING void schedule_block(void) {
    switch_away(SWITCH_BLOCK, nullptr);
}

SAVES_NOTHING void schedule_block_for(struct thread *direct) {
    switch_away(SWITCH_BLOCK, direct);
}

SAVES_NOTHING void schedule_preempt(void) {
    switch_away(SWITCH_PREEMPT, nullptr);
}

static SAVES_NOTHING void schedule_yield(void) {
    switch_away(SWITCH_YIELD, nullptr);
}

SAVES_NOTHING void schedule_direct(struct thread *next) {
    sched_hand_over(arch_current(), next);
}

void sched_thread_start(struct thread *prev) {
    switch_finish(prev);
    struct thread *self = arch_current();
    if (!self->start)
        arch_enter_user();
    self->start(self->start_argument);
    thread_exit(nullptr);
}

void sched_thread_continue(struct thread *prev) {
    switch_finish(prev);
    arch_syscall_return(arch_current()->continuation());
}

void sched_yield(void) {
    const struct run_queue *rq = &this_cpu(run_queue);
    if (dpc_is_pending(rq))
        dpc_run_pending();
    uint32_t better = arch_current()->policy == SCHED_POLICY_FIFO || arch_current()->policy == SCHED_POLICY_RR
                          ? ~0u << arch_current()->level
                          : ~0u << 1;
    if (rq->bitmap & better)
        schedule_yield();
}

void sched_service_work(uint32_t work) {
    if (work & THREAD_WORK_DPC)
        dpc_run_pending();
    if (atomic_load_explicit(&arch_current()->work, memory_order_relaxed) & THREAD_WORK_RESCHED)
        schedule_preempt();
}

void sched_preempt_point(void) {
    uint32_t work = atomic_load_explicit(&arch_current()->work, memory_order_relaxed);
    if (UNLIKELY(work & (THREAD_WORK_DPC | THREAD_WORK_RESCHED)) && !dpc_is_running())
        sched_service_work(work);
}
