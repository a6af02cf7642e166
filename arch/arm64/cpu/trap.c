// SPDX-License-Identifier: MPL-2.0
// Exceptions, and the slow way out to user mode.
//
// In user mode an exception becomes a signal, or for aborts what mm makes of it. In the kernel only one is legal: an
// abort at a user address in an instruction of the exception table. All else is a bug and panics.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <abi/signal.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/upcall.h>
#include <common/extable.h>
#include <lib/assert.h>

#define TRACE_WORK 8u // THREAD_WORK_TRACE: a mode, not something to be done

static const char *class_name(uint64_t esr) {
    switch (esr_class(esr)) {
    case ESR_UNKNOWN:
        return "undefined instruction";
    case ESR_VECTOR_UNIT:
        return "vector instruction";
    case ESR_BTI:
        return "branch to no landing pad";
    case ESR_ILLEGAL_STATE:
        return "illegal execution state";
    case ESR_SYSTEM_REGISTER:
        return "system register trap";
    case ESR_FPAC:
        return "pointer authentication failure";
    case ESR_FETCH_KERNEL:
        return "instruction fault";
    case ESR_DATA_KERNEL:
        return "page fault";
    case ESR_PC_ALIGNMENT:
        return "crooked program counter";
    case ESR_SP_ALIGNMENT:
        return "crooked stack pointer";
    case ESR_SERROR:
        return "system error";
    case ESR_BRK:
        return "breakpoint";
    default:
        return "exception";
    }
}

[[noreturn]] static void kernel_bug(const struct arch_frame *frame, const char *what, uint64_t esr, vaddr_t far) {
    const uint64_t *x = frame->regs;
#define X(n) (unsigned long long)x[n]
    panic("%s in the kernel at %pS\n"
          "esr %llx far %016llx pstate %llx sp %016llx\n"
          "x0  %016llx x1  %016llx x2  %016llx x3  %016llx\n"
          "x4  %016llx x5  %016llx x6  %016llx x7  %016llx\n"
          "x8  %016llx x9  %016llx x10 %016llx x11 %016llx\n"
          "x12 %016llx x13 %016llx x14 %016llx x15 %016llx\n"
          "x16 %016llx x17 %016llx x18 %016llx x19 %016llx\n"
          "x20 %016llx x21 %016llx x22 %016llx x23 %016llx\n"
          "x24 %016llx x25 %016llx x26 %016llx x27 %016llx\n"
          "x28 %016llx x29 %016llx x30 %016llx",
          what, (void *)frame->pc, (unsigned long long)esr, (unsigned long long)far, (unsigned long long)frame->pstate,
          (unsigned long long)frame->sp, X(0), X(1), X(2), X(3), X(4), X(5), X(6), X(7), X(8), X(9), X(10), X(11),
          X(12), X(13), X(14), X(15), X(16), X(17), X(18), X(19), X(20), X(21), X(22), X(23), X(24), X(25), X(26),
          X(27), X(28), X(29), X(30));
#undef X
}

// --- aborts: a data access or an instruction fetch that failed ---

static bool is_fetch(uint64_t esr) {
    return esr_class(esr) == ESR_FETCH_USER;
}

static unsigned fault_access(uint64_t esr) {
    unsigned access = is_fetch(esr)                                  ? FAULT_EXEC
                      : (esr & (ESR_WRITE | ESR_CACHE)) == ESR_WRITE ? FAULT_WRITE
                                                                     : FAULT_READ;
    return ESR_FAULT_KIND(esr) == ESR_FAULT_TRANSLATION ? access : access | FAULT_PRESENT;
}

// The tables say no, which mm can change.
static bool is_page_fault(uint64_t esr) {
    unsigned fault = ESR_FAULT_KIND(esr);
    return fault == ESR_FAULT_TRANSLATION || fault == ESR_FAULT_PERMISSION;
}

// A signal frame may not tell whether a kernel address is mapped.
static uint64_t esr_of_kernel_address(uint64_t esr) {
    uint64_t keep = is_fetch(esr) ? 0 : ESR_WRITE | ESR_CACHE;
    return (esr & (63ul << 26 | ESR_LONG | keep)) | ESR_FAULT_TRANSLATION;
}

// What signal frames tell of the last fault that became a signal.
static void note_fault(vaddr_t address, uint64_t esr) {
    struct arch_thread *thread = arch_of(arch_current());
    thread->fault_address = address;
    thread->fault_esr = esr;
}

static void abort_user(uint64_t esr, vaddr_t far) {
    vaddr_t address = untagged(far);
    if (LIKELY(is_page_fault(esr))) {
        unsigned access = fault_access(esr);
        if (UNLIKELY(address >= ARCH_USER_TOP)) {
            esr = esr_of_kernel_address(esr);
            access &= ~(unsigned)FAULT_PRESENT;
        }
        if (UNLIKELY(!trap_user_page_fault(address, access)))
            note_fault(address, esr);
        return;
    }
    note_fault(address, esr);
    unsigned fault = ESR_FAULT(esr);
    bool external = fault >= ESR_FAULT_EXTERNAL && fault < 0x20;
    if (fault == ESR_FAULT_ALIGNMENT)
        trap_user_exception(SIGBUS, BUS_ADRALN, address, esr_class(esr), esr);
    else if (external || fault == ESR_FAULT_EXCLUSIVE)
        trap_user_exception(SIGBUS, BUS_OBJERR, address, esr_class(esr), esr);
    else // addresses that no table entry could hold, conflicting entries
        trap_user_exception(SIGKILL, SI_KERNEL, address, esr_class(esr), esr);
}

// --- from user mode ---

// `told`: the syndrome, where a frame shows one.
static void signal_from(int signal, int code, vaddr_t address, uint64_t esr, uint64_t told) {
    note_fault(0, told);
    trap_user_exception(signal, code, address, esr_class(esr), esr);
}

// All but aborts and the vector unit. Interrupts on.
static void exception_user(struct arch_frame *frame, uint64_t esr, vaddr_t far) {
    switch (esr_class(esr)) {
    case ESR_WAIT:
        frame->pc += 4;
        break;
    case ESR_UNKNOWN:
    case ESR_SYSTEM_REGISTER:
        if (!idregs_emulate(frame, esr))
            signal_from(SIGILL, ILL_ILLOPC, frame->pc, esr, 0);
        break;
    case ESR_FPAC:
        signal_from(SIGILL, ILL_ILLOPN, frame->pc, esr, esr);
        break;
    case ESR_PC_ALIGNMENT:
        signal_from(SIGBUS, BUS_ADRALN, far, esr, esr);
        break;
    case ESR_SP_ALIGNMENT:
        signal_from(SIGBUS, BUS_ADRALN, frame->sp, esr, esr);
        break;
    case ESR_FLOAT:
        signal_from(SIGFPE, vector_float_code(esr), frame->pc, esr, 0);
        break;
    case ESR_BRK:
        signal_from(SIGTRAP, TRAP_BRKPT, frame->pc, esr, 0);
        break;
    case ESR_STEP_USER:
        step_disable();
        if (arch_of(arch_current())->step) // else another thread's, which ran here before: cpu/regset.c
            signal_from(SIGTRAP, TRAP_TRACE, frame->pc, esr, 0);
        break;
    case ESR_BTI:
        signal_from(SIGILL, ILL_ILLOPC, frame->pc, esr, 0);
        break;
    default: // illegal state, instruction sets that we do not offer, 32-bit code
        signal_from(SIGILL, ILL_ILLOPC, frame->pc, esr, esr);
        break;
    }
}

// A hardware breakpoint or watchpoint.
static void point_user(struct arch_frame *frame, uint64_t esr, vaddr_t far) {
    bool traced = atomic_load_explicit(work_of(arch_current()), memory_order_relaxed) & TRACE_WORK;
    bool hit = debug_trap_user(traced);
    arch_irq_enable();
    if (hit)
        signal_from(SIGTRAP, TRAP_HWBKPT, esr_class(esr) == ESR_WATCH_USER ? untagged(far) : frame->pc, esr, 0);
}

// Interrupts off on entry and, by the caller, after it.
void arm64_trap_user(struct arch_frame *frame, uint64_t esr, vaddr_t far) {
    switch (esr_class(esr)) {
    case ESR_DATA_USER:
    case ESR_FETCH_USER:
        arch_irq_enable();
        abort_user(esr, far);
        break;
    case ESR_VECTOR_UNIT:
        vector_first_use();
        break;
    case ESR_BREAK_USER:
    case ESR_WATCH_USER:
        point_user(frame, esr, far);
        break;
    default:
        arch_irq_enable();
        exception_user(frame, esr, far);
        break;
    }
}

// --- from the kernel ---

// Interrupts off on entry and exit; on for the fault's resolution. Code that has them off cannot wait for that: it goes
// to its fixup.
void arm64_trap_kernel(struct arch_frame *frame, uint64_t esr, vaddr_t far) {
    vaddr_t address = untagged(far);
    uintptr_t fixup = esr_class(esr) == ESR_DATA_KERNEL ? extable_find(frame->pc) : 0;
    if (fixup == 0 || is_kernel_half(address)) // the other side of a copy is the kernel's
        kernel_bug(frame, class_name(esr), esr, far);
    if (LIKELY(address < ARCH_USER_TOP && is_page_fault(esr) && (frame->pstate & ARM64_DAIF_IRQ) == 0)) {
        arch_irq_enable();
        bool resolved = trap_kernel_page_fault(address, fault_access(esr));
        arch_irq_disable();
        if (resolved)
            return;
    }
    frame->pc = fixup;
    if (arm64_features.pan)
        frame->pstate |= PSTATE_PAN; // closes the user window
}

void arm64_trap_overflow(struct arch_frame *frame, uint64_t esr, vaddr_t far) {
    kernel_bug(frame, IS_ALIGNED(frame->sp, 16ul) ? "stack overflow" : "crooked stack pointer", esr, far);
}

void arm64_trap_fatal(struct arch_frame *frame, uint64_t esr, enum fatal_entry entry) {
    static const char *const names[] = {"fast interrupt", "system error", "exception on the user's stack"};
    kernel_bug(frame, names[entry], esr, 0);
}

// --- the way out ---

// Interrupts off on entry and exit. All registers are restored from the frame afterwards.
void arm64_exit_slow(struct arch_frame *frame) {
    struct thread *self = arch_current();
    for (;;) {
        uint32_t work = atomic_load_explicit(work_of(self), memory_order_relaxed);
        if ((work & ~TRACE_WORK) != 0) {
            user_return_work(frame);
        } else if (*arch_work_of(self) != 0) {
            *arch_work_of(self) = 0;
        } else {
            arch_of(self)->syscall_limit = work & TRACE_WORK ? 0 : SYSCALL_TABLE_SIZE;
            if (UNLIKELY(arch_of(self)->step))
                step_enable();
            if (UNLIKELY((work & TRACE_WORK) && arch_of(self)->debug))
                debug_load();
            return;
        }
    }
}
