// SPDX-License-Identifier: MPL-2.0
// Offsets and macros for the assembly of this folder. Checked against the C structures in layout.c.
#pragma once

#include <arch/user_fault.h>

// Selectors (boot/gdt.c).
#define KERNEL_CS 0x10
#define KERNEL_DS 0x18
#define USER_DS 0x2b
#define USER_CS 0x33

// struct arch_frame
#define FRAME_R15 0
#define FRAME_R14 8
#define FRAME_R13 16
#define FRAME_R12 24
#define FRAME_RBP 32
#define FRAME_RBX 40
#define FRAME_R11 48
#define FRAME_R10 56
#define FRAME_R9 64
#define FRAME_R8 72
#define FRAME_RAX 80
#define FRAME_RCX 88
#define FRAME_RDX 96
#define FRAME_RSI 104
#define FRAME_RDI 112
#define FRAME_ORIG_RAX 120
#define FRAME_RIP 128
#define FRAME_CS 136
#define FRAME_RFLAGS 144
#define FRAME_RSP 152
#define FRAME_SS 160
#define FRAME_SIZE 168

// struct thread: arch_thread first, then `work` and `arch_work`
#define THREAD_STACK_POINTER 0
#define THREAD_STACK_TOP 8
#define THREAD_SYSCALL_LIMIT 64
#define THREAD_WORK 80
#define WORK_TRACE 8 // THREAD_WORK_TRACE of sched/thread.h

#define TSS_RSP0 4

#define SYSCALL_COUNT 0x400
#define ENOSYS_RESULT -38

#ifdef __ASSEMBLER__
// clang-format off
// No-ops of three bytes that cpu/patch.c makes stac or clac; see port/uaccess.h.
.macro SMAP_PATCH last
771:    .byte 0x66, 0x66, 0x90
    .pushsection .smap_patches, "aR"
    .balign 4
    .long 771b - .
    .long \last
    .popsection
.endm
#define STAC SMAP_PATCH 0xcb
#define CLAC SMAP_PATCH 0xca

.macro FUNCTION name
    .section .text.\name, "ax", @progbits
    .globl \name
    .hidden \name
    .type \name, @function
    .balign 16
\name:
.endm
.macro WEAK_FUNCTION name
    .section .text.\name, "ax", @progbits
    .weak \name
    .hidden \name
    .type \name, @function
    .balign 16
\name:
.endm
.macro END name
    .size \name, . - \name
.endm
// clang-format on
#endif
