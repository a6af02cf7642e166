// SPDX-License-Identifier: MPL-2.0
// The switch from one kernel stack to another. The caller (port/switch.h) has told the compiler that every register is
// lost, so only frame pointer, return address and stack pointer are exchanged.
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
    stp x29, x30, [sp, #-16]!
    mov x9, sp
    str x9, [x0, #THREAD_STACK_POINTER]
    ldr x9, [x1, #THREAD_STACK_POINTER]
    mov sp, x9
.Larrive:
    ldp x29, x30, [sp], #16
    hint #29 // autiasp
    ret
END arm64_switch_stacks

// arch_thread_resume(struct thread *prev, struct thread *next): the second half of the above.
FUNCTION arch_thread_resume
    ldr x9, [x1, #THREAD_STACK_POINTER]
    mov sp, x9
    b .Larrive
END arch_thread_resume

// Where a thread that never ran "returns" to: x0 still is the previous thread, x29 is 0, the end of backtraces.
arm64_thread_first_code:
    bl sched_thread_start
    brk #0
END arm64_thread_first_code
