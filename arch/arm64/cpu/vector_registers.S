// SPDX-License-Identifier: MPL-2.0
// The vector registers to and from memory: struct vector_state, or the registers alone in a signal frame. The rest of
// the kernel is compiled without them.
#include "cpu/asm.h"

    .arch_extension fp
    .arch_extension simd

#define FPSR_OFFSET 512

// x0: where. `try` is the fixup if that is the user's.
.macro REGISTERS instruction, try=
    ONE \instruction, q0, q1, 0, \try
    ONE \instruction, q2, q3, 32, \try
    ONE \instruction, q4, q5, 64, \try
    ONE \instruction, q6, q7, 96, \try
    ONE \instruction, q8, q9, 128, \try
    ONE \instruction, q10, q11, 160, \try
    ONE \instruction, q12, q13, 192, \try
    ONE \instruction, q14, q15, 224, \try
    ONE \instruction, q16, q17, 256, \try
    ONE \instruction, q18, q19, 288, \try
    ONE \instruction, q20, q21, 320, \try
    ONE \instruction, q22, q23, 352, \try
    ONE \instruction, q24, q25, 384, \try
    ONE \instruction, q26, q27, 416, \try
    ONE \instruction, q28, q29, 448, \try
    ONE \instruction, q30, q31, 480, \try
.endm
.macro ONE instruction, a, b, offset, try=
    .ifb \try
    \instruction \a, \b, [x0, #\offset]
    .else
    TRY \try, \instruction \a, \b, [x0, #\offset]
    .endif
.endm

// void vector_registers_save(struct vector_state *to)
FUNCTION vector_registers_save
    REGISTERS stp
    mrs x1, fpsr
    mrs x2, fpcr
    add x0, x0, #FPSR_OFFSET
    stp w1, w2, [x0]
    str xzr, [x0, #8]
    ret
END vector_registers_save

// void vector_registers_load(const struct vector_state *from)
FUNCTION vector_registers_load
    REGISTERS ldp
    add x0, x0, #FPSR_OFFSET
    ldp w1, w2, [x0]
.Lcontrol_load:
    msr fpsr, x1
    mrs x3, fpcr // writing it can be slow, and it rarely differs
    cmp w3, w2
    b.eq 1f
    msr fpcr, x2
1:  ret
END vector_registers_load

// bool vector_registers_store_user(void *to): 512 bytes; false: a fault.
FUNCTION vector_registers_store_user
    WINDOW_OPEN
    REGISTERS stp, .Lfault
    WINDOW_CLOSE
    mov w0, #1
    ret
.Lfault:
    mov w0, #0
    ret
END vector_registers_store_user

// bool vector_registers_load_user(const void *from)
FUNCTION vector_registers_load_user
    WINDOW_OPEN
    REGISTERS ldp, .Lfault
    WINDOW_CLOSE
    mov w0, #1
    ret
END vector_registers_load_user

// void vector_control_load(uint32_t fpsr, uint32_t fpcr)
FUNCTION vector_control_load
    mov x2, x1
    mov x1, x0
    b .Lcontrol_load
END vector_control_load
