// SPDX-License-Identifier: MPL-2.0
// memcpy, memmove, memset, memcmp. Small sizes by overlapping moves that are all loaded before any is stored, large
// ones 64 bytes a step; large blocks are cleared by cache lines where the CPU can. Weak: a sanitizer's runtime may put
// its own before them.
#include "cpu/asm.h"

// x4, x5: ends of source and destination. Up to 64 bytes, which may overlap.
WEAK_FUNCTION memcpy
    add x4, x1, x2
    add x5, x0, x2
    cmp x2, #64
    b.hi .Lmemcpy_large
.Lmove_small:
    cmp x2, #16
    b.lo .Lmove_below_16
    ldp x6, x7, [x1]
    ldp x8, x9, [x4, #-16]
    cmp x2, #32
    b.ls 1f
    ldp x10, x11, [x1, #16]
    ldp x12, x13, [x4, #-32]
    stp x10, x11, [x0, #16]
    stp x12, x13, [x5, #-32]
1:  stp x6, x7, [x0]
    stp x8, x9, [x5, #-16]
    ret
.Lmove_below_16:
    tbz x2, #3, 2f
    ldr x6, [x1]
    ldr x7, [x4, #-8]
    str x6, [x0]
    str x7, [x5, #-8]
    ret
2:  tbz x2, #2, 3f
    ldr w6, [x1]
    ldr w7, [x4, #-4]
    str w6, [x0]
    str w7, [x5, #-4]
    ret
3:  cbz x2, 5f
    ldrb w7, [x4, #-1]
    tbz x2, #1, 4f
    ldrh w6, [x1]
    strh w6, [x0]
4:  strb w7, [x5, #-1]
5:  ret

// More than 64 bytes: all but the last 1 … 64 in steps, then the last 64.
.Lmemcpy_large:
    mov x3, x0
    sub x2, x2, #64
6:  ldp x6, x7, [x1, #16]
    ldp x8, x9, [x1, #32]
    ldp x10, x11, [x1, #48]
    ldp x12, x13, [x1], #64
    stp x6, x7, [x3, #16]
    stp x8, x9, [x3, #32]
    stp x10, x11, [x3, #48]
    stp x12, x13, [x3], #64
    subs x2, x2, #64
    b.hi 6b
    ldp x6, x7, [x4, #-64]
    ldp x8, x9, [x4, #-48]
    ldp x10, x11, [x4, #-32]
    ldp x12, x13, [x4, #-16]
    stp x6, x7, [x5, #-64]
    stp x8, x9, [x5, #-48]
    stp x10, x11, [x5, #-32]
    stp x12, x13, [x5, #-16]
    ret
END memcpy

WEAK_FUNCTION memmove
    add x4, x1, x2
    add x5, x0, x2
    cmp x2, #64
    b.ls .Lmove_small
    sub x3, x0, x1
    cmp x3, x2
    b.lo .Lmove_down // the destination lies within the source: backwards
    neg x3, x3
    cmp x3, x2
    b.hs .Lmemcpy_large // apart
    // The source lies within the destination: upwards, and nothing is read twice.
    mov x14, x0
    mov x15, x30
1:  ldp x6, x7, [x1], #16
    stp x6, x7, [x0], #16
    sub x2, x2, #16
    cmp x2, #16
    b.hs 1b
    bl .Lmove_below_16
    mov x0, x14
    ret x15
.Lmove_down:
    ldp x6, x7, [x4, #-16]!
    stp x6, x7, [x5, #-16]!
    sub x2, x2, #16
    cmp x2, #16
    b.hs .Lmove_down
    b .Lmove_below_16
END memmove

// x3: the byte eight times; x5: the end.
WEAK_FUNCTION memset
    and x3, x1, #0xff
    orr x3, x3, x3, lsl #8
    orr x3, x3, x3, lsl #16
    orr x3, x3, x3, lsl #32
    add x5, x0, x2
    cmp x2, #16
    b.lo .Lmemset_below_16
    cmp x2, #64
    b.hi .Lmemset_large
    stp x3, x3, [x0]
    stp x3, x3, [x5, #-16]
    cmp x2, #32
    b.ls 1f
    stp x3, x3, [x0, #16]
    stp x3, x3, [x5, #-32]
1:  ret
.Lmemset_below_16:
    tbz x2, #3, 2f
    str x3, [x0]
    str x3, [x5, #-8]
    ret
2:  tbz x2, #2, 3f
    str w3, [x0]
    str w3, [x5, #-4]
    ret
3:  cbz x2, 5f
    strb w3, [x5, #-1]
    tbz x2, #1, 4f
    strb w3, [x0, #1]
4:  strb w3, [x0]
5:  ret

.Lmemset_large:
    mov x4, x0
    cmp x2, #512
    b.lo 6f
    cbz x3, .Lmemset_lines
6:  sub x2, x2, #64
7:  stp x3, x3, [x4, #16]
    stp x3, x3, [x4, #32]
    stp x3, x3, [x4, #48]
    stp x3, x3, [x4], #64
    subs x2, x2, #64
    b.hi 7b
    stp x3, x3, [x5, #-64]
    stp x3, x3, [x5, #-48]
    stp x3, x3, [x5, #-32]
    stp x3, x3, [x5, #-16]
    ret
// Whole lines (64 bytes, as all CPUs in use have; else words) between 64 bytes at either end.
.Lmemset_lines:
    adrp x6, arm64_features
    add x6, x6, :lo12:arm64_features
    ldr w6, [x6, #FEATURES_ZVA]
    cmp w6, #64
    b.ne 6b
    stp xzr, xzr, [x4]
    stp xzr, xzr, [x4, #16]
    stp xzr, xzr, [x4, #32]
    stp xzr, xzr, [x4, #48]
    add x4, x4, #64
    and x4, x4, #~63
    and x6, x5, #~63
8:  dc zva, x4
    add x4, x4, #64
    cmp x4, x6
    b.lo 8b
    stp xzr, xzr, [x5, #-64]
    stp xzr, xzr, [x5, #-48]
    stp xzr, xzr, [x5, #-32]
    stp xzr, xzr, [x5, #-16]
    ret
END memset

WEAK_FUNCTION memcmp
    subs x2, x2, #8
    b.lo 2f
1:  ldr x3, [x0], #8
    ldr x4, [x1], #8
    cmp x3, x4
    b.ne .Lmemcmp_differ
    subs x2, x2, #8
    b.hs 1b
2:  adds x2, x2, #8
    b.eq 4f
3:  ldrb w3, [x0], #1
    ldrb w4, [x1], #1
    subs w3, w3, w4
    b.ne 5f
    subs x2, x2, #1
    b.ne 3b
4:  mov w0, #0
    ret
5:  mov w0, w3
    ret
.Lmemcmp_differ: // the lowest byte that differs decides
    rev x3, x3
    rev x4, x4
    cmp x3, x4
    mov w0, #1
    cneg w0, w0, lo
    ret
END memcmp
