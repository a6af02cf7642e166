// SPDX-License-Identifier: MPL-2.0
// Exceptions, and the slow way out to user mode.
//
// In user mode an exception becomes a signal, or for page faults what mm makes of it. In the kernel only two are
// legal: a page fault at a user address in an instruction of the exception table, and a protection fault there (a
// state image that the processor refuses). All else is a bug and panics.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/upcall.h>
#include <common/extable.h>
#include <lib/assert.h>

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum {
    SI_KERNEL = 0x80,
    ILL_ILLOPN = 2,
    TRAP_HWBKPT = 4,
    BUS_ADRALN = 1,
    FPE_INTDIV = 1,
    FPE_FLTDIV = 3,
    FPE_FLTOVF = 4,
    FPE_FLTUND = 5,
    FPE_FLTRES = 6,
    FPE_FLTINV = 7
};

static const char *const trap_names[TRAP_COUNT] = {
    "divide error",
    "debug trap",
    "NMI",
    "breakpoint",
    "overflow",
    "bound",
    "invalid opcode",
    "no vector unit",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "protection fault",
    "page fault",
    "trap 15",
    "x87 error",
    "alignment",
    "machine check",
    "SIMD error",
    "virtualization",
    "control flow",
};

// Which signal an exception is; address: 0 none, 1 the instruction's.
struct trap_signal {
    uint8_t signal, code, address;
};
static const struct trap_signal trap_signals[TRAP_COUNT] = {
    [TRAP_DIVIDE] = {SIGFPE, FPE_INTDIV, 1},    [TRAP_BREAKPOINT] = {SIGTRAP, SI_KERNEL, 0},
    [TRAP_OVERFLOW] = {SIGSEGV, SI_KERNEL, 0},  [TRAP_BOUND] = {SIGSEGV, SI_KERNEL, 0},
    [TRAP_OPCODE] = {SIGILL, ILL_ILLOPN, 1},    [9] = {SIGFPE, SI_KERNEL, 0},
    [TRAP_TSS] = {SIGSEGV, SI_KERNEL, 0},       [TRAP_SEGMENT] = {SIGBUS, SI_KERNEL, 0},
    [TRAP_STACK] = {SIGBUS, SI_KERNEL, 0},      [TRAP_PROTECTION] = {SIGSEGV, SI_KERNEL, 0},
    [TRAP_ALIGNMENT] = {SIGBUS, BUS_ADRALN, 0},
};

static unsigned fault_access(uint64_t error) {
    unsigned access = error & 2 ? FAULT_WRITE : error & 16 ? FAULT_EXEC : FAULT_READ;
    return error & 1 ? access | FAULT_PRESENT : access;
}

// si_code of a floating point error from the flags that are raised and not masked.
static int float_code(unsigned raised) {
    if (raised & 1)
        return FPE_FLTINV;
    if (raised & 4)
        return FPE_FLTDIV;
    if (raised & 8)
        return FPE_FLTOVF;
    if (raised & (16 | 2))
        return FPE_FLTUND;
    return FPE_FLTRES;
}

static int float_error_code(unsigned trap) {
    if (trap == TRAP_SIMD) {
        uint32_t mxcsr;
        __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
        return float_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
    }
    uint16_t status, control;
    __asm__ volatile("fnstsw %0\n\tfnstcw %1\n\tfnclex" : "=m"(status), "=m"(control));
    return float_code(status & ~control & 0x3f);
}

static void page_fault_user(struct arch_frame *frame, uint64_t error) {
    vaddr_t address = read_cr2();
    arch_irq_enable();
    if (LIKELY(trap_user_page_fault(address, fault_access(error))))
        return;
    struct arch_thread *thread = arch_of(arch_current());
    thread->fault_address = address;
    thread->trap_number = TRAP_PAGE_FAULT;
    thread->trap_error = (uint32_t)error;
}

// Interrupts off on entry and, by the caller, after it.
void x86_trap_user(struct arch_frame *frame, unsigned trap) {
    uint64_t error = frame->orig_rax;
    frame->orig_rax = (uint64_t)-1;
    if (LIKELY(trap == TRAP_PAGE_FAULT)) {
        page_fault_user(frame, error);
        return;
    }
    if (trap == TRAP_NO_VECTOR_UNIT) {
        vector_first_use();
        return;
    }
    struct arch_thread *thread = arch_of(arch_current());
    thread->trap_number = trap;
    thread->trap_error = error == (uint64_t)-1 ? 0 : (uint32_t)error;
    error = thread->trap_error;
    if (trap == TRAP_DEBUG) {
        int code = debug_trap_user(frame);
        arch_irq_enable();
        if (code != 0)
            trap_user_exception(SIGTRAP, code, frame->rip, trap, error);
    } else if (trap == TRAP_X87 || trap == TRAP_SIMD) {
        int code = float_error_code(trap);
        arch_irq_enable();
        trap_user_exception(SIGFPE, code, frame->rip, trap, error);
    } else {
        struct trap_signal s = trap_signals[trap];
        if (s.signal == 0)
            panic("unexpected exception %u in user mode", trap);
        arch_irq_enable();
        trap_user_exception(s.signal, s.code, s.address ? frame->rip : 0, trap, error);
    }
}

[[noreturn]] static void kernel_bug(const struct arch_frame *frame, unsigned trap, uint64_t error) {
    panic("%s in the kernel at %pS\n"
          "error %llx address %016llx flags %llx\n"
          "rax %016llx rbx %016llx rcx %016llx rdx %016llx\n"
          "rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n"
          "r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n"
          "r12 %016llx r13 %016llx r14 %016llx r15 %016llx",
          trap < TRAP_COUNT && trap_names[trap] != nullptr ? trap_names[trap] : "exception", (void *)frame->rip,
          (unsigned long long)error, (unsigned long long)read_cr2(), (unsigned long long)frame->rflags,
          (unsigned long long)frame->rax, (unsigned long long)frame->rbx, (unsigned long long)frame->rcx,
          (unsigned long long)frame->rdx, (unsigned long long)frame->rsi, (unsigned long long)frame->rdi,
          (unsigned long long)frame->rbp, (unsigned long long)frame->rsp, (unsigned long long)frame->r8,
          (unsigned long long)frame->r9, (unsigned long long)frame->r10, (unsigned long long)frame->r11,
          (unsigned long long)frame->r12, (unsigned long long)frame->r13, (unsigned long long)frame->r14,
          (unsigned long long)frame->r15);
}

// Interrupts off on entry and exit; on for the fault's resolution. Code that has them off cannot wait for that: it goes
// to its fixup.
void x86_trap_kernel(struct arch_frame *frame, unsigned trap) {
    uint64_t error = frame->orig_rax;
    uintptr_t fixup = extable_find(frame->rip);
    if (fixup == 0)
        kernel_bug(frame, trap, error);
    if (trap == TRAP_PAGE_FAULT) {
        vaddr_t address = read_cr2();
        if (address >= ARCH_USER_TOP)
            kernel_bug(frame, trap, error);
        if (LIKELY((frame->rflags & FLAG_IF) != 0)) {
            arch_irq_enable();
            bool resolved = trap_kernel_page_fault(address, fault_access(error));
            arch_irq_disable();
            if (resolved)
                return;
        }
    } else if (trap != TRAP_PROTECTION && trap != TRAP_ALIGNMENT && trap != TRAP_STACK) {
        kernel_bug(frame, trap, error);
    }
    frame->rip = fixup;
    frame->rflags &= ~FLAG_AC; // closes the user window
}

void x86_trap_paranoid(struct arch_frame *frame, unsigned trap) {
    switch (trap) {
    case TRAP_NMI:
        x86_nmi();
        return;
    case TRAP_DEBUG:
        debug_trap_kernel(frame);
        return;
    default:
        kernel_bug(frame, trap, frame->orig_rax);
    }
}

// True: all registers must be restored from the frame. Interrupts off on entry and exit.
bool x86_exit_slow(struct arch_frame *frame) {
    struct thread *self = arch_current();
    bool all = false;
    for (;;) {
        // A traced thread keeps WORK_TRACE: it alone is no work.
        if ((atomic_load_explicit(work_of(self), memory_order_relaxed) & ~TRACE_WORK) != 0)
            user_return_work(frame);
        if (*arch_work_of(self) == 0) {
            uint32_t trace = atomic_load_explicit(work_of(self), memory_order_relaxed) & TRACE_WORK;
            arch_of(self)->syscall_limit = trace ? 0 : SYSCALL_TABLE_SIZE;
            if (UNLIKELY(trace && arch_of(self)->debug))
                debug_load();
            return all;
        }
        *arch_work_of(self) = 0;
        all = true;
        if (UNLIKELY(frame->rip >= (1ul << 47) && frame->rip < -(1ul << 47))) {
            // iret would fault in the kernel on this address; in user mode the jump itself faults.
            arch_irq_enable();
            trap_user_exception(SIGSEGV, SI_KERNEL, 0, TRAP_PROTECTION, 0);
            arch_irq_disable();
            *arch_work_of(self) = 1; // look again: a debugger may drop the signal
        }
    }
}
