// SPDX-License-Identifier: MPL-2.0
// Offsets and macros for the assembly of this folder. Checked against the C structures in layout.c.
#pragma once

#include <arch/user_fault.h>
#include <port/patch.h>

// struct arch_frame: x0-x30 first
#define FRAME_X(n) (8 * (n))
#define FRAME_PC 256
#define FRAME_SP 248
#define FRAME_ORIG_X0 272
#define FRAME_SYSCALL 280
#define FRAME_SIZE 288

// struct thread: arch_thread first, then `work` and `arch_work`
#define THREAD_STACK_POINTER 0
#define THREAD_STACK_TOP 8
#define SYSCALL_COUNT 0x400
#define THREAD_SYSCALL_LIMIT 16 // and the table behind it
#define THREAD_KEYS_IA 56
#define THREAD_KEYS_OFF 144
#define THREAD_WORK 184
#define THREAD_ARCH_WORK 188
#define WORK_TRACE_BIT 3 // THREAD_WORK_TRACE of sched/thread.h

// Above a kernel stack's end, where the user frame ends: the thread's address, for the entry code.
#define STACK_OWNER_SIZE 16

// struct arm64_features
#define FEATURES_ZVA 12 // the others: port/patch.h

// Bits of SCTLR_EL1, ESR_EL1
#define SCTLR_ENIA_BIT 31
#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_SVC 0x15

#ifdef __ASSEMBLER__
// clang-format off
// `bti c` first: whatever has an address may be called through it.
.macro FUNCTION name
    .section .text.\name, "ax", @progbits
    .globl \name
    .hidden \name
    .type \name, @function
    .balign 16
\name:
    hint #34
.endm
// Only direct branches lead there.
.macro LABEL name
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
    hint #34
.endm
.macro END name
    .size \name, . - \name
.endm
// clang-format on
#endif
