// SPDX-License-Identifier: MPL-2.0
// Making threads ready: where a woken thread goes, and how its CPU learns of it.
//
// Placement: near and synchronous wake-ups stay on the waker's CPU, since that has the common data. Any other goes to
// the CPU it was last on if that idles, else to an idle one, else back to its own.
//
// A synchronous waker is not preempted, and its CPU's queue is not stolen from, for as long as SYNC_GRACE: a writer
// fills a pipe, and its reader empties it, in one turn each. If it has not blocked by then, whom it woke goes to an
// idle CPU or preempts it (tick.c); and for a while its wake-ups are ordinary ones.
//
// A thread's `cpu` changes only under the lock of the queue it names, by whoever has claimed the thread (changed its
// state from BLOCKED to READY) or by a thief that holds both locks. So thread_lock_queue can rely on it.

#include "sched_priv.h"
#include <arch/smp.h>
#include <arch/time.h>
#include <lib/opaque.h>

_Atomic uint64_t sched_idle_cpus;

struct run_queue *thread_lock_queue(struct thread *thread) NO_THREAD_SAFETY {
    for (;;) {
        unsigned cpu = *(volatile uint16_t *)&thread->cpu;
        struct run_queue *rq = &cpu_local(run_queue, cpu);
        spin_lock(&rq->lock);
        if (LIKELY(*(volatile uint16_t *)&thread->cpu == cpu))
            return rq;
        spin_unlock(&rq->lock);
    }
}

bool sched_claim_idle(unsigned cpu) {
    uint64_t bit = 1ull << cpu;
    return atomic_fetch_and_explicit(&sched_idle_cpus, ~bit, memory_order_relaxed) & bit;
}

static uint64_t online_cpus(void) {
    return ~0ull >> (64 - arch_cpu_count());
}

// Whether the current thread is to be believed that it blocks soon.
static bool about_to_block(void) {
    struct thread *self = arch_current();
    if (LIKELY(self->lingers == 0))
        return true;
    self->lingers--;
    return false;
}

static unsigned place(const struct thread *thread, enum wake_kind kind) {
    unsigned here = this_cpu(run_queue).cpu, last = thread->cpu;
    if (atomic_load_explicit(&thread->on_cpu, memory_order_acquire))
        return last; // see schedule.c
    uint64_t allowed = thread->affinity.bits & online_cpus();
    uint64_t idle = atomic_load_explicit(&sched_idle_cpus, memory_order_relaxed) & allowed;
    if (kind != WAKE_ORDINARY && (allowed >> here & 1) && (idle == 0 || this_cpu(run_queue).ready == 0))
        return here;
    if ((idle >> last & 1) && sched_claim_idle(last))
        return last;
    for (; idle; idle &= idle - 1)
        if (sched_claim_idle((unsigned)__builtin_ctzll(idle)))
            return (unsigned)__builtin_ctzll(idle);
    if (allowed >> last & 1)
        return last;
    return allowed >> here & 1 ? here : (unsigned)__builtin_ctzll(allowed);
}

void run_queue_kick(struct run_queue *rq) {
    atomic_fetch_or_explicit(&rq->current->work, THREAD_WORK_RESCHED, memory_order_relaxed);
    if (rq->cpu != arch_cpu_id())
        arch_ipi_send(rq->cpu);
}

// These two return 0, to be the end of thread_make_ready.
static NOINLINE long program_end(nsec_t slice_end) {
    unsigned long irq = arch_irq_save();
    tick_program(slice_end);
    arch_irq_restore(irq);
    return opaque_zero();
}

// The thread is on the queue of this CPU. When it shall have got the CPU, if not by what its waker does.
static nsec_t end_of_grace(struct thread *thread) {
    thread->ready_since = arch_clock_now();
    return thread->ready_since + SYNC_GRACE;
}

static NOINLINE long enqueue_in_general(struct thread *thread, enum wake_kind kind) NO_THREAD_SAFETY {
    unsigned cpu = place(thread, kind);
    if (thread->cpu != cpu) {
        struct run_queue *old = thread_lock_queue(thread);
        thread->cpu = (uint16_t)cpu;
        spin_unlock(&old->lock);
    }
    struct run_queue *rq = &cpu_local(run_queue, cpu);
    spin_lock(&rq->lock);
    thread->queued_level = thread->level;
    if (UNLIKELY(thread->share != nullptr))
        share_place(rq, thread);
    unsigned level = thread->queued_level;
    thread->ready_since = rq->clock;
    thread->woken_near = kind != WAKE_ORDINARY;
    run_queue_add(rq, thread, false);
    const struct thread *current = rq->current;
    nsec_t slice_end = NSEC_NEVER;
    bool better = current == rq->idle || level > current->queued_level;
    if (better && (kind != WAKE_SYNC || current != arch_current() || current == rq->idle || level >= LEVEL_REALTIME))
        run_queue_kick(rq);
    else if (kind != WAKE_ORDINARY && current == arch_current())
        slice_end = end_of_grace(thread);
    else if (level == current->queued_level)
        slice_end = run_queue_slice_end(rq);
    spin_unlock(&rq->lock);
    // From here on the thread may run, end and be freed.
    if (cpu == arch_cpu_id() && slice_end < rq->tick_armed)
        program_end(slice_end);
    return opaque_zero();
}

// The usual way: the thread was here last, and no other CPU that it may use idles. It makes no call, so it saves no
// register.
ALWAYS_INLINE long enqueue(struct thread *thread, enum wake_kind kind) NO_THREAD_SAFETY {
    struct run_queue *rq = &this_cpu(run_queue);
    unsigned level = thread->level;
    uint64_t allowed = thread->affinity.bits, idle = atomic_load_explicit(&sched_idle_cpus, memory_order_relaxed);
    if (UNLIKELY(thread->cpu != rq->cpu) || UNLIKELY(!(allowed >> rq->cpu & 1)))
        goto general;
    APART;
    if (UNLIKELY((allowed & idle) != 0))
        goto general;
    APART;
    if (UNLIKELY(thread->share != nullptr))
        goto general;
    APART;
    if (UNLIKELY(level >= LEVEL_REALTIME) || UNLIKELY(!spin_try_lock(&rq->lock)))
        goto general;
    thread->queued_level = (uint8_t)level;
    thread->ready_since = rq->clock;
    thread->woken_near = kind != WAKE_ORDINARY;
    run_queue_add_last(rq, thread, level);
    struct thread *current = rq->current;
    unsigned running = current->queued_level;
    nsec_t slice_end = NSEC_NEVER;
    if (UNLIKELY(current == rq->idle) || (level > running && kind != WAKE_SYNC))
        atomic_fetch_or_explicit(&current->work, THREAD_WORK_RESCHED, memory_order_relaxed);
    else if (level > running)
        slice_end = end_of_grace(thread);
    else if (level == running)
        slice_end = run_queue_slice_end(rq);
    spin_unlock(&rq->lock);
    return UNLIKELY(slice_end < rq->tick_armed) ? program_end(slice_end) : 0;
general:
    return enqueue_in_general(thread, kind);
}

void thread_enqueue(struct thread *thread, enum wake_kind kind) {
    enqueue(thread, kind);
}

// If the thread is not blocked yet, it will look at its condition after it has stored BLOCKED, and finds what the
// caller did before: by a lock that both take, or by a sequentially consistent exchange.
bool thread_wake_with(struct thread *thread, status_t status) {
    uint32_t state = THREAD_BLOCKED;
    if (!atomic_compare_exchange_strong_explicit(&thread->state, &state, THREAD_READY, memory_order_seq_cst,
                                                 memory_order_seq_cst))
        return false;
    thread->wake_status = status;
    thread_enqueue(thread, WAKE_ORDINARY);
    return true;
}

bool thread_wake(struct thread *thread) {
    return thread_wake_with(thread, 0);
}

long thread_make_ready(struct thread *thread) {
    return enqueue(thread, WAKE_ORDINARY);
}

bool thread_wake_near(struct thread *thread) {
    if (!thread_wake_claim(thread))
        return false;
    thread_enqueue(thread, WAKE_NEAR);
    return true;
}

bool thread_wake_sync(struct thread *thread) {
    if (!thread_wake_claim(thread))
        return false;
    thread_enqueue(thread, about_to_block() ? WAKE_SYNC : WAKE_ORDINARY);
    return true;
}

// Makes a CPU that runs the thread now look at its work, in which bits were set before.
//
//   here                                   the CPU that switches to the thread
//   work |= bits                           lock its queue; queue.current = thread; unlock
//   lock the queue; current == thread?     … returns to user mode: looks at work
//
// Whoever has the lock second sees what the other did before. (thread->on_cpu alone would not do: both sides would
// store one word and load the other, and on any processor the load may overtake the store.)
static void kick_runner(struct thread *thread) NO_THREAD_SAFETY {
    struct run_queue *rq = thread_lock_queue(thread);
    bool runs = rq->current == thread;
    unsigned cpu = rq->cpu;
    spin_unlock(&rq->lock);
    if (runs && cpu != arch_cpu_id())
        arch_ipi_send(cpu);
}

void thread_set_work(struct thread *thread, uint32_t bits) {
    uint32_t old = atomic_fetch_or_explicit(&thread->work, bits, memory_order_release);
    if ((old & bits) != bits && thread != arch_current())
        kick_runner(thread);
}

// With a thread that is about to block: it stores BLOCKED, then looks at the flags; here the flags are stored, then the
// state is looked at. All four are sequentially consistent, so one of the two sees the other.
//
// The work comes before the flags: a wait that a flag ends returns -ERESTARTSYS or -EINTR, and the thread may be on its
// way to user mode before the next line here is executed. It must find the work there, or the program would see a
// result that was meant for the kernel. If the thread takes up the work before it is interrupted, no flag is left
// behind: it clears them under the lock that the caller of this holds (kernel/posix: the signal_lock).
void thread_interrupt(struct thread *thread, bool fatal) {
    atomic_fetch_or_explicit(&thread->work, THREAD_WORK_SIGNAL, memory_order_seq_cst);
    if (fatal)
        atomic_exchange_explicit(&thread->killed, true, memory_order_seq_cst);
    atomic_exchange_explicit(&thread->interrupted, true, memory_order_seq_cst);
    if (atomic_load_explicit(&thread->state, memory_order_seq_cst) == THREAD_BLOCKED) {
        bool may_end = thread->wait_mode == WAIT_INTERRUPTIBLE || (fatal && thread->wait_mode == WAIT_KILLABLE);
        if (may_end)
            thread_wake_with(thread, -EINTR);
    } else if (thread != arch_current()) {
        kick_runner(thread);
    }
}

void thread_clear_interrupt(struct thread *thread) {
    atomic_store_explicit(&thread->interrupted, false, memory_order_relaxed);
}
