// SPDX-License-Identifier: MPL-2.0
// Which address space is loaded on which CPU.
//
// A switch to a kernel thread loads nothing: the last user's address space stays (its kernel half is the same in
// all). So one may still be loaded on a CPU when its last thread is long gone, and must be pushed out before
// it is freed.

#include "sched_priv.h"
#include <arch/smp.h>
#include <arch/upcall.h>

static void load(struct run_queue *rq, struct arch_aspace *aspace) {
    atomic_store_explicit(&rq->loaded, aspace, memory_order_relaxed);
    arch_aspace_switch(aspace);
}

void sched_set_aspace(struct arch_aspace *aspace) {
    unsigned long irq = arch_irq_save();
    struct run_queue *rq = &this_cpu(run_queue);
    arch_current()->aspace = aspace;
    if (rq->loaded != aspace)
        load(rq, aspace);
    arch_irq_restore(irq);
}

void sched_aspace_forget(struct arch_aspace *aspace) {
    for (unsigned cpu = 0, count = arch_cpu_count(); cpu < count; cpu++) {
        struct run_queue *rq = &cpu_local(run_queue, cpu);
        while (atomic_load_explicit(&rq->loaded, memory_order_acquire) == aspace) {
            if (cpu == arch_cpu_id()) {
                unsigned long irq = arch_irq_save();
                load(rq, nullptr);
                arch_irq_restore(irq);
                break;
            }
            atomic_store_explicit(&rq->forget_lazy, true, memory_order_release);
            arch_ipi_send(cpu);
            for (unsigned i = 0; i < 10000 && atomic_load_explicit(&rq->loaded, memory_order_acquire) == aspace; i++)
                arch_cpu_relax();
        }
    }
}

// Interrupt context: between two instructions of whatever runs here, but not within a switch, which has interrupts off.
void sched_ipi(void) {
    struct run_queue *rq = &this_cpu(run_queue);
    struct thread *current = arch_current();
    if (atomic_load_explicit(&rq->forget_lazy, memory_order_relaxed)) {
        atomic_store_explicit(&rq->forget_lazy, false, memory_order_relaxed);
        if (!current->aspace && rq->loaded)
            load(rq, nullptr);
    }
    if (atomic_load_explicit(&this_cpu(dpc_poked), memory_order_acquire))
        atomic_fetch_or_explicit(&current->work, THREAD_WORK_DPC, memory_order_relaxed);
}
