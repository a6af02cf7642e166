// SPDX-License-Identifier: MPL-2.0
// The vector registers to and from memory (struct vector_state, x0). The rest of the kernel is compiled without them.
    .arch_extension fp
    .arch_extension simd

    .text

#define FPSR_OFFSET 512

    .globl vector_registers_save
    .type vector_registers_save, %function
    .balign 16
vector_registers_save:
    hint #34 // bti c
    stp q0, q1, [x0]
    stp q2, q3, [x0, #32]
    stp q4, q5, [x0, #64]
    stp q6, q7, [x0, #96]
    stp q8, q9, [x0, #128]
    stp q10, q11, [x0, #160]
    stp q12, q13, [x0, #192]
    stp q14, q15, [x0, #224]
    stp q16, q17, [x0, #256]
    stp q18, q19, [x0, #288]
    stp q20, q21, [x0, #320]
    stp q22, q23, [x0, #352]
    stp q24, q25, [x0, #384]
    stp q26, q27, [x0, #416]
    stp q28, q29, [x0, #448]
    stp q30, q31, [x0, #480]
    mrs x1, fpsr
    mrs x2, fpcr
    add x0, x0, #FPSR_OFFSET
    stp w1, w2, [x0]
    str xzr, [x0, #8]
    ret
    .size vector_registers_save, . - vector_registers_save

    .globl vector_registers_load
    .type vector_registers_load, %function
    .balign 16
vector_registers_load:
    hint #34 // bti c
    ldp q0, q1, [x0]
    ldp q2, q3, [x0, #32]
    ldp q4, q5, [x0, #64]
    ldp q6, q7, [x0, #96]
    ldp q8, q9, [x0, #128]
    ldp q10, q11, [x0, #160]
    ldp q12, q13, [x0, #192]
    ldp q14, q15, [x0, #224]
    ldp q16, q17, [x0, #256]
    ldp q18, q19, [x0, #288]
    ldp q20, q21, [x0, #320]
    ldp q22, q23, [x0, #352]
    ldp q24, q25, [x0, #384]
    ldp q26, q27, [x0, #416]
    ldp q28, q29, [x0, #448]
    ldp q30, q31, [x0, #480]
    add x0, x0, #FPSR_OFFSET
    ldp w1, w2, [x0]
    msr fpsr, x1
    mrs x3, fpcr // writing it can be slow, and it rarely differs
    cmp w3, w2
    b.eq 1f
    msr fpcr, x2
1:  ret
    .size vector_registers_load, . - vector_registers_load
