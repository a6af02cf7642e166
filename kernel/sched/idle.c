// SPDX-License-Identifier: MPL-2.0
// What a CPU does when nothing is ready: deferred work, stealing, housekeeping (mm zeroes pages), sleep.

#include "sched_priv.h"
#include <arch/smp.h>
#include <arch/time.h>
#include <sched/dpc.h>

bool (*sched_idle_hook)(void);

static struct thread boot_idle;

static void adopt_idle(unsigned cpu, struct thread *idle, void *stack) {
    arch_thread_adopt(idle, stack);
    struct run_queue *rq = &this_cpu(run_queue);
    run_queue_init(rq, cpu, idle);
    idle->cpu = (uint16_t)cpu;
    idle->affinity.bits = 1ull << cpu;
    atomic_store_explicit(&idle->state, THREAD_RUNNING, memory_order_relaxed);
    atomic_store_explicit(&idle->on_cpu, true, memory_order_relaxed);
    list_init(&idle->run_node);
    idle->slice_left = NSEC_NEVER / 2;
    idle->run_start = rq->clock = arch_clock_now();
    timer_queue_init(cpu);
    tick_init();
    rcu_cpu_online(cpu);
}

void sched_init(void) {
    boot_idle.name[0] = 'i';
    boot_idle.name[1] = '0';
    adopt_idle(0, &boot_idle, nullptr);
}

void sched_init_secondary(unsigned cpu, struct thread *idle, void *stack) {
    idle->stack = stack;
    adopt_idle(cpu, idle, stack);
}

// The CPU that has the most to give; -1: none.
static int busiest(unsigned self, unsigned at_least) {
    int best = -1;
    for (unsigned cpu = 0, count = arch_cpu_count(); cpu < count; cpu++) {
        unsigned ready = atomic_load_explicit(&cpu_local(run_queue, cpu).ready, memory_order_relaxed);
        if (cpu != self && ready >= at_least) {
            at_least = ready + 1;
            best = (int)cpu;
        }
    }
    return best;
}

// Our lock, then a try at the other's: two thieves that eye each other both give up.
bool sched_steal(nsec_t now) NO_THREAD_SAFETY {
    struct run_queue *rq = &this_cpu(run_queue);
    int victim_cpu = busiest(rq->cpu, atomic_load_explicit(&rq->ready, memory_order_relaxed) + 1);
    if (victim_cpu < 0)
        return false;
    struct run_queue *victim = &cpu_local(run_queue, (unsigned)victim_cpu);
    struct thread *thread = nullptr;
    spin_lock(&rq->lock);
    if (spin_try_lock(&victim->lock)) {
        thread = run_queue_find_stealable(victim, rq->cpu, now);
        if (thread) {
            run_queue_remove(victim, thread);
            thread->cpu = (uint16_t)rq->cpu;
            run_queue_add(rq, thread, false);
        }
        spin_unlock(&victim->lock);
    }
    spin_unlock(&rq->lock);
    return thread != nullptr;
}

static bool has_work(struct run_queue *rq) {
    return dpc_is_pending(rq) || rq->bitmap != 0 ||
           (atomic_load_explicit(&rq->idle->work, memory_order_relaxed) & THREAD_WORK_RESCHED);
}

// Sleeps until an interrupt. Whoever queues a thread here sets RESCHED on the idle thread and then sends the
// interrupt, which stays pending if it comes before the sleep: nothing is lost.
static void sleep(struct run_queue *rq) {
    uint64_t bit = 1ull << rq->cpu;
    arch_irq_disable();
    rcu_idle_enter();
    atomic_fetch_or_explicit(&sched_idle_cpus, bit, memory_order_seq_cst);
    if (has_work(rq))
        arch_irq_enable();
    else
        arch_cpu_idle();
    if (atomic_load_explicit(&sched_idle_cpus, memory_order_relaxed) & bit)
        atomic_fetch_and_explicit(&sched_idle_cpus, ~bit, memory_order_relaxed);
    rcu_idle_exit();
}

void sched_idle_loop(void) {
    struct run_queue *rq = &this_cpu(run_queue);
    arch_irq_enable();
    for (;;) {
        if (dpc_is_pending(rq))
            dpc_run_pending();
        if (rq->bitmap != 0 || (arch_cpu_count() > 1 && sched_steal(arch_clock_now()))) {
            schedule_preempt();
            continue;
        }
        atomic_fetch_and_explicit(&rq->idle->work, ~(uint32_t)(THREAD_WORK_RESCHED | THREAD_WORK_DPC),
                                  memory_order_relaxed);
        if (sched_idle_hook && !has_work(rq) && sched_idle_hook())
            continue;
        sleep(rq);
    }
}
