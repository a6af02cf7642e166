// SPDX-License-Identifier: MPL-2.0
// The border to user mode: the slow way out of the kernel, and what exceptions in user mode become.
#include "exception.h"
#include "process/process_priv.h"
#include "process/rseq.h"
#include "signal_priv.h"
#include <arch/cpu.h>
#include <arch/upcall.h>
#include <mm/aspace.h>
#include <sched/sched.h>

// Interrupts are off on entry and exit. THREAD_WORK_TRACE stays set: it is a mode, not something to be done.
void user_return_work(struct arch_frame *frame) {
    struct thread *thread = arch_current();
    (void)frame;
    for (;;) {
        uint32_t work = atomic_load_explicit(&thread->work, memory_order_acquire) & ~THREAD_WORK_TRACE;
        if (work == 0)
            return;
        atomic_fetch_and_explicit(&thread->work, ~(work & (THREAD_WORK_SIGNAL | THREAD_WORK_RSEQ)),
                                  memory_order_acq_rel);
        arch_irq_enable();
        if (work & (THREAD_WORK_RESCHED | THREAD_WORK_DPC))
            sched_service_work(work & (THREAD_WORK_RESCHED | THREAD_WORK_DPC));
        if (work & THREAD_WORK_RSEQ)
            rseq_fix_up();
        if (work & THREAD_WORK_SIGNAL)
            signal_deliver();
        arch_irq_disable();
    }
}

// True: an exception port's receiver has seen to it.
static bool fault(int signal, int code, vaddr_t address) {
    if (exception_handle(signal, code, address))
        return true;
    signal_force(signal, code, address);
    return false;
}

bool trap_user_page_fault(vaddr_t address, unsigned access) {
    struct process *process = process_current();
    status_t status = aspace_fault(aspace_current(), address, access);
    if (LIKELY(status == 0)) {
        atomic_store_explicit(&process->min_faults,
                              atomic_load_explicit(&process->min_faults, memory_order_relaxed) + 1,
                              memory_order_relaxed); // a count lost between two threads does no harm
        return true;
    }
    switch (status) {
    case -EACCES:
        return fault(SIGSEGV, SEGV_ACCERR, address);
    case -ENOMEM:
        switch (memory_is_short()) {
        case MEMORY_AGAIN:
            return true;
        case MEMORY_KILLED:
            return false;
        case MEMORY_FAULT:
            return fault(SIGBUS, BUS_ADRERR, address);
        }
        return false;
    case -EINTR: // killed while it waited for a page
        return false;
    case -EIO:
    case -ENXIO:
    case -ENOSPC:
        return fault(SIGBUS, BUS_ADRERR, address);
    default:
        return fault(SIGSEGV, SEGV_MAPERR, address);
    }
}

void trap_user_exception(int signal, int code, vaddr_t address, unsigned trap_number, unsigned long error) {
    (void)trap_number;
    (void)error;
    (void)fault(signal, code, address);
}
