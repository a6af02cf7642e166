// SPDX-License-Identifier: MPL-2.0
// A barrier on other CPUs: membarrier's work, which lets programs leave the barriers out of their fast paths.
//
// Barriers are numbered. Who wants one takes a number, interrupts the CPUs concerned, and waits until each has passed
// it. The interrupt executes a full fence between what the CPU did before and the number that it publishes; the return
// from it synchronises the instruction stream.
//
// A CPU that does not run the address space in question need not be interrupted: its queue's lock, taken to look,
// orders us with its last switch away from the space, and with its next switch to it.

#include "sched_priv.h"
#include <arch/smp.h>

static _Atomic uint64_t wanted;
static _Atomic uint64_t passed PER_CPU;

void barrier_interrupt(void) {
    uint64_t number = atomic_load_explicit(&wanted, memory_order_seq_cst);
    if (LIKELY(number == atomic_load_explicit(&this_cpu(passed), memory_order_relaxed)))
        return;
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&this_cpu(passed), number, memory_order_release);
}

static bool is_concerned(unsigned cpu, const struct arch_aspace *aspace) {
    struct run_queue *rq = &cpu_local(run_queue, cpu);
    spin_lock(&rq->lock);
    bool runs = rq->current->aspace == aspace;
    spin_unlock(&rq->lock);
    return runs;
}

void sched_barrier(const struct arch_aspace *aspace) {
    unsigned self = arch_cpu_id();
    uint64_t concerned = 0;
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t number = atomic_fetch_add_explicit(&wanted, 1, memory_order_seq_cst) + 1;
    for (unsigned cpu = 0, count = arch_cpu_count(); cpu < count; cpu++) {
        if (cpu == self || (aspace != nullptr && !is_concerned(cpu, aspace)))
            continue;
        concerned |= 1ull << cpu;
        arch_ipi_send(cpu);
    }
    for (; concerned != 0; concerned &= concerned - 1) { // others that wait for us interrupt us meanwhile
        _Atomic uint64_t *at = &cpu_local(passed, (unsigned)__builtin_ctzll(concerned));
        while (atomic_load_explicit(at, memory_order_acquire) < number)
            arch_cpu_relax();
    }
    atomic_thread_fence(memory_order_seq_cst);
}
