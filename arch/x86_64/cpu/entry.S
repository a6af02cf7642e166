// SPDX-License-Identifier: MPL-2.0
// Into the kernel and out of it: system calls, exceptions, interrupts. docs/arch.md counts the instructions.
//
// Every way in leaves a struct arch_frame: at the top of the thread's kernel stack when it came from user mode
// (Linux's order of registers, so that signals, ptrace and fork find them), below the interrupted code's frames
// when it came from the kernel.
//
// GS: in the kernel its base is this CPU's per-CPU offset, in user mode the user's; swapgs at each crossing. NMI, machine
// check, double fault and debug traps can come between a crossing and its swapgs. They run on stacks of their own which lie
// in the per-CPU area, so the stack pointer tells them where that area is ("paranoid" below).
//
// Out: a system call restores only what C does not preserve and goes by sysret. The processor would fault
// on a non-canonical return address there, but none can occur: the address is that after a syscall instruction below
// USER_TOP, or one that arch_frame_changed() announced, and then the slow way (iret, all registers, address
// checked) is taken. `work` and `arch_work` of the thread are tested as one word with interrupts off.
#include "cpu/asm.h"

// r11 = flags, rcx = return address; rsp is the user's. Interrupts off (MSR_SYSCALL_MASK).
FUNCTION x86_syscall_entry
    swapgs
    movq %rsp, %gs:x86_user_sp(%rip)
    movq %gs:x86_tss+TSS_RSP0(%rip), %rsp
    pushq $USER_DS
    pushq %gs:x86_user_sp(%rip)
    pushq %r11
    pushq $USER_CS
    pushq %rcx
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq $ENOSYS_RESULT
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %gs:x86_current(%rip), %rcx
    subq $8, %rsp
    sti
    cmpq THREAD_SYSCALL_LIMIT(%rcx), %rax
    jae .Lslow_call
.Lin_table:
    leaq syscall_table(%rip), %r11
    movq %r10, %rcx
    call *(%r11, %rax, 8)
.Lcalled:
    cli
    movq %gs:x86_current(%rip), %rcx
    cmpq $0, THREAD_WORK(%rcx)
    jne .Lsyscall_work
.Lsysret:
    movq 8+FRAME_RDI(%rsp), %rdi
    movq 8+FRAME_RSI(%rsp), %rsi
    movq 8+FRAME_RDX(%rsp), %rdx
    movq 8+FRAME_R8(%rsp), %r8
    movq 8+FRAME_R9(%rsp), %r9
    movq 8+FRAME_R10(%rsp), %r10
    movq 8+FRAME_RIP(%rsp), %rcx
    movq 8+FRAME_RFLAGS(%rsp), %r11
    movq 8+FRAME_RSP(%rsp), %rsp
    swapgs
    sysretq

// Beyond the table, or every call is to be traced, or was until now. Linux looks at the low 32 bits only.
.Lslow_call:
    testl $WORK_TRACE, THREAD_WORK(%rcx)
    jnz 1f
    cmpq $SYSCALL_COUNT, %rax
    jb .Lin_table
    movslq %eax, %rdi
    call syscall_unknown
    jmp .Lcalled
1:  leaq 8(%rsp), %rdi
    call syscall_traced
    jmp .Lcalled

.Lsyscall_work:
    movq %rax, 8+FRAME_RAX(%rsp)
    leaq 8(%rsp), %rdi
    call x86_exit_slow
    testb %al, %al
    jnz .Lrestore_all
    movq 8+FRAME_RAX(%rsp), %rax
    jmp .Lsysret

.Lrestore_all:
    addq $8, %rsp
    jmp x86_restore_user
END x86_syscall_entry

// --- continuations: see arch/thread.h ---

// From the frame that ends at rsp.
.macro load_callee_saved
    movq FRAME_R15-FRAME_SIZE(%rsp), %r15
    movq FRAME_R14-FRAME_SIZE(%rsp), %r14
    movq FRAME_R13-FRAME_SIZE(%rsp), %r13
    movq FRAME_R12-FRAME_SIZE(%rsp), %r12
    movq FRAME_RBP-FRAME_SIZE(%rsp), %rbp
    movq FRAME_RBX-FRAME_SIZE(%rsp), %rbx
.endm

// The rest of it, and out.
.macro leave_by_sysret
    movq FRAME_RIP-FRAME_SIZE(%rsp), %rcx
    movq FRAME_RFLAGS-FRAME_SIZE(%rsp), %r11
    movq FRAME_RSP-FRAME_SIZE(%rsp), %rsp
    swapgs
    sysretq
.endm

// arch_thread_resume_user(struct thread *next, bool *left)
FUNCTION arch_thread_resume_user
    xorl %eax, %eax
.Lresume_user:
    movq THREAD_STACK_TOP(%rdi), %rsp
    movb $0, (%rsi)
    cmpq $0, THREAD_WORK(%rdi)
    jne 1f
    load_callee_saved
    movq FRAME_RDI-FRAME_SIZE(%rsp), %rdi
    movq FRAME_RSI-FRAME_SIZE(%rsp), %rsi
    movq FRAME_RDX-FRAME_SIZE(%rsp), %rdx
    movq FRAME_R8-FRAME_SIZE(%rsp), %r8
    movq FRAME_R9-FRAME_SIZE(%rsp), %r9
    movq FRAME_R10-FRAME_SIZE(%rsp), %r10
    leave_by_sysret
1:  subq $(FRAME_SIZE + 8), %rsp
    movq %rax, 8+FRAME_RAX(%rsp)
    leaq 8(%rsp), %rdi
    call x86_exit_slow
    addq $8, %rsp
    jmp x86_restore_user
END arch_thread_resume_user

// Of arch_stack_switch_user: from rdx to rdi, which has rax; rsi: where to say that the stack was left. Returns as
// x86_switch_stacks (cpu/switch.S), by that.
FUNCTION x86_switch_to_user
    pushq %rbp
    movq %rsp, THREAD_STACK_POINTER(%rdx)
    jmp .Lresume_user
END x86_switch_to_user

// Of arch_thread_resume_words: from rdx to rsi, which has rax and rdi; rcx: where to say that the stack was left, on
// which the frame is that the message is in.
FUNCTION x86_resume_words
    movq THREAD_STACK_TOP(%rdx), %rbx
    movq THREAD_STACK_TOP(%rsi), %rsp
    cmpq $0, THREAD_WORK(%rsi)
    movq FRAME_RSI-FRAME_SIZE(%rbx), %rsi
    movq FRAME_RDX-FRAME_SIZE(%rbx), %rdx
    movq FRAME_R10-FRAME_SIZE(%rbx), %r10
    movq FRAME_R8-FRAME_SIZE(%rbx), %r8
    movq FRAME_R9-FRAME_SIZE(%rbx), %r9
    movb $0, (%rcx)
    jne 1f
    load_callee_saved
    leave_by_sysret
1:  subq $(FRAME_SIZE + 8), %rsp
    movq %rax, 8+FRAME_RAX(%rsp)
    movq %rdi, 8+FRAME_RDI(%rsp)
    movq %rsi, 8+FRAME_RSI(%rsp)
    movq %rdx, 8+FRAME_RDX(%rsp)
    movq %r10, 8+FRAME_R10(%rsp)
    movq %r8, 8+FRAME_R8(%rsp)
    movq %r9, 8+FRAME_R9(%rsp)
    leaq 8(%rsp), %rdi
    call x86_exit_slow
    addq $8, %rsp
    jmp x86_restore_user
END x86_resume_words

// Where a parked thread goes on: rdi is the previous thread.
FUNCTION x86_thread_parked_code
    movq %gs:x86_current(%rip), %rcx
    movq THREAD_STACK_TOP(%rcx), %rsp
    subq $(FRAME_SIZE + 8), %rsp
    call sched_thread_continue // ebp is 0, the end of backtraces
    ud2
END x86_thread_parked_code

// arch_syscall_return(long result)
FUNCTION arch_syscall_return
    movq %gs:x86_current(%rip), %rcx
    movq THREAD_STACK_TOP(%rcx), %rsp
    subq $(FRAME_SIZE + 8), %rsp
    movq %rdi, %rax
    movq 8+FRAME_R15(%rsp), %r15
    movq 8+FRAME_R14(%rsp), %r14
    movq 8+FRAME_R13(%rsp), %r13
    movq 8+FRAME_R12(%rsp), %r12
    movq 8+FRAME_RBP(%rsp), %rbp
    movq 8+FRAME_RBX(%rsp), %rbx
    jmp .Lcalled
END arch_syscall_return

// Runs the exit work of the current thread and enters user mode with its frame.
FUNCTION arch_enter_user
    cli
    movq %gs:x86_current(%rip), %rcx
    movq THREAD_STACK_TOP(%rcx), %rsp
    subq $(FRAME_SIZE + 8), %rsp
    leaq 8(%rsp), %rdi
    call x86_exit_slow
    addq $8, %rsp
    jmp x86_restore_user
END arch_enter_user

.macro PUSH_REGISTERS // all but rdi, which the stub has pushed
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm
.macro POP_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $8, %rsp // orig_rax
.endm

// All registers from the frame at rsp. Interrupts off. The frame was sanitised: this iret cannot fault.
FUNCTION x86_restore_user
    POP_REGISTERS
    swapgs
    iretq
END x86_restore_user

// Exceptions: the stub has pushed an error code (or -1) and rdi, and put the exception's number in edi.
FUNCTION x86_trap_common
    cld
    PUSH_REGISTERS
    CLAC
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
x86_trap_from_user:
    movl %edi, %esi
    movq %rsp, %rdi
    subq $8, %rsp
    call x86_trap_user
    cli
x86_leave_to_user:
    movq %gs:x86_current(%rip), %rcx
    cmpq $0, THREAD_WORK(%rcx)
    jne 2f
3:  addq $8, %rsp
    POP_REGISTERS
    swapgs
    iretq
2:  leaq 8(%rsp), %rdi
    call x86_exit_slow
    jmp 3b
1:  movl %edi, %esi
    movq %rsp, %rdi
    subq $8, %rsp
    call x86_trap_kernel
    addq $8, %rsp
    POP_REGISTERS
    iretq
END x86_trap_common

// Interrupts: -1 and rdi are pushed, the vector is in edi. Handlers run with interrupts off.
FUNCTION x86_interrupt_common
    cld
    PUSH_REGISTERS
    CLAC
    subq $8, %rsp
    testb $3, 8+FRAME_CS(%rsp)
    jz 1f
    swapgs
    movl $1, %esi
    call x86_interrupt
    jmp x86_leave_to_user
1:  xorl %esi, %esi
    call x86_interrupt
    addq $8, %rsp
    POP_REGISTERS
    iretq
END x86_interrupt_common

// The stubs, 16 bytes each. They are entered by vector number: x86_trap_stubs + 16 * n.
.macro TRAP_STUB number
    .balign 16
    .if (\number == 10) || (\number == 11) || (\number == 12) || (\number == 13) || (\number == 14) || (\number == 17) || (\number == 21)
    .else
    pushq $-1
    .endif
    pushq %rdi
    movl $\number, %edi
    jmp x86_trap_common
.endm
FUNCTION x86_trap_stubs
    .set number, 0
    .rept 32
    TRAP_STUB number
    .set number, number + 1
    .endr
END x86_trap_stubs

FUNCTION x86_interrupt_stubs // from vector 32
    .set vector, 32
    .rept 224
    .balign 16
    pushq $-1
    pushq %rdi
    movl $vector, %edi
    jmp x86_interrupt_common
    .set vector, vector + 1
    .endr
END x86_interrupt_stubs

// "Paranoid" exceptions: on a stack of their own in the per-CPU area, with either GS base. The distance of the stack's
// end here from its end in the .percpu template is the kernel's GS base.
.macro PARANOID name, number, stack_end
FUNCTION \name
    .if \number != 8
    pushq $-1
    .endif
    pushq %rdi
    cld
    PUSH_REGISTERS
    CLAC
    .if \number == 1
    testb $3, FRAME_CS(%rsp)
    jnz .Ldebug_from_user
    .endif
    leaq FRAME_SIZE(%rsp), %r13
    leaq \stack_end(%rip), %rax
    subq %rax, %r13
    movl $0xc0000101, %ecx // MSR_GS_BASE
    rdmsr
    shlq $32, %rdx
    leaq (%rdx, %rax), %r12 // as it was
    movq %r13, %rax
    movq %r13, %rdx
    shrq $32, %rdx
    wrmsr
    movl $\number, %esi
    movq %rsp, %rdi
    subq $8, %rsp
    call x86_trap_paranoid
    addq $8, %rsp
    movl $0xc0000101, %ecx
    movq %r12, %rax
    movq %r12, %rdx
    shrq $32, %rdx
    wrmsr
    POP_REGISTERS
    iretq
    .if \number == 1
// Single steps of user mode end in a signal: on to the thread's stack.
.Ldebug_from_user:
    swapgs
    movq %rsp, %rsi
    movq %gs:x86_tss+TSS_RSP0(%rip), %rdi
    subq $FRAME_SIZE, %rdi
    movq %rdi, %rsp
    movl $(FRAME_SIZE / 8), %ecx
    rep movsq
    movl $1, %edi
    jmp x86_trap_from_user
    .endif
END \name
.endm
PARANOID x86_debug_entry, 1, x86_debug_stack_end
PARANOID x86_nmi_entry, 2, x86_nmi_stack_end
PARANOID x86_double_fault_entry, 8, x86_double_fault_stack_end
PARANOID x86_machine_check_entry, 18, x86_machine_check_stack_end

    // The per-CPU stacks of the above; only their template is here.
.macro PERCPU_STACK name, size
    .balign 64
    .zero \size
    .globl \name
    .hidden \name
\name:
.endm
    .section .percpu, "a", @progbits
    PERCPU_STACK x86_debug_stack_end, 4096
    PERCPU_STACK x86_nmi_stack_end, 4096
    PERCPU_STACK x86_double_fault_stack_end, 8192
    PERCPU_STACK x86_machine_check_stack_end, 4096
