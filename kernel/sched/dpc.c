// SPDX-License-Identifier: MPL-2.0
// Deferred procedure calls: a lock-free stack per CPU. Interrupts push; the CPU's threads take all at once and run
// them in the order of arrival.

#include <sched/dpc.h>

#include "sched_priv.h"
#include <arch/smp.h>

static _Atomic(struct dpc *) dpc_list PER_CPU;
static bool running PER_CPU; // so that a dpc that reaches a safe point does not start another

bool dpc_is_running(void) {
    return this_cpu(running);
}

void dpc_raise(struct dpc *dpc) {
    if (atomic_exchange_explicit(&dpc->queued, true, memory_order_acq_rel))
        return;
    unsigned long irq = arch_irq_save(); // so that the CPU is the same throughout
    _Atomic(struct dpc *) *list = &this_cpu(dpc_list);
    dpc->next = atomic_load_explicit(list, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(list, &dpc->next, dpc, memory_order_release, memory_order_relaxed))
        ;
    atomic_store_explicit(&this_cpu(run_queue).dpc_pending, true, memory_order_relaxed);
    struct thread *current = arch_current();
    if (current)
        atomic_fetch_or_explicit(&current->work, THREAD_WORK_DPC, memory_order_relaxed);
    arch_irq_restore(irq);
}

void dpc_poke(unsigned cpu) {
    dpc_expect(cpu);
    arch_ipi_send(cpu); // sched_ipi marks the thread that runs there
}

static struct dpc *take_all(void) {
    struct dpc *newest_first = atomic_exchange_explicit(&this_cpu(dpc_list), nullptr, memory_order_acquire);
    struct dpc *list = nullptr;
    while (newest_first) {
        struct dpc *next = newest_first->next;
        newest_first->next = list;
        list = newest_first;
        newest_first = next;
    }
    return list;
}

void dpc_run_pending(void) {
    if (this_cpu(running))
        return;
    this_cpu(running) = true;
    atomic_fetch_and_explicit(&arch_current()->work, ~(uint32_t)THREAD_WORK_DPC, memory_order_relaxed);
    // Before the list is taken: what is raised or asked for later sets it again.
    atomic_exchange_explicit(&this_cpu(run_queue).dpc_pending, false, memory_order_seq_cst);
    for (struct dpc *list = take_all(); list; list = list ? list : take_all()) {
        struct dpc *dpc = list;
        list = dpc->next;
        void (*run)(struct dpc *) = dpc->run;
        // May be raised again, or freed, from here on. An exchange, not a store: whoever found it queued has left his
        // news for this run, which must see them, and only reading what he wrote to `queued` makes sure of it.
        atomic_exchange_explicit(&dpc->queued, false, memory_order_acq_rel);
        run(dpc);
    }
    rcu_poll();
    this_cpu(running) = false;
}
