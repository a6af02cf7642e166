// SPDX-License-Identifier: MPL-2.0
// Handing the CPU from one thread straight to another that has been claimed (thread_claim): no choice, nothing to
// program, nothing to learn, for the slice goes on under the other thread. The parts are inline, for those who put them
// together themselves; sched_hand_over is all of them in their order.
//
// The CPU's part in a grace period and its deferred procedures can wait for the next way out to user mode or the next
// sample. The protocol of on_cpu is explained in schedule.c.
#pragma once

#include <arch/switch.h>
#include <arch/time.h>
#include <arch/uaccess.h>
#include <sched/run_queue.h>

// The time of `prev` ends now, and what is left of its slice is that of `next`, at its level.
ALWAYS_INLINE void handoff_account(struct run_queue *rq, struct thread *prev, struct thread *next, nsec_t now)
    REQUIRES(&rq->lock) {
    nsec_t ran = now - prev->run_start, left = prev->slice_left - ran;
    prev->run_time += ran;
    next->run_start = now;
    next->slice_left = left;
    if (UNLIKELY(prev->share != nullptr))
        share_account(rq, prev, ran);
    next->queued_level = MAX(next->level, prev->queued_level);
    prev->switches_voluntary++;
    rq->switches++;
    rq->clock = now;
}

// What others want of this CPU goes along, whether it came before the claim or since. From here on it goes to `next`:
// a wish for a switch is made with the queue locked, a deferred procedure with interrupts off.
ALWAYS_INLINE void handoff_make_current(struct run_queue *rq, struct thread *prev, struct thread *next)
    REQUIRES(&rq->lock) {
    rq->current = next;
    uint32_t work = atomic_load_explicit(&prev->work, memory_order_relaxed) & (THREAD_WORK_RESCHED | THREAD_WORK_DPC);
    if (UNLIKELY(work != 0)) {
        atomic_fetch_and_explicit(&prev->work, ~work, memory_order_relaxed);
        atomic_fetch_or_explicit(&next->work, work, memory_order_relaxed);
    }
}

// The queue is unlocked: `next` runs, in its address space and with its registers, but still on the stack of `prev`.
// Then either arch_stack_switch and switch_end, or, if nothing on the stack of `prev` is wanted any more, whatever
// brings `next` to its own and then handoff_let_go(prev).
ALWAYS_INLINE void handoff_load(struct thread *prev, struct thread *next) {
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    if (LIKELY(next->aspace != prev->aspace))
        arch_aspace_switch(next->aspace);
    arch_thread_load(prev, next);
}

// The first half of it, between two threads that came from user mode: both have an address space. The second is
// arch_cargo_thread_load.
ALWAYS_INLINE void handoff_enter_aspace(const struct thread *prev, struct thread *next) {
    struct arch_aspace *aspace = next->aspace;
    atomic_store_explicit(&next->state, THREAD_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&next->on_cpu, true, memory_order_relaxed);
    if (LIKELY(aspace != prev->aspace))
        arch_aspace_exchange(aspace);
}

// Nothing of `prev`, which blocks and was not told to leave, is in use on this CPU any more: others may have it.
ALWAYS_INLINE void handoff_let_go(struct thread *prev) {
    atomic_store_explicit(&prev->on_cpu, false, memory_order_release);
}

void switch_leave(struct thread *prev);
// After a switch, on the new stack: sees to the thread that ran before, and lets interrupts in.
ALWAYS_INLINE void switch_end(struct thread *prev) {
    if (UNLIKELY(prev->leaving)) {
        switch_leave(prev);
        return;
    }
    handoff_let_go(prev);
    arch_irq_enable();
}

#if __has_feature(address_sanitizer)
void __asan_unpoison_stack_memory(const void *start, size_t size);
#endif
// What it had on its stack is given up, and so is what the sanitizer has marked there, as if its functions had
// returned.
ALWAYS_INLINE void handoff_forget_stack(const struct thread *next) {
#if __has_feature(address_sanitizer)
    __asan_unpoison_stack_memory(next->stack, KERNEL_STACK_SIZE);
#endif
    (void)next;
}

// Its address space and its registers are loaded. False: its memory does not take the word, or not at once.
ALWAYS_INLINE bool handoff_give(struct thread *next, struct thread_gift *gift) {
    uintptr_t at = (uintptr_t)gift->to;
    uint32_t value = gift->value;
    ARCH_USER_OPEN;
    ARCH_USER_STORE(ARCH_USER_32, value, at, 0, bad);
    ARCH_USER_CLOSE;
    next->gift = nullptr;
    handoff_forget_stack(next);
    return true;
bad:
    return false;
}
// After handoff_load, as arch_stack_switch. `next` goes on where it was left, or in user mode if it was given what it
// waits for. `stays`: it is known that `prev` is not leaving.
ALWAYS_INLINE struct thread *handoff_go_on(struct thread *prev, struct thread *next, bool stays) {
    struct thread_gift *gift = next->gift;
    if (gift != nullptr && (stays || LIKELY(!prev->leaving)) && LIKELY(handoff_give(next, gift)))
        return arch_stack_switch_user(prev, next, &prev->on_cpu, 1);
    return arch_stack_switch(prev, next);
}

// Blocks the current thread, which has been prepared to, and makes `next`, which has been claimed, the current one.
// Interrupts are off.
ALWAYS_INLINE void handoff_choose(struct thread *prev, struct thread *next) {
    lockdep_assert_none_held(prev);
    struct run_queue *rq = &this_cpu(run_queue);
    nsec_t now = arch_clock_now();
    spin_lock(&rq->lock);
    handoff_account(rq, prev, next, now);
    handoff_make_current(rq, prev, next);
    spin_unlock(&rq->lock);
}

// Whether `next`, claimed, is whom the scheduler would choose after `self`. Nobody better is ready, for that would show
// as work, as would a deferred procedure or an interruption; nor is anyone between the two levels. Its group accounts
// for the time as that of `self` would, and has not used up its share.
ALWAYS_INLINE bool handoff_is_due(const struct thread *self, const struct thread *next) {
    return LIKELY(atomic_load_explicit(&next->place, memory_order_acquire) == arch_cpu_id()) &&
           LIKELY(atomic_load_explicit(&self->work, memory_order_seq_cst) == 0) &&
           LIKELY(next->level >= self->queued_level) && LIKELY(next->level < LEVEL_REALTIME) &&
           LIKELY(next->share == self->share) && LIKELY(!self->held);
}
// As thread_block_interruptible, and makes `next`, claimed (thread_wake_claim), ready: on this CPU at once and on what
// is left of this slice, if it is due and there is no deadline, else like any other that is woken.
status_t thread_block_for_slow(struct thread *next, nsec_t deadline);
MUST_USE ALWAYS_INLINE status_t thread_block_for(struct thread *next, nsec_t deadline) {
    if (UNLIKELY(deadline != NSEC_NEVER) || UNLIKELY(!handoff_is_due(arch_current(), next)))
        return thread_block_for_slow(next, deadline);
    return thread_switch_to(next);
}

ALWAYS_INLINE void sched_hand_over(struct thread *prev, struct thread *next) {
    arch_irq_disable();
    handoff_choose(prev, next);
    handoff_load(prev, next);
    switch_end(handoff_go_on(prev, next, true));
}
