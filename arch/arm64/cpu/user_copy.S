// SPDX-License-Identifier: MPL-2.0
// Copies to and from user memory. All return the number of bytes that were not copied, exactly: after a fault the
// rest is tried byte by byte up to the byte that faults.
//
// Sizes below 64 use ldtr and sttr, which need no open window, the last ones overlapping; larger ones open it for pairs
// of words, which those instructions have no form for. x3 and x4 are the ends of source and destination throughout.
#include "cpu/asm.h"

// size_t port_copy_from_user(void *to, const void *from, size_t size)
FUNCTION port_copy_from_user
    add x3, x1, x2
    add x4, x0, x2
    cmp x2, #16
    b.lo .Lfrom_below_16
    cmp x2, #64
    b.hs .Lfrom_large
    TRY .Lfrom_bytes, ldtr x5, [x1]
    TRY .Lfrom_bytes, ldtr x6, [x1, #8]
    TRY .Lfrom_bytes, ldtr x7, [x3, #-16]
    TRY .Lfrom_bytes, ldtr x8, [x3, #-8]
    cmp x2, #32
    b.ls 1f
    TRY .Lfrom_bytes, ldtr x9, [x1, #16]
    TRY .Lfrom_bytes, ldtr x10, [x1, #24]
    TRY .Lfrom_bytes, ldtr x11, [x3, #-32]
    TRY .Lfrom_bytes, ldtr x12, [x3, #-24]
    stp x9, x10, [x0, #16]
    stp x11, x12, [x4, #-32]
1:  stp x5, x6, [x0]
    stp x7, x8, [x4, #-16]
    mov x0, #0
    ret
.Lfrom_large:
    WINDOW_OPEN
    sub x2, x2, #64
2:  TRY .Lfrom_bytes, ldp x7, x8, [x1, #16]
    TRY .Lfrom_bytes, ldp x9, x10, [x1, #32]
    TRY .Lfrom_bytes, ldp x11, x12, [x1, #48]
    TRY .Lfrom_bytes, ldp x5, x6, [x1], #64
    stp x7, x8, [x0, #16]
    stp x9, x10, [x0, #32]
    stp x11, x12, [x0, #48]
    stp x5, x6, [x0], #64
    subs x2, x2, #64
    b.hs 2b
    // What is left, and as much before it as makes 64 bytes.
    TRY .Lfrom_bytes, ldp x5, x6, [x3, #-64]
    TRY .Lfrom_bytes, ldp x7, x8, [x3, #-48]
    TRY .Lfrom_bytes, ldp x9, x10, [x3, #-32]
    TRY .Lfrom_bytes, ldp x11, x12, [x3, #-16]
    stp x5, x6, [x4, #-64]
    stp x7, x8, [x4, #-48]
    stp x9, x10, [x4, #-32]
    stp x11, x12, [x4, #-16]
    WINDOW_CLOSE
    mov x0, #0
    ret
.Lfrom_below_16:
    tbz x2, #3, 3f
    TRY .Lfrom_bytes, ldtr x5, [x1]
    TRY .Lfrom_bytes, ldtr x6, [x3, #-8]
    str x5, [x0]
    str x6, [x4, #-8]
    mov x0, #0
    ret
3:  tbz x2, #2, .Lfrom_bytes
    TRY .Lfrom_bytes, ldtr w5, [x1]
    TRY .Lfrom_bytes, ldtr w6, [x3, #-4]
    str w5, [x0]
    str w6, [x4, #-4]
    mov x0, #0
    ret
// From x1 to x0 as far as it goes. After a fault the window is closed.
.Lfrom_bytes:
    cmp x1, x3
    b.eq 4f
    TRY 4f, ldtrb w5, [x1]
    add x1, x1, #1
    strb w5, [x0], #1
    b .Lfrom_bytes
4:  sub x0, x3, x1
    ret
END port_copy_from_user

// size_t port_copy_to_user(void *to, const void *from, size_t size)
FUNCTION port_copy_to_user
    add x3, x1, x2
    add x4, x0, x2
    cmp x2, #16
    b.lo .Lto_below_16
    cmp x2, #64
    b.hs .Lto_large
    ldp x5, x6, [x1]
    ldp x7, x8, [x3, #-16]
    cmp x2, #32
    b.ls 1f
    ldp x9, x10, [x1, #16]
    ldp x11, x12, [x3, #-32]
    TRY .Lto_bytes, sttr x9, [x0, #16]
    TRY .Lto_bytes, sttr x10, [x0, #24]
    TRY .Lto_bytes, sttr x11, [x4, #-32]
    TRY .Lto_bytes, sttr x12, [x4, #-24]
1:  TRY .Lto_bytes, sttr x5, [x0]
    TRY .Lto_bytes, sttr x6, [x0, #8]
    TRY .Lto_bytes, sttr x7, [x4, #-16]
    TRY .Lto_bytes, sttr x8, [x4, #-8]
    mov x0, #0
    ret
.Lto_large:
    WINDOW_OPEN
    sub x2, x2, #64
2:  ldp x7, x8, [x1, #16]
    ldp x9, x10, [x1, #32]
    ldp x11, x12, [x1, #48]
    ldp x5, x6, [x1], #64
    TRY .Lto_bytes, stp x7, x8, [x0, #16]
    TRY .Lto_bytes, stp x9, x10, [x0, #32]
    TRY .Lto_bytes, stp x11, x12, [x0, #48]
    TRY .Lto_bytes, stp x5, x6, [x0], #64
    subs x2, x2, #64
    b.hs 2b
    ldp x5, x6, [x3, #-64]
    ldp x7, x8, [x3, #-48]
    ldp x9, x10, [x3, #-32]
    ldp x11, x12, [x3, #-16]
    TRY .Lto_bytes, stp x5, x6, [x4, #-64]
    TRY .Lto_bytes, stp x7, x8, [x4, #-48]
    TRY .Lto_bytes, stp x9, x10, [x4, #-32]
    TRY .Lto_bytes, stp x11, x12, [x4, #-16]
    WINDOW_CLOSE
    mov x0, #0
    ret
.Lto_below_16:
    tbz x2, #3, 3f
    ldr x5, [x1]
    ldr x6, [x3, #-8]
    TRY .Lto_bytes, sttr x5, [x0]
    TRY .Lto_bytes, sttr x6, [x4, #-8]
    mov x0, #0
    ret
3:  tbz x2, #2, .Lto_bytes
    ldr w5, [x1]
    ldr w6, [x3, #-4]
    TRY .Lto_bytes, sttr w5, [x0]
    TRY .Lto_bytes, sttr w6, [x4, #-4]
    mov x0, #0
    ret
// To x0 as far as it goes; the source may be ahead of it. After a fault the window is closed.
.Lto_bytes:
    sub x5, x4, x0
    sub x1, x3, x5
4:  cmp x0, x4
    b.eq 5f
    ldrb w5, [x1], #1
    TRY 5f, sttrb w5, [x0]
    add x0, x0, #1
    b 4b
5:  sub x0, x4, x0
    ret
END port_copy_to_user

// size_t port_clear_user(void *to, size_t size)
FUNCTION port_clear_user
    add x4, x0, x1
    cmp x1, #64
    b.lo .Lclear_words
    WINDOW_OPEN
    sub x1, x1, #64
1:  TRY .Lclear_bytes, stp xzr, xzr, [x0, #16]
    TRY .Lclear_bytes, stp xzr, xzr, [x0, #32]
    TRY .Lclear_bytes, stp xzr, xzr, [x0, #48]
    TRY .Lclear_bytes, stp xzr, xzr, [x0], #64
    subs x1, x1, #64
    b.hs 1b
    TRY .Lclear_bytes, stp xzr, xzr, [x4, #-64]
    TRY .Lclear_bytes, stp xzr, xzr, [x4, #-48]
    TRY .Lclear_bytes, stp xzr, xzr, [x4, #-32]
    TRY .Lclear_bytes, stp xzr, xzr, [x4, #-16]
    WINDOW_CLOSE
    mov x0, #0
    ret
.Lclear_words:
    subs x1, x1, #8
    b.lo .Lclear_bytes
2:  TRY .Lclear_bytes, sttr xzr, [x0]
    add x0, x0, #8
    subs x1, x1, #8
    b.hs 2b
.Lclear_bytes:
    cmp x0, x4
    b.eq 3f
    TRY 3f, sttrb wzr, [x0]
    add x0, x0, #1
    b .Lclear_bytes
3:  sub x0, x4, x0
    ret
END port_clear_user
