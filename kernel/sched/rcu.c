// SPDX-License-Identifier: MPL-2.0
// Grace periods. They are numbered. One is in progress at a time; it is over when every CPU that was awake at its start
// has passed a quiescent state: a pass through dpc_run_pending (context switch, return to user mode, preempt
// point), or sleep in the idle loop. So a context switch need not look for grace periods: it looks whether dpcs are
// pending, and who starts a period says so on each CPU that it waits for. A CPU that stays in user mode is interrupted
// by its sample timer within 10 ms; one that a caller of rcu_synchronize waits for is interrupted at once.
//
// A CPU's callbacks wait in two lists: `fresh` (no period assigned yet) and `waiting` (run when period
// `waiting_for` is completed). Both are touched by that CPU alone.
//
// Idle CPUs: a sleeper sets its bit in `asleep`, then looks whether a period waits for it. A starter sets
// rcu_waiting, then takes the sleepers' bits out. All four sequentially consistent: one of them sees the other. The
// same holds for `interested` and `completed`, so that no CPU sleeps on callbacks that are due.

#include <sched/rcu.h>

#include "sched_priv.h"
#include <arch/smp.h>
#include <sched/dpc.h>

#define FLOOD 2000 // callbacks on a CPU from which on the others are asked to hurry

static struct {
    struct spinlock lock;
    uint64_t current;            // number of the period in progress or the last one; under lock
    uint64_t wanted;             // under lock
    _Atomic uint64_t completed;  // written under lock
    _Atomic uint64_t asleep;     // CPUs in deep idle
    _Atomic uint64_t interested; // CPUs that have callbacks in `waiting`
    _Atomic uint64_t online;
} rcu;

static _Atomic uint64_t rcu_waiting; // CPUs that the grace period in progress waits for

struct rcu_cpu {
    struct rcu_head *fresh, *waiting;
    uint64_t waiting_for;
    uint64_t waiting_count;
    _Atomic uint64_t raised, done;
    struct dpc dpc;
};
static struct rcu_cpu rcu_cpu PER_CPU;

// rcu.lock is held. A period in which no CPU is awake but this one, at a safe point, is over at once.
static void start(unsigned self) {
    rcu.current++;
    atomic_exchange_explicit(&rcu_waiting, rcu.online & ~(1ull << self), memory_order_seq_cst);
    uint64_t asleep = atomic_load_explicit(&rcu.asleep, memory_order_seq_cst);
    uint64_t waiting = atomic_fetch_and_explicit(&rcu_waiting, ~asleep, memory_order_seq_cst) & ~asleep;
    if (waiting == 0)
        atomic_exchange_explicit(&rcu.completed, rcu.current, memory_order_seq_cst);
    // They see rcu_waiting once they have seen this: they take it back before they look.
    for (; waiting; waiting &= waiting - 1)
        dpc_expect((unsigned)__builtin_ctzll(waiting));
}

// Tells CPUs whose callbacks may have become due.
static void tell_interested(unsigned self) {
    uint64_t others = atomic_load_explicit(&rcu.interested, memory_order_seq_cst) & ~(1ull << self);
    for (; others; others &= others - 1)
        dpc_poke((unsigned)__builtin_ctzll(others));
}

static void report(void) {
    unsigned self = arch_cpu_id();
    uint64_t bit = 1ull << self;
    bool over = false;
    spin_lock(&rcu.lock);
    uint64_t old = atomic_fetch_and_explicit(&rcu_waiting, ~bit, memory_order_seq_cst);
    if (old == bit && rcu.completed < rcu.current) {
        over = true;
        atomic_exchange_explicit(&rcu.completed, rcu.current, memory_order_seq_cst);
        while (rcu.wanted > rcu.current && rcu.completed == rcu.current)
            start(self);
    }
    spin_unlock(&rcu.lock);
    if (over)
        tell_interested(self);
}

static void run_waiting(struct rcu_cpu *cpu) {
    struct rcu_head *head = cpu->waiting;
    uint64_t count = cpu->waiting_count;
    cpu->waiting = nullptr;
    while (head) {
        struct rcu_head *next = head->next;
        head->reclaim(head);
        head = next;
    }
    atomic_store_explicit(&cpu->done, cpu->done + count, memory_order_release);
}

static bool is_due(const struct rcu_cpu *cpu) {
    return cpu->waiting && atomic_load_explicit(&rcu.completed, memory_order_seq_cst) >= cpu->waiting_for;
}

// Gives the fresh callbacks a period that begins now or later.
static void assign(struct rcu_cpu *cpu, unsigned self) {
    cpu->waiting = cpu->fresh;
    cpu->fresh = nullptr;
    cpu->waiting_count = cpu->raised - cpu->done;
    spin_lock(&rcu.lock);
    cpu->waiting_for = rcu.current + 1;
    if (rcu.wanted < cpu->waiting_for)
        rcu.wanted = cpu->waiting_for;
    if (rcu.completed == rcu.current)
        start(self);
    spin_unlock(&rcu.lock);
}

static void hurry(unsigned self) {
    uint64_t others = atomic_load_explicit(&rcu_waiting, memory_order_relaxed) & ~(1ull << self);
    for (; others; others &= others - 1)
        dpc_poke((unsigned)__builtin_ctzll(others));
}

void rcu_poll(void) {
    unsigned self = arch_cpu_id();
    struct rcu_cpu *cpu = &this_cpu(rcu_cpu);
    if (UNLIKELY(atomic_load_explicit(&rcu_waiting, memory_order_relaxed) >> self & 1))
        report();
    if (!cpu->waiting && !cpu->fresh)
        return;
    for (;;) {
        if (is_due(cpu))
            run_waiting(cpu);
        if (cpu->waiting || !cpu->fresh)
            break;
        assign(cpu, self);
    }
    uint64_t bit = 1ull << self;
    if (cpu->waiting) {
        atomic_fetch_or_explicit(&rcu.interested, bit, memory_order_seq_cst);
        if (cpu->raised - cpu->done > FLOOD)
            hurry(self);
        if (is_due(cpu)) // completed before the others could know
            dpc_raise(&cpu->dpc);
    } else if (atomic_load_explicit(&rcu.interested, memory_order_relaxed) & bit) {
        atomic_fetch_and_explicit(&rcu.interested, ~bit, memory_order_relaxed);
    }
}

// rcu_poll comes after every batch of dpcs; this one only causes the batch.
static void nothing(struct dpc *dpc) {
    (void)dpc;
}

void rcu_call(struct rcu_head *head, void (*reclaim)(struct rcu_head *head)) {
    struct rcu_cpu *cpu = &this_cpu(rcu_cpu);
    head->reclaim = reclaim;
    head->next = cpu->fresh;
    cpu->fresh = head;
    atomic_store_explicit(&cpu->raised, cpu->raised + 1, memory_order_relaxed);
    if (!head->next) {
        cpu->dpc.run = nothing;
        dpc_raise(&cpu->dpc);
    }
}

struct synchronizer {
    struct rcu_head head;
    struct thread *thread;
    _Atomic bool done;
};

static void synchronized(struct rcu_head *head) {
    struct synchronizer *s = CONTAINER_OF(head, struct synchronizer, head);
    struct thread *thread = s->thread;
    atomic_exchange_explicit(&s->done, true, memory_order_seq_cst); // the sleeper may be gone from here on …
    thread_wake(thread);                                            // … but threads are freed after a grace period
}

void rcu_synchronize(void) {
    // Alone, this thread is the only one that could be in a read section.
    if (arch_cpu_count() == 1)
        return;
    struct synchronizer s = {.thread = thread_current()};
    rcu_call(&s.head, synchronized);
    dpc_run_pending(); // starts the period
    hurry(arch_cpu_id());
    while (!atomic_load_explicit(&s.done, memory_order_acquire)) {
        thread_prepare_block(WAIT_UNINTERRUPTIBLE);
        if (atomic_load_explicit(&s.done, memory_order_seq_cst)) {
            thread_cancel_block();
            break;
        }
        (void)thread_block(NSEC_NEVER);
    }
}

void rcu_barrier(void) {
    for (unsigned cpu = 0, count = arch_cpu_count(); cpu < count; cpu++) {
        struct rcu_cpu *state = &cpu_local(rcu_cpu, cpu);
        uint64_t until = atomic_load_explicit(&state->raised, memory_order_acquire);
        while (atomic_load_explicit(&state->done, memory_order_acquire) < until) {
            if (cpu == arch_cpu_id())
                dpc_run_pending();
            else
                dpc_poke(cpu);
            if (atomic_load_explicit(&state->done, memory_order_acquire) >= until)
                break;
            hurry(arch_cpu_id());
            (void)thread_sleep_until(clock_now() + 1000000, WAIT_UNINTERRUPTIBLE);
        }
    }
}

void rcu_cpu_online(unsigned cpu) {
    atomic_fetch_or_explicit(&rcu.online, 1ull << cpu, memory_order_seq_cst);
}

void rcu_idle_enter(void) {
    unsigned self = arch_cpu_id();
    atomic_fetch_or_explicit(&rcu.asleep, 1ull << self, memory_order_seq_cst);
    if (UNLIKELY(atomic_load_explicit(&rcu_waiting, memory_order_seq_cst) >> self & 1))
        report();
}

void rcu_idle_exit(void) {
    atomic_fetch_and_explicit(&rcu.asleep, ~(1ull << arch_cpu_id()), memory_order_seq_cst);
    // No read section begins before the bit is seen cleared: a period that started without us may free what it finds.
    atomic_thread_fence(memory_order_seq_cst);
}

#ifdef TESSERA_DEBUG
void rcu_read_lock(void) {
    if (arch_current())
        arch_current()->rcu_depth++;
}

void rcu_read_unlock(void) {
    if (arch_current())
        arch_current()->rcu_depth--;
}
#endif
