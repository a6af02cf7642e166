// SPDX-License-Identifier: MPL-2.0
// Where a signal handler returns to if its action named no restorer. Unwinders and debuggers recognise a signal frame by
// these two instructions, so they are exactly Linux's, and nothing describes the function in .eh_frame. The nop before
// it: they look a return address up by the address before it.
    .text
    .balign 16
    nop
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
    mov x8, #139
    svc #0
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn
