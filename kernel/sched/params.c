// SPDX-License-Identifier: MPL-2.0
// Changing how a thread is scheduled: policy, nice, loans of priority, affinity. The thread may be anywhere: running,
// queued, blocked, or claimed by a waker that is about to queue it. (clang cannot name the lock that thread_lock_queue
// takes, hence NO_THREAD_SAFETY.)

#include "sched_priv.h"
#include <arch/smp.h>

// Its level has changed; its queue is locked.
static void level_changed(struct run_queue *rq, struct thread *thread) REQUIRES(&rq->lock) {
    if (list_is_linked(&thread->run_node)) {
        run_queue_remove(rq, thread);
        thread->queued_level = thread->level;
        run_queue_add(rq, thread, false);
    } else if (rq->current == thread) {
        thread->queued_level = thread->level;
    } else {
        return;
    }
    if (run_queue_top(rq) > rq->current->queued_level)
        run_queue_kick(rq);
}

status_t sched_set_policy(struct thread *thread, enum sched_policy policy, unsigned rt_priority) NO_THREAD_SAFETY {
    bool realtime = policy == SCHED_POLICY_FIFO || policy == SCHED_POLICY_RR;
    if (policy > SCHED_POLICY_IDLE || policy == 4 || rt_priority > 99 || realtime != (rt_priority > 0))
        return -EINVAL;
    struct run_queue *rq = thread_lock_queue(thread);
    thread->policy = (uint8_t)policy;
    // The place within a real-time level depends on it, so take the thread out before.
    bool queued = list_is_linked(&thread->run_node);
    if (queued)
        run_queue_remove(rq, thread);
    thread->rt_priority = (uint8_t)rt_priority;
    policy_set_base(thread);
    thread->slice_left = sched_slice(thread);
    if (queued) {
        thread->queued_level = thread->level;
        run_queue_add(rq, thread, false);
    }
    level_changed(rq, thread);
    spin_unlock(&rq->lock);
    return 0;
}

void sched_set_nice(struct thread *thread, int nice) NO_THREAD_SAFETY {
    nice = MIN(nice, 19);
    struct run_queue *rq = thread_lock_queue(thread);
    thread->nice = (int8_t)MAX(-20, nice);
    policy_set_base(thread);
    level_changed(rq, thread);
    spin_unlock(&rq->lock);
}

void sched_boost(struct thread *thread, unsigned level) NO_THREAD_SAFETY {
    struct run_queue *rq = thread_lock_queue(thread);
    if (thread->boost_level != level) {
        thread->boost_level = (uint8_t)level;
        policy_set_level(thread);
        level_changed(rq, thread);
    }
    spin_unlock(&rq->lock);
}

void sched_donate(struct thread *thread, unsigned level) NO_THREAD_SAFETY {
    struct run_queue *rq = thread_lock_queue(thread);
    if (thread->donated_level != level) {
        thread->donated_level = (uint8_t)level;
        policy_set_level(thread);
        level_changed(rq, thread);
    }
    spin_unlock(&rq->lock);
}

unsigned sched_level(const struct thread *thread) {
    return thread->level;
}

static status_t try_move(struct thread *thread, uint64_t allowed) NO_THREAD_SAFETY {
    struct run_queue *rq = thread_lock_queue(thread);
    status_t status = 0;
    thread->affinity.bits = allowed;
    if (allowed >> rq->cpu & 1) {
        spin_unlock(&rq->lock);
        return 0;
    }
    if (list_is_linked(&thread->run_node)) {
        if (atomic_load_explicit(&thread->on_cpu, memory_order_acquire)) {
            status = -EAGAIN; // its registers are just being saved
        } else {
            run_queue_remove(rq, thread);
            thread->cpu = (uint16_t)__builtin_ctzll(allowed);
            spin_unlock(&rq->lock);
            thread_enqueue(thread, WAKE_ORDINARY);
            return 0;
        }
    } else if (rq->current == thread) {
        // It runs on a CPU that it may not use: the next switch there sends it off (see requeue in schedule.c). Whoever
        // sees the wish for one, with the queue locked, need not look at the affinity.
        status = -EBUSY;
        if (thread != arch_current())
            run_queue_kick(rq);
    } else { // asleep: whoever hands this CPU to it (thread_take) does not ask again
        atomic_fetch_or_explicit(&thread->work, THREAD_WORK_RESCHED, memory_order_relaxed);
    }
    spin_unlock(&rq->lock);
    return status;
}

status_t sched_set_affinity(struct thread *thread, struct cpu_mask mask) NO_THREAD_SAFETY {
    uint64_t allowed = mask.bits & (~0ull >> (64 - arch_cpu_count()));
    if (allowed == 0)
        return -EINVAL;
    status_t status;
    while ((status = try_move(thread, allowed)) == -EAGAIN)
        arch_cpu_relax();
    if (status == 0)
        return 0;
    if (thread == arch_current())
        schedule_preempt();
    return 0;
}
