// SPDX-License-Identifier: MPL-2.0
// The timer interrupt's work: expired timers, ends of slices, and samples.
//
// The hardware is programmed for the earliest of: the first timer; the end of the slice, if someone else wants the
// CPU; the next sample, if the CPU is busy. An idle CPU without timers takes no interrupts at all. A deadline that is
// no longer wanted is left armed: one early interrupt costs less than programming the timer at each switch.
//
// CPU time is split into user and system by samples (at most 100 a second): reading the clock at each entry to
// the kernel would cost every system call. A thread's whole time is exact; only the split is estimated.

#include "sched_priv.h"
#include <arch/smp.h>
#include <arch/time.h>
#include <arch/upcall.h>
#include <sched/dpc.h>

#define LOAD_PERIOD 5000000000ll
#define LOAD_SHIFT 16

void (*sched_tick_hook)(struct thread *thread, bool user);

struct cpu_tick {
    struct dpc dpc;
    nsec_t next_sample;
    bool from_user; // of the last interrupt
    nsec_t user, system;
    uint64_t interrupts;
};
static struct cpu_tick cpu_tick PER_CPU;

static struct {
    struct spinlock lock;
    nsec_t next;
    uint64_t average[3];
} load;

void tick_program(nsec_t deadline) {
    this_cpu(run_queue).tick_armed = deadline;
    arch_timer_set(deadline);
}

// Attributes all of the thread's time that no sample has covered yet to the mode it was caught in.
static void sample(struct thread *thread, bool user, nsec_t now) {
    struct cpu_tick *tick = &this_cpu(cpu_tick);
    nsec_t fresh = thread->run_time + (now - thread->run_start) - thread->user_time - thread->system_time;
    *(user ? &thread->user_time : &thread->system_time) += fresh;
    *(user ? &tick->user : &tick->system) += fresh;
    if (sched_tick_hook)
        sched_tick_hook(thread, user);
}

static unsigned active_threads(void) {
    unsigned active = 0;
    for (unsigned cpu = 0, count = arch_cpu_count(); cpu < count; cpu++) {
        const struct run_queue *rq = &cpu_local(run_queue, cpu);
        active += rq->ready + (rq->current != rq->idle);
    }
    return active;
}

// Decays by e^(-5s/60s), e^(-5s/300s), e^(-5s/900s), in 2^-16.
static void load_step(unsigned active) {
    static const uint64_t decay[3] = {60298, 64453, 65173};
    for (unsigned i = 0; i < 3; i++)
        load.average[i] = (load.average[i] * decay[i] + ((uint64_t)active << LOAD_SHIFT) * (65536 - decay[i])) >> 16;
}

// Steps that idle CPUs slept through count as idle ones.
static void load_update(nsec_t now, unsigned active) {
    if (!spin_try_lock(&load.lock))
        return;
    for (unsigned missed = 0; now >= load.next; load.next += LOAD_PERIOD, missed++) {
        bool last = now < load.next + LOAD_PERIOD;
        load_step(last ? active : 0);
        if (missed == 1000)
            load.next = now;
    }
    spin_unlock(&load.lock);
}

// Tells an idle CPU to come for a thread that waits here. False: there is none that it may use.
static bool offer(const struct thread *thread) {
    uint64_t idle = atomic_load_explicit(&sched_idle_cpus, memory_order_relaxed) & thread->affinity.bits;
    for (; idle; idle &= idle - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(idle);
        if (sched_claim_idle(cpu)) {
            arch_ipi_send(cpu);
            return true;
        }
    }
    return false;
}

// The first that waits, at `level`, gets an idle CPU; or this one, if it is better or the slice is over. If its waker
// is still given time to block, or an idle CPU has been told, the result is when to look again.
static nsec_t serve_first(struct run_queue *rq, unsigned level, nsec_t now) REQUIRES(&rq->lock) {
    struct thread *current = rq->current, *first = LIST_FIRST(&rq->levels[level], struct thread, run_node);
    nsec_t waited = now - first->ready_since;
    if (first->woken_near && waited < SYNC_GRACE)
        return first->ready_since + SYNC_GRACE;
    bool better = level > current->queued_level, told = offer(first);
    if (told && first->woken_near)
        current->lingers = WAKES_OF_LINGERER;
    if (told && (!better || waited < 4 * SYNC_GRACE))
        return now + SYNC_GRACE;
    if (better || (level == current->queued_level && now >= run_queue_slice_end(rq)))
        run_queue_kick(rq);
    return NSEC_NEVER;
}

// The slice is over, or ageing has brought someone up, or whom the current thread woke still waits. When to look again.
static nsec_t check_queue(struct run_queue *rq, nsec_t now) {
    spin_lock(&rq->lock);
    rq->clock = now;
    run_queue_age(rq, now);
    if (share_tick(rq, now))
        run_queue_kick(rq);
    int top = run_queue_top(rq);
    nsec_t next = top >= 0 && rq->current != rq->idle ? serve_first(rq, (unsigned)top, now) : NSEC_NEVER;
    spin_unlock(&rq->lock);
    return next;
}

// A busy CPU helps another that has more waiting; at equal lengths threads take turns on the CPUs now and then.
static void balance(struct run_queue *rq, nsec_t now) {
    if (now < rq->next_balance)
        return;
    rq->next_balance = now + 10 * SAMPLE_PERIOD;
    if (arch_cpu_count() > 1)
        sched_steal(now);
}

static void tick(struct dpc *dpc) {
    struct run_queue *rq = &this_cpu(run_queue);
    struct cpu_tick *tick = CONTAINER_OF(dpc, struct cpu_tick, dpc);
    nsec_t now = arch_clock_now();
    struct thread *current = arch_current();
    nsec_t next = timer_run_expired(now);
    if (current != rq->idle) {
        if (now >= tick->next_sample) {
            sample(current, tick->from_user, now);
            tick->next_sample = now + SAMPLE_PERIOD;
            balance(rq, now);
        }
        if (now >= load.next)
            load_update(now, active_threads());
        next = MIN(next, check_queue(rq, now));
        next = MIN(next, tick->next_sample);
        if (run_queue_top(rq) == current->queued_level) {
            nsec_t soon = now + 100000, slice_end = run_queue_slice_end(rq);
            next = MIN(next, slice_end > soon ? slice_end : soon);
        }
    }
    unsigned long irq = arch_irq_save();
    if (next < rq->tick_armed)
        tick_program(next);
    arch_irq_restore(irq);
}

void tick_init(void) {
    this_cpu(run_queue).tick_armed = NSEC_NEVER;
    this_cpu(cpu_tick).dpc = (struct dpc)DPC_INIT(tick);
}

void sched_timer_interrupt(bool from_user) {
    struct cpu_tick *tick = &this_cpu(cpu_tick);
    tick->from_user = from_user;
    tick->interrupts++;
    this_cpu(run_queue).tick_armed = NSEC_NEVER;
    dpc_raise(&tick->dpc);
}

nsec_t sched_run_time(struct thread *thread) NO_THREAD_SAFETY {
    if (thread == thread_current())
        return thread->run_time + (clock_now() - thread->run_start);
    struct run_queue *rq = thread_lock_queue(thread);
    nsec_t time = thread->run_time;
    if (rq->current == thread)
        time += MAX(clock_now() - thread->run_start, (nsec_t)0);
    spin_unlock(&rq->lock);
    return time;
}

// value * part / whole for 0 <= part <= whole, without a 128-bit division: whole is brought below 2^31 first.
static nsec_t share_of(nsec_t value, nsec_t part, nsec_t whole) {
    while (whole >> 31 != 0) {
        whole >>= 1;
        part >>= 1;
    }
    return whole == 0 ? 0 : value / whole * part + value % whole * part / whole;
}

// What no sample has covered is split as the samples were; without any it counts as user time. A later sample may
// correct that, but neither of the two ever goes back.
void sched_thread_times(struct thread *thread, nsec_t *user, nsec_t *system) {
    nsec_t total = sched_run_time(thread), sampled_user = thread->user_time, sampled_system = thread->system_time;
    nsec_t sampled = sampled_user + sampled_system, rest = MAX(total - sampled, (nsec_t)0);
    nsec_t system_now = sampled_system + (sampled ? share_of(rest, sampled_system, sampled) : 0);
    system_now = MAX(system_now, thread->system_reported);
    nsec_t user_now = MAX(total - system_now, thread->user_reported);
    system_now = MAX(total - user_now, thread->system_reported);
    thread->user_reported = *user = user_now;
    thread->system_reported = *system = system_now;
}

void sched_load_average(uint64_t out[3]) {
    load_update(clock_now(), active_threads());
    spin_lock(&load.lock);
    for (unsigned i = 0; i < 3; i++)
        out[i] = load.average[i];
    spin_unlock(&load.lock);
}

void sched_cpu_times(unsigned cpu, struct sched_cpu_times *out) {
    const struct run_queue *rq = &cpu_local(run_queue, cpu);
    const struct cpu_tick *tick = &cpu_local(cpu_tick, cpu);
    *out = (struct sched_cpu_times){
        .user = tick->user,
        .system = tick->system,
        .idle = sched_run_time(rq->idle),
        .switches = rq->switches,
        .interrupts = tick->interrupts,
    };
}

unsigned sched_ready_count(void) {
    return active_threads();
}
