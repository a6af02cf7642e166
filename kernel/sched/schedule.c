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

enum switch_kind { SWITCH_BLOCK, SWITCH_PARK, SWITCH_PREEMPT, SWITCH_YIELD };

ALWAYS_INLINE uint32_t work_of(struct thread *thread) {
    return atomic_load_explicit(&thread->work, memory_order_relaxed);
}
#define PASSED_ON (THREAD_WORK_RESCHED | THREAD_WORK_DPC)

// The time on the CPU that ends now. True: it has a share of the CPU, that of a group.
ALWAYS_INLINE bool account(struct run_queue *rq, struct thread *thread, nsec_t now) REQUIRES(&rq->lock) {
    nsec_t ran = now - thread->run_start;
    thread->run_time += ran;
    thread->burst += ran;
    thread->slice_left -= ran;
    if (LIKELY(thread->share == nullptr))
        return false;
    share_account(rq, thread, ran);
    return true;
}

static void slice_is_over(struct thread *thread) {
    policy_learn_slice(thread);
    thread->slice_left = sched_slice(thread);
}

ALWAYS_INLINE void make_ready(struct thread *prev, unsigned level, nsec_t now) {
    prev->queued_level = (uint8_t)level;
    prev->ready_since = now;
    prev->woken_near = false;
    atomic_store_explicit(&prev->state, THREAD_READY, memory_order_relaxed);
    prev->switches_involuntary++;
}

// The current thread stays ready: back to the queue. If it may not run on this CPU any more, it is on no queue until
// switch_finish can send it elsewhere.
static void requeue(struct run_queue *rq, struct thread *prev, enum switch_kind kind) REQUIRES(&rq->lock) {
    bool slice_over = prev->slice_left <= 0;
    if (slice_over)
        slice_is_over(prev);
    make_ready(prev, prev->level, rq->clock);
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
// there is more to it. If `prev` may not run here any more, it has work (sched_set_affinity).
ALWAYS_INLINE struct thread *exchange_places(struct run_queue *rq, struct thread *prev, nsec_t now)
    REQUIRES(&rq->lock) {
    uint32_t bitmap = rq->bitmap;
    if (UNLIKELY(bitmap <= 1u << LEVEL_IDLE) || UNLIKELY((work_of(prev) & PASSED_ON) != 0))
        return nullptr;
    unsigned top = 31 - (unsigned)__builtin_clz(bitmap);
    if (UNLIKELY(prev->slice_left < 0))
        return nullptr;
    APART;
    if (UNLIKELY(prev->level > LEVEL_NORMAL_MAX))
        return nullptr;
    APART;
    if (UNLIKELY(top > prev->level))
        return nullptr;
    make_ready(prev, top, now);
    return run_queue_exchange(rq, prev, top);
}

// Sees to it that the slice ends and that the busy CPU is sampled. Interrupts off. If the CPU was busy before, it is
// being sampled already. A slice that is over already shows as one that ends before the timer fires.
static NOINLINE void program_slice_slow(struct run_queue *rq, struct thread *next, nsec_t now) {
    if (next == rq->idle)
        return;
    if (next->slice_left <= 0)
        next->slice_left = sched_slice(next);
    nsec_t wanted = now + SAMPLE_PERIOD, end = now + next->slice_left;
    if (run_queue_top(rq) >= next->queued_level && end < wanted)
        wanted = end;
    if (wanted < rq->tick_armed)
        tick_program(wanted);
}
ALWAYS_INLINE void program_slice(struct run_queue *rq, struct thread *next, nsec_t now, bool was_busy) {
    nsec_t end = now + next->slice_left;
    if (UNLIKELY(rq->tick_armed > end) || (!was_busy && rq->tick_armed > now + SAMPLE_PERIOD))
        program_slice_slow(rq, next, now);
}

static NOINLINE struct thread *choose_low(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock) {
    if (rq->bitmap == 0)
        return rq->idle;
    share_nobody_else(rq, now);
    return run_queue_pick(rq);
}
ALWAYS_INLINE struct thread *choose(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock) {
    return UNLIKELY(rq->bitmap <= 1u << LEVEL_IDLE) ? choose_low(rq, now) : run_queue_pick(rq);
}

// `prev` does not come back to this CPU by itself.
NOINLINE void switch_leave(struct thread *prev) {
    // Once on_cpu is false, `prev` may run elsewhere, die and be freed: look first.
    bool dead = atomic_load_explicit(&prev->state, memory_order_relaxed) == THREAD_DEAD;
    prev->leaving = false;
    atomic_store_explicit(&prev->on_cpu, false, memory_order_release);
    arch_irq_enable();
    if (!dead) {
        thread_enqueue(prev, WAKE_ORDINARY);
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
// for whoever runs now. With the queue locked: if `prev` goes on, a wish that comes from now on must stay. And so does
// one for a CPU that it may use: it may sleep now, and be handed this one by somebody who does not ask (thread_take).
static NOINLINE void pass_work_on(struct run_queue *rq, struct thread *prev, struct thread *next) REQUIRES(&rq->lock) {
    uint32_t passed = work_of(prev) & PASSED_ON;
    if (!(prev->affinity.bits >> rq->cpu & 1))
        passed &= ~(uint32_t)THREAD_WORK_RESCHED;
    atomic_fetch_and_explicit(&prev->work, ~passed, memory_order_relaxed);
    if (passed & THREAD_WORK_DPC)
        atomic_fetch_or_explicit(&next->work, THREAD_WORK_DPC, memory_order_relaxed);
}
ALWAYS_INLINE void pass_work(struct run_queue *rq, struct thread *prev, struct thread *next) REQUIRES(&rq->lock) {
    if (UNLIKELY((work_of(prev) & PASSED_ON) != 0))
        pass_work_on(rq, prev, next);
}

// The current thread has been queued or blocks, and the best that is ready is to run.
ALWAYS_INLINE struct thread *choose_next(struct run_queue *rq, struct thread *prev, nsec_t now) REQUIRES(&rq->lock) {
    if (UNLIKELY(now >= rq->next_ageing)) {
        rq->next_ageing = now + AGE_PERIOD;
        run_queue_age(rq, now);
    }
    struct thread *next = choose(rq, now);
    pass_work(rq, prev, next);
    return next;
}

ALWAYS_INLINE void make_current(struct run_queue *rq, struct thread *next, nsec_t now) REQUIRES(&rq->lock) {
    rq->current = next;
    next->run_start = now;
}

// It was chosen again.
static NOINLINE void stay(struct run_queue *rq, struct thread *thread, nsec_t now) RELEASES(&rq->lock) {
    make_current(rq, thread, now);
    spin_unlock(&rq->lock);
    atomic_store_explicit(&thread->state, THREAD_RUNNING, memory_order_relaxed);
    program_slice(rq, thread, now, false);
    arch_irq_enable();
}

// Runs the best thread that is ready, or `direct`, which was claimed and runs on the caller's time. Inline, so that
// each kind of switch has only what it needs. (A yield has looked for dpcs. While it goes by exchanges of places,
// ageing is for the ends of slices and the samples to see to.)
ALWAYS_INLINE void switch_away(enum switch_kind kind, struct run_queue *rq, struct thread *direct) {
    const bool blocks = kind == SWITCH_BLOCK || kind == SWITCH_PARK;
    struct thread *prev = arch_current(), *next = direct;
    lockdep_assert_none_held(prev);
    if (kind != SWITCH_YIELD && UNLIKELY(dpc_is_pending(rq)))
        dpc_run_pending();
    arch_irq_disable();
    nsec_t now = arch_clock_now();
    spin_lock(&rq->lock);
    rq->clock = now;
    bool shared = account(rq, prev, now);
    if (blocks) {
        prev->switches_voluntary++;
        policy_learn_block(prev);
    }
    if (direct != nullptr) {
        direct->queued_level = direct->level;
        direct->slice_left = prev->slice_left;
        pass_work(rq, prev, direct);
    } else if (kind == SWITCH_YIELD && LIKELY(!shared)) {
        next = exchange_places(rq, prev, now);
    }
    if (blocks ? direct == nullptr : UNLIKELY(next == nullptr)) {
        if (!blocks && prev != rq->idle)
            requeue(rq, prev, kind);
        next = choose_next(rq, prev, now);
        if (UNLIKELY(next == prev)) {
            stay(rq, prev, now);
            return;
        }
    }
    make_current(rq, next, now);
    spin_unlock(&rq->lock);

    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    program_slice(rq, next, now, kind != SWITCH_PREEMPT);
    rq->switches++;
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    if (LIKELY(next->aspace != prev->aspace))
        arch_aspace_switch(next->aspace);
    arch_thread_load(prev, next);
    switch_end(kind == SWITCH_YIELD ? arch_stack_switch(prev, next) : handoff_go_on(prev, next, kind == SWITCH_PARK));
}

SAVES_NOTHING void schedule_block(void) {
    switch_away(SWITCH_BLOCK, &this_cpu(run_queue), nullptr);
}

ARCH_PARKS void schedule_park(void) {
    switch_away(SWITCH_PARK, &this_cpu(run_queue), nullptr);
}

SAVES_NOTHING void schedule_block_for(struct thread *direct) {
    switch_away(SWITCH_BLOCK, &this_cpu(run_queue), direct);
}

SAVES_NOTHING void schedule_preempt(void) {
    switch_away(SWITCH_PREEMPT, &this_cpu(run_queue), nullptr);
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
    struct run_queue *rq = &this_cpu(run_queue);
    if (UNLIKELY(dpc_is_pending(rq)))
        dpc_run_pending();
    uint32_t better = arch_current()->policy == SCHED_POLICY_FIFO || arch_current()->policy == SCHED_POLICY_RR
                          ? ~0u << arch_current()->level
                          : ~0u << 1;
    if (rq->bitmap & better)
        switch_away(SWITCH_YIELD, rq, nullptr);
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
