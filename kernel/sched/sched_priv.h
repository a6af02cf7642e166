// SPDX-License-Identifier: MPL-2.0
// What the files of the scheduler share.
//
// Lock order: a run queue's lock is the innermost of all locks but one: whoever holds one may only *try* to
// take another's (stealing). Timer queues' and RCU's locks are taken with no run queue locked.
#pragma once

#include <lib/status.h>
#include <sched/run_queue.h>
#include <sched/sched.h>

#define NORMAL_LEVELS ((1u << (LEVEL_NORMAL_MAX + 1)) - 1)

#define SLICE_NORMAL 4000000ll
#define SLICE_ROUND_ROBIN 100000000ll
#define SAMPLE_PERIOD SCHED_SAMPLE_PERIOD
#define SYNC_GRACE 200000ll  // so long a synchronous waker is given to block
#define AGE_PERIOD 2000000ll // between looks for waiting threads
#define AGE_LIMIT 8000000ll  // a thread of the same nice waits no longer than this behind shorter runners

#define WAKES_OF_LINGERER 8 // of a thread that did not block: so many of its next ones are ordinary

// --- runqueue.c, policy.c: pure data structure and arithmetic, tested on the host ---
void run_queue_init(struct run_queue *rq, unsigned cpu, struct thread *idle);
// Queues at thread->queued_level. Real-time levels are sorted by rt_priority.
void run_queue_add(struct run_queue *rq, struct thread *thread, bool at_head) REQUIRES(&rq->lock);
void run_queue_remove(struct run_queue *rq, struct thread *thread) REQUIRES(&rq->lock);
// Moves threads that have waited too long behind others of the normal band up to the level that now runs.
void run_queue_age(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock);
// The highest thread that may run on `cpu` and can be taken away now; null: none.
struct thread *run_queue_find_stealable(struct run_queue *rq, unsigned cpu, nsec_t now) REQUIRES(&rq->lock);
// Without the queue's lock: a hint.
ALWAYS_INLINE int run_queue_top(const struct run_queue *rq) {
    uint32_t bitmap = *(const volatile uint32_t *)&rq->bitmap; // once: another CPU may change it between two looks
    return bitmap ? 31 - __builtin_clz(bitmap) : -1;
}

// Takes the thread that shall run next off the queue, which is not empty.
ALWAYS_INLINE struct thread *run_queue_pick(struct run_queue *rq) REQUIRES(&rq->lock) {
    uint32_t bitmap = rq->bitmap;
    unsigned level = 31 - (unsigned)__builtin_clz(bitmap);
    struct list_node *head = &rq->levels[level], *node = head->next, *second = node->next;
    head->next = second;
    second->prev = head;
    if (second == head)
        rq->bitmap = bitmap & ~(1u << level);
    atomic_store_explicit(&rq->ready, atomic_load_explicit(&rq->ready, memory_order_relaxed) - 1, memory_order_relaxed);
    node->next = node; // all that list_is_linked looks at
    return LIST_ENTRY(node, struct thread, run_node);
}

// Queues behind the last of `level`, its queued_level, of the normal band.
ALWAYS_INLINE void run_queue_add_last(struct run_queue *rq, struct thread *thread, unsigned level) REQUIRES(&rq->lock) {
    list_push_back(&rq->levels[level], &thread->run_node);
    rq->bitmap |= 1u << level;
    atomic_store_explicit(&rq->ready, atomic_load_explicit(&rq->ready, memory_order_relaxed) + 1, memory_order_relaxed);
}

// Puts `thread` behind the last of a level of the normal band, and takes that level's first, which there is.
ALWAYS_INLINE struct thread *run_queue_exchange(struct run_queue *rq, struct thread *thread, unsigned level)
    REQUIRES(&rq->lock) {
    struct list_node *head = &rq->levels[level], *first = head->next, *second = first->next;
    head->next = second;
    second->prev = head;
    list_push_back(head, &thread->run_node);
    first->next = first; // all that list_is_linked looks at
    return LIST_ENTRY(first, struct thread, run_node);
}

// base_level from policy, nice and rt_priority; level from that and the prediction. The thread's queue is locked,
// or it is the current one.
void policy_set_base(struct thread *thread);
void policy_set_level(struct thread *thread);
// The thread blocks, or has used up a slice: learns from the burst.
ALWAYS_INLINE uint32_t policy_burst(const struct thread *thread) {
    return (uint32_t)MIN(thread->burst >> 10, (nsec_t)1 << 20); // about microseconds
}
ALWAYS_INLINE void policy_learn(struct thread *thread, uint32_t burst) {
    int32_t change = (int32_t)(burst - thread->predicted_run) / 4;
    if (LIKELY(change == 0))
        return;
    thread->predicted_run += (uint32_t)change;
    policy_set_level(thread);
}
ALWAYS_INLINE void policy_learn_block(struct thread *thread) {
    nsec_t change = (thread->burst >> 10) - thread->predicted_run;
    if (UNLIKELY((uint64_t)(change + 3) > 6)) // there is something to learn
        policy_learn(thread, policy_burst(thread));
    thread->burst = 0;
}
ALWAYS_INLINE void policy_learn_slice(struct thread *thread) {
    uint32_t burst = policy_burst(thread);
    if (burst >= thread->predicted_run)
        policy_learn(thread, burst);
}

// --- share.c: shares of the CPU, tested on the host ---
// Sets `held`, and the queued level if it is.
void share_place(const struct run_queue *rq, struct thread *thread) REQUIRES(&rq->lock);
// While a thread runs: the next round begins if time is up. Shall the thread make room, its part being used up?
bool share_tick(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock);
// Only the lowest level has threads. If those with shares wait there, so many rounds pass that one may run.
void share_nobody_else(struct run_queue *rq, nsec_t now) REQUIRES(&rq->lock);

// --- schedule.c ---
// Interrupts on, no spinlock held, not in a dpc.
SAVES_NOTHING void schedule_preempt(void); // another thread, if there is a better one
// `direct`, claimed by the caller (ready, on no queue), in place of this one, which blocks.
SAVES_NOTHING void schedule_block_for(struct thread *direct);
void switch_finish(struct thread *prev);

// --- wake.c ---
// As thread_wake; thread_block of the thread returns `status`.
bool thread_wake_with(struct thread *thread, status_t status);
// Locks the run queue on whose CPU the thread is or was last; it stays so while locked.
struct run_queue *thread_lock_queue(struct thread *thread);
enum wake_kind {
    WAKE_ORDINARY, // where there is room
    WAKE_NEAR,     // on the waker's CPU, which it preempts if it is better
    WAKE_SYNC,     // likewise, but the waker is given time to block
};
// Puts a claimed thread (ready, on no queue) on a queue and makes that CPU notice.
void thread_enqueue(struct thread *thread, enum wake_kind kind);
// Asks the CPU of a locked queue to call schedule() soon.
void run_queue_kick(struct run_queue *rq);
extern _Atomic uint64_t sched_idle_cpus; // CPUs that have nothing to do and were not yet given something
// Takes an idle CPU out of them, so that two do not choose the same one. False: it was not among them any more.
bool sched_claim_idle(unsigned cpu);

// --- idle.c ---
// Moves a thread from the longest other queue to this CPU's. False: nothing found.
bool sched_steal(nsec_t now);

// --- tick.c ---
// The hardware timer of this CPU shall fire at `deadline` at the latest. Interrupts off.
void tick_program(nsec_t deadline);
void tick_init(void);

// --- dpc.c ---
ALWAYS_INLINE bool dpc_is_pending(const struct run_queue *rq) {
    return atomic_load_explicit(&rq->dpc_pending, memory_order_relaxed);
}
bool dpc_is_running(void);   // on this CPU
void dpc_poke(unsigned cpu); // makes another CPU pass a safe point
// Another CPU shall call dpc_run_pending at its next switch, or in its idle loop before it sleeps.
ALWAYS_INLINE void dpc_expect(unsigned cpu) {
    atomic_store_explicit(&cpu_local(run_queue, cpu).dpc_pending, true, memory_order_release);
}

// --- barrier.c ---
void barrier_interrupt(void); // part of sched_ipi

// --- timer.c ---
void timer_queue_init(unsigned cpu);
nsec_t timer_run_expired(nsec_t now); // this CPU's; returns the deadline of the next one

// --- rcu.c ---
void rcu_poll(void);       // this CPU is at a safe point: tells so, and looks after its callbacks. No lock held.
void rcu_idle_enter(void); // around the sleep of an idle CPU
void rcu_idle_exit(void);
void rcu_cpu_online(unsigned cpu);
