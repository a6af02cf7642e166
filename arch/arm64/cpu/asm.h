// SPDX-License-Identifier: MPL-2.0
// Offsets and macros for the assembly of this folder. Checked against the C structures in layout.c.
#pragma once

#include <arch/user_fault.h>

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
#define THREAD_WORK 176
#define THREAD_ARCH_WORK 180
#define WORK_TRACE_BIT 3 // THREAD_WORK_TRACE of sched/thread.h

// Above a kernel stack's end, where the user frame ends: the thread's address, for the entry code.
#define STACK_OWNER_SIZE 16

// struct arm64_features
#define FEATURES_PAN 0
#define FEATURES_PAUTH 2
#define FEATURES_ZVA 12

// Bits of SCTLR_EL1, ESR_EL1
#define SCTLR_ENIA_BIT 31
#define ESR_CLASS_SHIFT 26
#define ESR_CLASS_SVC 0x15

#ifdef __ASSEMBLER__
// clang-format off
// The user window, on CPUs with PAN: x15 keeps between the two whether this is one. (ldtr and sttr need no window.)
.macro WINDOW_OPEN
    .arch_extension pan
    adrp x15, arm64_features
    add x15, x15, :lo12:arm64_features
    ldrb w15, [x15, #FEATURES_PAN]
    cbz w15, 773f
    msr pan, #0
773:
.endm
.macro WINDOW_CLOSE
    cbz w15, 774f
    msr pan, #1
774:
.endm

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
