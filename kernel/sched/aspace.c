// SPDX-License-Identifier: MPL-2.0
// The address space of the current thread.
//
// Which one a CPU has loaded is the port's business alone (a second record of it here would go stale when one is freed
// and another made at the same address). At a switch to a kernel thread the last user's space may stay, if the port has
// the same kernel half in all; arch_aspace_fini pushes it out of every CPU before it is freed.

#include "sched_priv.h"
#include <arch/switch.h>
#include <arch/upcall.h>

void sched_set_aspace(struct arch_aspace *aspace) {
    unsigned long irq = arch_irq_save();
    arch_current()->aspace = aspace;
    arch_aspace_switch(aspace);
    arch_irq_restore(irq);
}

// Interrupt context: between two instructions of whatever runs here, but not within a switch, which has interrupts off.
void sched_ipi(void) {
    barrier_interrupt();
    if (dpc_is_pending(&this_cpu(run_queue)))
        atomic_fetch_or_explicit(&arch_current()->work, THREAD_WORK_DPC, memory_order_relaxed);
}
