// SPDX-License-Identifier: MPL-2.0
// The switch from one kernel stack to another. The caller (port/switch.h) has told the compiler that every register is lost,
// so only the frame pointer and the stack pointer are exchanged.
#include "cpu/asm.h"

// In: rdi = prev, rsi = next. Out, on the stack of next: rdi = the thread given as prev by whoever switched to it.
FUNCTION x86_switch_stacks
    pushq %rbp
    movq %rsp, THREAD_STACK_POINTER(%rdi)
    movq THREAD_STACK_POINTER(%rsi), %rsp
.Larrive:
    popq %rbp
    ret
END x86_switch_stacks

// arch_thread_resume(struct thread *prev, struct thread *next): the second half of the above.
FUNCTION arch_thread_resume
    movq THREAD_STACK_POINTER(%rsi), %rsp
    jmp .Larrive
END arch_thread_resume

// Where a thread that never ran "returns" to: rdi still is the previous thread.
FUNCTION x86_thread_first_code
    xorl %ebp, %ebp // end of backtraces
    call sched_thread_start
    ud2
END x86_thread_first_code
