// SPDX-License-Identifier: MPL-2.0
// The switch from one kernel stack to another: C has saved what the caller may clobber, so only the callee-saved
// registers and the stack pointer are exchanged, and the current thread (SP_EL0).
#include "cpu/asm.h"

// struct thread *arm64_switch_stacks(struct thread *prev, struct thread *next)
// Returns, on the stack of next, the thread given as prev by whoever switched to it.
    .section .text.arm64_switch_stacks, "ax", @progbits
    .globl arm64_switch_stacks, arm64_thread_first_code
    .hidden arm64_switch_stacks, arm64_thread_first_code
    .type arm64_switch_stacks, @function
    .type arm64_thread_first_code, @function
    .balign 16
arm64_switch_stacks:
    hint #25 // paciasp: the address on the stack belongs to this stack, by the kernel's one key
    stp x19, x20, [sp, #-96]!
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    mov x9, sp
    str x9, [x0, #THREAD_STACK_POINTER]
    ldr x9, [x1, #THREAD_STACK_POINTER]
    mov sp, x9
    msr sp_el0, x1
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp x19, x20, [sp], #96
    hint #29 // autiasp
    ret
END arm64_switch_stacks

// Where a thread that never ran "returns" to: x0 still is the previous thread, x29 is 0, the end of backtraces.
arm64_thread_first_code:
    bl sched_thread_start
    brk #0
END arm64_thread_first_code
