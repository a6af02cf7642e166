// SPDX-License-Identifier: MPL-2.0
// Into the kernel and out of it: system calls, exceptions, interrupts. docs/arch.md counts the instructions.
//
// Every way in leaves a struct arch_frame: at the top of the thread's kernel stack when it came from user mode (where
// signals, ptrace and fork find it), below the interrupted code's frames when it came from the kernel. The CPU keeps
// two stack pointers and user mode has its own, so at an entry from user mode sp is the end of the kernel stack, and
// the word above it tells the thread. In the kernel SP_EL0 holds that.
//
// C preserves x19-x29. So a system call leaves them where they are, and only the slow way out stores them: whatever
// looks at the frame of a call (signals, ptrace, a core dump) runs there. Calls that need them at once (clone) come
// through WHOLE_FRAME. A frame that is whole already, or was changed by arch_frame_changed(), has arch_work set.
//
// Out: x19-x29 are not loaded again either, unless arch_frame_changed() announced that the frame is not what came in.
// `work` and `arch_work` of the thread are tested as one word with interrupts off.
//
// There are two tables of vectors, the second for CPUs with pointer authentication: it gives the kernel its own
// instruction key at the entries from user mode and the thread's back at the exits. arm64_cpu_init chooses.
#include "cpu/asm.h"

// --- from user mode ---

// All but x20-x29; x19 comes along.
.macro SAVE_USER_CALLER
    stp x0, x1, [sp, #-FRAME_SIZE]!
    stp x2, x3, [sp, #FRAME_X(2)]
    stp x4, x5, [sp, #FRAME_X(4)]
    stp x6, x7, [sp, #FRAME_X(6)]
    stp x8, x9, [sp, #FRAME_X(8)]
    stp x10, x11, [sp, #FRAME_X(10)]
    stp x12, x13, [sp, #FRAME_X(12)]
    stp x14, x15, [sp, #FRAME_X(14)]
    stp x16, x17, [sp, #FRAME_X(16)]
    stp x18, x19, [sp, #FRAME_X(18)]
    mrs x9, sp_el0
    stp x30, x9, [sp, #FRAME_X(30)]
    mrs x9, elr_el1
    mrs x10, spsr_el1
    stp x9, x10, [sp, #FRAME_PC]
.endm
.macro SAVE_CALLEE frame
    stp x20, x21, [\frame, #FRAME_X(20)]
    stp x22, x23, [\frame, #FRAME_X(22)]
    stp x24, x25, [\frame, #FRAME_X(24)]
    stp x26, x27, [\frame, #FRAME_X(26)]
    stp x28, x29, [\frame, #FRAME_X(28)]
.endm
.macro SAVE_USER
    SAVE_USER_CALLER
    SAVE_CALLEE sp
.endm

// x9 becomes the current thread.
.macro ENTER pauth
    ldr x9, [sp, #FRAME_SIZE]
    msr sp_el0, x9
    .if \pauth
    ldr x10, [x9, #THREAD_KEYS_OFF]
    tbz x10, #SCTLR_ENIA_BIT, 771f
    mrs x10, sctlr_el1
    orr x10, x10, #1 << SCTLR_ENIA_BIT
    msr sctlr_el1, x10
771:
    adrp x10, arm64_kernel_key
    add x10, x10, :lo12:arm64_kernel_key
    ldp x10, x11, [x10]
    msr s3_0_c2_c1_0, x10 // APIAKeyLo_EL1
    msr s3_0_c2_c1_1, x11 // APIAKeyHi_EL1
    isb
    .endif
.endm

// What entries from the kernel spoil meanwhile; x9 is the current thread, the frame begins `below` bytes below sp.
.macro LEAVE pauth, below=0
    .if \pauth
    ldr x10, [x9, #THREAD_KEYS_OFF]
    tbz x10, #SCTLR_ENIA_BIT, 771f
    mrs x10, sctlr_el1
    and x10, x10, #~(1 << SCTLR_ENIA_BIT)
    msr sctlr_el1, x10
771:
    ldp x10, x11, [x9, #THREAD_KEYS_IA]
    msr s3_0_c2_c1_0, x10
    msr s3_0_c2_c1_1, x11
    .endif
    ldp x9, x10, [sp, #FRAME_PC - \below]
    msr elr_el1, x9
    msr spsr_el1, x10
    ldp x30, x11, [sp, #FRAME_X(30) - \below]
    msr sp_el0, x11
.endm

.macro RESTORE_FROM_X9
    ldp x9, x10, [sp, #FRAME_X(9)]
    ldp x11, x12, [sp, #FRAME_X(11)]
    ldp x13, x14, [sp, #FRAME_X(13)]
    ldp x15, x16, [sp, #FRAME_X(15)]
    ldp x17, x18, [sp, #FRAME_X(17)]
    add sp, sp, #FRAME_SIZE
.endm
// The system call's way: x0 is the result.
.macro RESTORE_BUT_X0
    ldp x1, x2, [sp, #FRAME_X(1)]
    ldp x3, x4, [sp, #FRAME_X(3)]
    ldp x5, x6, [sp, #FRAME_X(5)]
    ldp x7, x8, [sp, #FRAME_X(7)]
    RESTORE_FROM_X9
.endm
// What C does not preserve.
.macro RESTORE_CALLER
    ldp x2, x3, [sp, #FRAME_X(2)]
    ldp x4, x5, [sp, #FRAME_X(4)]
    ldp x6, x7, [sp, #FRAME_X(6)]
    ldp x8, x9, [sp, #FRAME_X(8)]
    ldp x10, x11, [sp, #FRAME_X(10)]
    ldp x12, x13, [sp, #FRAME_X(12)]
    ldp x14, x15, [sp, #FRAME_X(14)]
    ldp x16, x17, [sp, #FRAME_X(16)]
    ldr x18, [sp, #FRAME_X(18)]
    ldp x0, x1, [sp], #FRAME_SIZE
.endm
.macro RESTORE_CALLEE
    ldr x19, [sp, #FRAME_X(19)]
    ldp x20, x21, [sp, #FRAME_X(20)]
    ldp x22, x23, [sp, #FRAME_X(22)]
    ldp x24, x25, [sp, #FRAME_X(24)]
    ldp x26, x27, [sp, #FRAME_X(26)]
    ldp x28, x29, [sp, #FRAME_X(28)]
.endm
.macro RESTORE_ALL
    RESTORE_CALLEE
    RESTORE_CALLER
.endm

// Everything behind the vectors of one table.
.macro USER_ENTRIES name, pauth
    .section .text.\name, "ax", @progbits
    .type \name\()_entries, @function
    .balign 16
\name\()_entries:
.Lsvc_\name:
    ENTER \pauth
    msr daifclr, #6 // interrupts and SError
    stp x0, x8, [sp, #FRAME_ORIG_X0]
    ldp x10, x11, [x9, #THREAD_SYSCALL_LIMIT]
    cmp w8, w10
    b.hs .Lslow_call_\name
.Lcall_\name:
    ldr x10, [x11, w8, uxtw #3]
    blr x10
.Lcalled_\name:
    msr daifset, #2
    mrs x9, sp_el0
    ldr x10, [x9, #THREAD_WORK]
    cbnz x10, .Lcalled_work_\name
    LEAVE \pauth
    RESTORE_BUT_X0
    eret

// Beyond the table, or every call is, or was a moment ago, to be traced. As on Linux only the low half of x8 counts.
.Lslow_call_\name:
    ldr w10, [x9, #THREAD_WORK]
    tbnz w10, #WORK_TRACE_BIT, 1f
    cmp w8, #SYSCALL_COUNT
    b.lo .Lcall_\name
    sxtw x0, w8
    bl syscall_unknown
    b .Lcalled_\name
1:  SAVE_CALLEE sp
    mov w10, #1
    str w10, [x9, #THREAD_ARCH_WORK]
    mov x0, sp
    bl syscall_traced
    b .Lcalled_\name

.Lirq_\name:
    ENTER \pauth
    mov x9, #-1
    str x9, [sp, #FRAME_SYSCALL]
    mov w0, #1
    bl arm64_interrupt
    b .Lleave_\name

.Ltrap_\name:
    SAVE_CALLEE sp
    ENTER \pauth
    mov x9, #-1
    str x9, [sp, #FRAME_SYSCALL]
    mov x0, sp
    mrs x1, esr_el1
    mrs x2, far_el1
    bl arm64_trap_user
    msr daifset, #2
.Lleave_\name:
    mrs x9, sp_el0
    ldr x10, [x9, #THREAD_WORK]
    cbnz x10, arm64_leave_slow_\name
    LEAVE \pauth
    RESTORE_CALLER
    eret

.Lcalled_work_\name:
    str x0, [sp]
    ldr w10, [x9, #THREAD_ARCH_WORK]
    cbnz w10, arm64_leave_slow_\name
    SAVE_CALLEE sp
arm64_leave_slow_\name:
    mov x0, sp
    bl arm64_exit_slow
    mrs x9, sp_el0
    LEAVE \pauth
    RESTORE_ALL
    eret

.Lfatal_\name: // an SError or FIQ
    ENTER \pauth
    mov x0, sp
    mrs x1, esr_el1
    mov x2, x12
    bl arm64_trap_fatal
    brk #0
.endm

// To the code of this CPU's table. x11 is lost.
.macro BY_PAUTH label
    adrp x11, arm64_features + FEATURES_PAUTH
    ldrb w11, [x11, #:lo12:arm64_features + FEATURES_PAUTH]
    cbz w11, \label\()arm64_vectors
    b \label\()arm64_vectors_pauth
.endm

// Runs the exit work of the current thread and enters user mode with its frame.
FUNCTION arch_enter_user
    msr daifset, #2
    mrs x9, sp_el0
    ldr x9, [x9, #THREAD_STACK_TOP]
    sub sp, x9, #FRAME_SIZE
    mov x29, xzr
    BY_PAUTH arm64_leave_slow_
END arch_enter_user

// A system call that needs its whole frame: the linker puts this before the function (port.mk, --wrap). The registers
// are as the program had them: so far only the entry code has run, unless the call is traced.
.macro WHOLE_FRAME call
FUNCTION __wrap_\call
    mrs x9, sp_el0
    ldr w10, [x9, #THREAD_ARCH_WORK]
    cbnz w10, 1f
    ldr x10, [x9, #THREAD_STACK_TOP]
    sub x10, x10, #FRAME_SIZE
    SAVE_CALLEE x10
    mov w10, #1
    str w10, [x9, #THREAD_ARCH_WORK]
1:  b __real_\call
END __wrap_\call
.endm
WHOLE_FRAME sys_clone
WHOLE_FRAME sys_clone3

// --- calls that may park, and continuations: see arch/thread.h ---

// The linker puts this before the table's function, as above. They come from the code above alone, which has left
// registers and sp as they were.
.macro STRAIGHT call, straight
FUNCTION __wrap_\call
    SAVE_CALLEE sp
    b \straight
END __wrap_\call
.endm
STRAIGHT sys_fipc_call, fipc_call_straight
STRAIGHT sys_fipc_reply_recv, fipc_reply_recv_straight
STRAIGHT sys_fipc_call_words, fipc_call_words_straight
STRAIGHT sys_fipc_reply_recv_words, fipc_reply_recv_words_straight
STRAIGHT sys_object_wait, object_wait_straight

// The second load of these two, which all CPUs need, is where those with pointer authentication turn off.
.macro LOAD_WORK
    ldr x10, [x9, #THREAD_WORK]
.endm
.macro LOAD_WORK_OR_BRANCH label
    PATCHED FEATURES_PAUTH, "LOAD_WORK", "b \label"
.endm

.macro RESTORE_FROM_X10 below=0
    ldp x10, x11, [sp, #FRAME_X(10) - \below]
    ldp x12, x13, [sp, #FRAME_X(12) - \below]
    ldp x14, x15, [sp, #FRAME_X(14) - \below]
    ldp x16, x17, [sp, #FRAME_X(16) - \below]
    ldp x18, x19, [sp, #FRAME_X(18) - \below]
    ldp x20, x21, [sp, #FRAME_X(20) - \below]
    ldp x22, x23, [sp, #FRAME_X(22) - \below]
    ldp x24, x25, [sp, #FRAME_X(24) - \below]
    ldp x26, x27, [sp, #FRAME_X(26) - \below]
    ldp x28, x29, [sp, #FRAME_X(28) - \below]
.endm

// x10 is the thread's work, x9 the thread, its frame is at sp, x0 its result. The user window may be open.
.macro RESUME_USER name, pauth
    cbnz x10, 1f
    LEAVE \pauth
    ldp x2, x3, [sp, #FRAME_X(2)]
    ldp x4, x5, [sp, #FRAME_X(4)]
    ldp x6, x7, [sp, #FRAME_X(6)]
    ldp x8, x9, [sp, #FRAME_X(8)]
    RESTORE_FROM_X10
    ldp xzr, x1, [sp], #FRAME_SIZE
    eret
1:  WINDOW_CLOSE
    str x0, [sp]
    b arm64_leave_slow_\name
.endm

// Likewise, but sp is WORDS_BELOW into the frame, and x0-x6 are to be what they are.
#define WORDS_BELOW FRAME_X(8)
.macro RESUME_WORDS name, pauth
    cbnz x10, 1f
    LEAVE \pauth, WORDS_BELOW
    ldr x7, [sp, #FRAME_X(7) - WORDS_BELOW]
    RESTORE_FROM_X10 WORDS_BELOW
    ldp x8, x9, [sp], #FRAME_SIZE - WORDS_BELOW
    eret
1:  sub sp, sp, #WORDS_BELOW
    stp x0, x1, [sp]
    stp x2, x3, [sp, #FRAME_X(2)]
    stp x4, x5, [sp, #FRAME_X(4)]
    str x6, [sp, #FRAME_X(6)]
    b arm64_leave_slow_\name
.endm

// Of arch_thread_resume_user: x9 is the thread, x10 where to say that the stack was left.
LABEL arm64_resume_user
    mov x0, #0
.Lresume_user:
    ldr x11, [x9, #THREAD_STACK_TOP]
    sub sp, x11, #FRAME_SIZE
    stlrb wzr, [x10]
    LOAD_WORK_OR_BRANCH .Lresume_pauth
    RESUME_USER arm64_vectors, 0
.Lresume_pauth:
    LOAD_WORK
    RESUME_USER arm64_vectors_pauth, 1
END arm64_resume_user

// Of arch_stack_switch_user: from x1 to x9, which has x0; x10: likewise. Returns as arm64_switch_stacks (switch.S), by
// that.
LABEL arm64_switch_to_user
    hint #25 // paciasp
    stp x29, x30, [sp, #-16]!
    mov x11, sp
    str x11, [x1, #THREAD_STACK_POINTER]
    b .Lresume_user
END arm64_switch_to_user

// Of arch_thread_resume_words: from x12 to x9, which has x0 and x6. The message is on the stack that is left.
LABEL arm64_resume_words
    ldr x12, [x12, #THREAD_STACK_TOP]
    ldr x11, [x9, #THREAD_STACK_TOP]
    ldp x1, x2, [x12, #FRAME_X(1) - FRAME_SIZE]
    ldp x3, x4, [x12, #FRAME_X(3) - FRAME_SIZE]
    ldr x5, [x12, #FRAME_X(5) - FRAME_SIZE]
    sub sp, x11, #FRAME_SIZE - WORDS_BELOW
    stlrb wzr, [x10]
    LOAD_WORK_OR_BRANCH .Lresume_words_pauth
    RESUME_WORDS arm64_vectors, 0
.Lresume_words_pauth:
    LOAD_WORK
    RESUME_WORDS arm64_vectors_pauth, 1
END arm64_resume_words

// Where a parked thread goes on: x0 is the previous thread, x29 is 0, the end of backtraces.
FUNCTION arm64_thread_parked_code
    mrs x9, sp_el0
    ldr x9, [x9, #THREAD_STACK_TOP]
    sub sp, x9, #FRAME_SIZE
    bl sched_thread_continue
    brk #0
END arm64_thread_parked_code

// arch_syscall_return(long result)
FUNCTION arch_syscall_return
    mrs x9, sp_el0
    ldr x9, [x9, #THREAD_STACK_TOP]
    sub sp, x9, #FRAME_SIZE
    RESTORE_CALLEE
    BY_PAUTH .Lcalled_
END arch_syscall_return

// --- from the kernel ---

// x29 then points at the saved x29 and x30, a frame record: backtraces go on in what was interrupted.
.macro SAVE_KERNEL_CALLER
    stp x0, x1, [sp, #-FRAME_SIZE]!
    stp x2, x3, [sp, #FRAME_X(2)]
    stp x4, x5, [sp, #FRAME_X(4)]
    stp x6, x7, [sp, #FRAME_X(6)]
    stp x8, x9, [sp, #FRAME_X(8)]
    stp x10, x11, [sp, #FRAME_X(10)]
    stp x12, x13, [sp, #FRAME_X(12)]
    stp x14, x15, [sp, #FRAME_X(14)]
    stp x16, x17, [sp, #FRAME_X(16)]
    str x18, [sp, #FRAME_X(18)]
    stp x29, x30, [sp, #FRAME_X(29)]
    mrs x9, elr_el1
    mrs x10, spsr_el1
    stp x9, x10, [sp, #FRAME_PC]
    add x29, sp, #FRAME_X(29)
.endm
.macro SAVE_KERNEL_CALLEE // for whoever prints the registers
    str x19, [sp, #FRAME_X(19)]
    str x20, [sp, #FRAME_X(20)]
    stp x21, x22, [sp, #FRAME_X(21)]
    stp x23, x24, [sp, #FRAME_X(23)]
    stp x25, x26, [sp, #FRAME_X(25)]
    stp x27, x28, [sp, #FRAME_X(27)]
    add x9, sp, #FRAME_SIZE
    str x9, [sp, #FRAME_SP]
    mov x9, #-1
    str x9, [sp, #FRAME_SYSCALL]
.endm
.macro LEAVE_KERNEL
    ldp x9, x10, [sp, #FRAME_PC]
    msr elr_el1, x9
    msr spsr_el1, x10
    ldp x29, x30, [sp, #FRAME_X(29)]
    RESTORE_CALLER
    eret
.endm

    .section .text.arm64_kernel_entries, "ax", @progbits
    .balign 16
.globl arm64_kernel_irq, arm64_kernel_trap, arm64_kernel_fatal, arm64_kernel_overflow
.hidden arm64_kernel_irq, arm64_kernel_trap, arm64_kernel_fatal, arm64_kernel_overflow
arm64_kernel_irq:
    SAVE_KERNEL_CALLER
    mov w0, #0
    bl arm64_interrupt
    LEAVE_KERNEL

// x0 was put into TPIDRRO_EL0 by the vector and is back.
arm64_kernel_trap:
    SAVE_KERNEL_CALLER
    SAVE_KERNEL_CALLEE
    msr tpidrro_el0, xzr
    mov x0, sp
    mrs x1, esr_el1
    mrs x2, far_el1
    bl arm64_trap_kernel
    LEAVE_KERNEL

// There is no room for a frame below sp. On to this CPU's overflow stack; the thread ends here, so its TLS register may
// hold the stack pointer meanwhile, and TPIDRRO_EL0 still holds x0.
arm64_kernel_overflow:
    mov x0, sp
    msr tpidr_el0, x0
    adrp x0, arm64_overflow_stack_end
    add x0, x0, :lo12:arm64_overflow_stack_end
    mov sp, x0
    mrs x0, tpidr_el1
    add sp, sp, x0
    mrs x0, tpidrro_el0
    SAVE_KERNEL_CALLER
    SAVE_KERNEL_CALLEE
    mrs x9, tpidr_el0
    str x9, [sp, #FRAME_SP]
    mov x0, sp
    mrs x1, esr_el1
    mrs x2, far_el1
    bl arm64_trap_overflow
    brk #0

// What must not happen at all. x12 is lost: it says which.
arm64_kernel_fatal:
    SAVE_KERNEL_CALLER
    SAVE_KERNEL_CALLEE
    mov x0, sp
    mrs x1, esr_el1
    mov x2, x12
    bl arm64_trap_fatal
    brk #0

// --- the vectors: 16, of 32 instructions each ---

// enum fatal_entry of cpu_priv.h
#define FATAL_FIQ 0
#define FATAL_SERROR 1
#define FATAL_STACK 2

.macro VECTOR
    .balign 128
.endm
.macro VECTOR_FATAL which
    VECTOR
    mov x12, #\which
    b arm64_kernel_fatal
.endm
.macro VECTOR_USER_FATAL name, which
    VECTOR
    SAVE_USER
    mov x12, #\which
    b .Lfatal_\name
.endm

.macro VECTORS name, pauth
    USER_ENTRIES \name, \pauth
    .globl \name
    .hidden \name
    .balign 2048
\name:
    // With SP_EL0 as the stack pointer: the kernel never does.
    VECTOR_FATAL FATAL_STACK
    VECTOR_FATAL FATAL_STACK
    VECTOR_FATAL FATAL_STACK
    VECTOR_FATAL FATAL_STACK

    // From the kernel. Would the frame's lowest word fault, or the stack pointer itself?
    VECTOR
    msr tpidrro_el0, x0
    sub x0, sp, #FRAME_SIZE
    at s1e1w, x0
    isb
    mrs x0, par_el1
    tbnz x0, #0, arm64_kernel_overflow
    mov x0, sp
    tst x0, #15
    b.ne arm64_kernel_overflow
    mrs x0, tpidrro_el0
    b arm64_kernel_trap
    VECTOR
    b arm64_kernel_irq
    VECTOR_FATAL FATAL_FIQ
    VECTOR_FATAL FATAL_SERROR

    // From user mode.
    VECTOR
    SAVE_USER_CALLER
    mrs x9, esr_el1
    lsr x9, x9, #ESR_CLASS_SHIFT
    cmp x9, #ESR_CLASS_SVC
    b.eq .Lsvc_\name
    b .Ltrap_\name
    VECTOR
    SAVE_USER
    b .Lirq_\name
    VECTOR_USER_FATAL \name, FATAL_FIQ
    VECTOR_USER_FATAL \name, FATAL_SERROR

    // From 32-bit user mode, which no frame leads to: a trap that the C code knows no name for, a SIGILL.
    VECTOR
    SAVE_USER_CALLER
    b .Ltrap_\name
    VECTOR
    SAVE_USER
    b .Lirq_\name
    VECTOR_USER_FATAL \name, FATAL_FIQ
    VECTOR_USER_FATAL \name, FATAL_SERROR
    .balign 128
.endm
VECTORS arm64_vectors, 0
VECTORS arm64_vectors_pauth, 1

    .section .percpu, "a", @progbits
    .balign 64
    .zero 8192
    .globl arm64_overflow_stack_end
    .hidden arm64_overflow_stack_end
arm64_overflow_stack_end:
