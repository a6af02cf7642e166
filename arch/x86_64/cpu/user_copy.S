// SPDX-License-Identifier: MPL-2.0
// Copies to and from user memory. Both return the number of bytes that were not copied, exactly: after a fault the
// rest is tried byte by byte up to the byte that faults.
//
// Sizes below 64 use a few plain moves, the last one overlapping; larger ones rep movsq, which beats rep movsb
// wherever short strings are not fast, and costs one step in eight under an emulator.
#include "cpu/asm.h"

// size_t port_copy_to_user(void *to, const void *from, size_t size), and port_copy_from_user: to the processor they are one.
.globl port_copy_from_user
.hidden port_copy_from_user
.type port_copy_from_user, @function
.set port_copy_from_user, port_copy_to_user
FUNCTION port_copy_to_user
    movq %rdx, %rcx
    STAC
    cmpq $16, %rdx
    jb .Lcopy_below_16
    cmpq $64, %rdx
    jae .Lcopy_large
    // 16 … 63: two halves from either end, the middle twice if need be.
    TRY .Lcopy_bytes, movq (%rsi), %rax
    TRY .Lcopy_bytes, movq 8(%rsi), %r8
    TRY .Lcopy_bytes, movq -16(%rsi, %rdx), %r9
    TRY .Lcopy_bytes, movq -8(%rsi, %rdx), %r10
    cmpq $32, %rdx
    ja .Lcopy_middle
    TRY .Lcopy_bytes, movq %rax, (%rdi)
    TRY .Lcopy_bytes, movq %r8, 8(%rdi)
    TRY .Lcopy_bytes, movq %r9, -16(%rdi, %rdx)
    TRY .Lcopy_bytes, movq %r10, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
.Lcopy_middle: // 33 … 63
    TRY .Lcopy_bytes, movq %rax, (%rdi)
    TRY .Lcopy_bytes, movq %r8, 8(%rdi)
    TRY .Lcopy_bytes, movq 16(%rsi), %rax
    TRY .Lcopy_bytes, movq 24(%rsi), %r8
    TRY .Lcopy_bytes, movq %rax, 16(%rdi)
    TRY .Lcopy_bytes, movq %r8, 24(%rdi)
    TRY .Lcopy_bytes, movq -32(%rsi, %rdx), %rax
    TRY .Lcopy_bytes, movq -24(%rsi, %rdx), %r8
    TRY .Lcopy_bytes, movq %rax, -32(%rdi, %rdx)
    TRY .Lcopy_bytes, movq %r8, -24(%rdi, %rdx)
    TRY .Lcopy_bytes, movq %r9, -16(%rdi, %rdx)
    TRY .Lcopy_bytes, movq %r10, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
.Lcopy_large:
    shrq $3, %rcx
    andl $7, %edx
    TRY .Lcopy_large_fault, rep movsq
    TRY .Lcopy_tail_fault, movq -8(%rsi, %rdx), %rax // the last eight bytes, in part again
    TRY .Lcopy_tail_fault, movq %rax, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
.Lcopy_large_fault: // rcx words and rdx bytes are left
    leaq (%rdx, %rcx, 8), %rcx
    jmp .Lcopy_bytes
.Lcopy_tail_fault:
    movq %rdx, %rcx
    jmp .Lcopy_bytes
.Lcopy_below_16:
    cmpl $8, %edx
    jb .Lcopy_below_8
    TRY .Lcopy_bytes, movq (%rsi), %rax
    TRY .Lcopy_bytes, movq -8(%rsi, %rdx), %r8
    TRY .Lcopy_bytes, movq %rax, (%rdi)
    TRY .Lcopy_bytes, movq %r8, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
.Lcopy_below_8:
    cmpl $4, %edx
    jb .Lcopy_bytes
    TRY .Lcopy_bytes, movl (%rsi), %eax
    TRY .Lcopy_bytes, movl -4(%rsi, %rdx), %r8d
    TRY .Lcopy_bytes, movl %eax, (%rdi)
    TRY .Lcopy_bytes, movl %r8d, -4(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
// rcx bytes from rsi to rdi. After a fault the user window is closed: open it again.
.Lcopy_bytes:
    STAC
    testq %rcx, %rcx
    jz 3f
1:  TRY 3f, movb (%rsi), %al
    TRY 3f, movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rcx
    jnz 1b
3:  movq %rcx, %rax
    CLAC
    ret
END port_copy_to_user

// size_t port_clear_user(void *to, size_t size)
FUNCTION port_clear_user
    movq %rsi, %rcx
    movl %esi, %edx
    shrq $3, %rcx
    andl $7, %edx
    xorl %eax, %eax
    STAC
    TRY .Lclear_fault, rep stosq
    movq %rdx, %rcx
.Lclear_bytes:
    STAC
    testq %rcx, %rcx
    jz 3f
2:  TRY 3f, movb $0, (%rdi)
    incq %rdi
    decq %rcx
    jnz 2b
3:  movq %rcx, %rax
    CLAC
    ret
.Lclear_fault:
    leaq (%rdx, %rcx, 8), %rcx
    jmp .Lclear_bytes
END port_clear_user
