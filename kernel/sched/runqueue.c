// SPDX-License-Identifier: MPL-2.0
// The run queue of one CPU: a list per level and a bitmap of the levels that have threads. No clock and no other
// CPU is known here, so it is tested on the host.
//
// A thread is queued at `queued_level`, normally its level. Ageing and yielding queue it at another one for
// one turn, so removal goes by queued_level and never by level, which may change meanwhile.

#include "sched_priv.h"

void run_queue_init(struct run_queue *rq, unsigned cpu, struct thread *idle) {
    spin_init(&rq->lock);
    rq->bitmap = 0;
    rq->ready = 0;
    for (unsigned i = 0; i < LEVEL_COUNT; i++)
        list_init(&rq->levels[i]);
    rq->current = rq->idle = idle;
    rq->cpu = cpu;
}

// Behind those of the same or a higher rt_priority; at_head: before those of the same.
static struct list_node *realtime_place(struct list_node *head, const struct thread *thread, bool at_head) {
    struct thread *other;
    LIST_FOR_EACH(other, head, run_node)
    if (other->rt_priority < thread->rt_priority || (at_head && other->rt_priority == thread->rt_priority))
        return &other->run_node;
    return head;
}

void run_queue_add(struct run_queue *rq, struct thread *thread, bool at_head) {
    unsigned level = thread->queued_level;
    struct list_node *head = &rq->levels[level];
    if (UNLIKELY(level >= LEVEL_REALTIME))
        head = realtime_place(head, thread, at_head);
    else if (at_head)
        head = head->next;
    list_push_back(head, &thread->run_node);
    rq->bitmap |= 1u << level;
    atomic_store_explicit(&rq->ready, atomic_load_explicit(&rq->ready, memory_order_relaxed) + 1, memory_order_relaxed);
}

void run_queue_remove(struct run_queue *rq, struct thread *thread) {
    list_remove(&thread->run_node);
    if (list_is_empty(&rq->levels[thread->queued_level]))
        rq->bitmap &= ~(1u << thread->queued_level);
    atomic_store_explicit(&rq->ready, atomic_load_explicit(&rq->ready, memory_order_relaxed) - 1, memory_order_relaxed);
}

// A lower base by nice has to wait longer, twice as long a step: about Linux's ratio of weights.
static nsec_t age_limit(const struct run_queue *rq, const struct thread *thread) {
    unsigned base = rq->current->level < LEVEL_REALTIME ? rq->current->base_level : LEVEL_NORMAL;
    unsigned behind = base > thread->base_level ? base - thread->base_level : 0;
    return AGE_LIMIT << MIN(behind, 9u);
}

void run_queue_age(struct run_queue *rq, nsec_t now) {
    uint32_t normal = rq->bitmap & NORMAL_LEVELS;
    if (normal == 0 || rq->current == rq->idle)
        return;
    unsigned top = 31 - (unsigned)__builtin_clz(normal);
    if (rq->current->queued_level <= LEVEL_NORMAL_MAX)
        top = MAX(top, (unsigned)rq->current->queued_level);
    for (uint32_t lower = normal & ((1u << top) - 1); lower; lower &= lower - 1) {
        struct thread *thread = LIST_FIRST(&rq->levels[__builtin_ctz(lower)], struct thread, run_node);
        if (thread->held || now - thread->ready_since < age_limit(rq, thread))
            continue;
        run_queue_remove(rq, thread);
        thread->queued_level = (uint8_t)top;
        run_queue_add(rq, thread, false);
    }
}

static bool may_steal(const struct thread *thread, unsigned cpu, nsec_t now) {
    // Still on the other CPU's stack: its registers are not saved yet.
    if (atomic_load_explicit(&thread->on_cpu, memory_order_acquire))
        return false;
    // Its waker is about to make room for it there, where their common data is warm.
    if (thread->woken_near && now - thread->ready_since < SYNC_GRACE)
        return false;
    return thread->affinity.bits >> cpu & 1;
}

struct thread *run_queue_find_stealable(struct run_queue *rq, unsigned cpu, nsec_t now) {
    for (uint32_t levels = rq->bitmap; levels;) {
        unsigned level = 31 - (unsigned)__builtin_clz(levels);
        struct thread *thread;
        LIST_FOR_EACH(thread, &rq->levels[level], run_node)
        if (may_steal(thread, cpu, now))
            return thread;
        levels &= ~(1u << level);
    }
    return nullptr;
}
