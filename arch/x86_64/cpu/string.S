// SPDX-License-Identifier: MPL-2.0
// memcpy, memmove, memset, memcmp. Small sizes by overlapping moves, large ones by the eight-byte string instructions.
// Weak: a sanitizer's runtime may put its own before them.
#include "cpu/asm.h"

WEAK_FUNCTION memcpy
    movq %rdi, %rax
    cmpq $16, %rdx
    jb .Lmemcpy_below_16
    cmpq $64, %rdx
    jae .Lmemcpy_large
    movq (%rsi), %rcx
    movq 8(%rsi), %r8
    movq -16(%rsi, %rdx), %r9
    movq -8(%rsi, %rdx), %r10
    cmpq $32, %rdx
    jbe 1f
    movq 16(%rsi), %r11
    movq %r11, 16(%rdi)
    movq 24(%rsi), %r11
    movq %r11, 24(%rdi)
    movq -32(%rsi, %rdx), %r11
    movq %r11, -32(%rdi, %rdx)
    movq -24(%rsi, %rdx), %r11
    movq %r11, -24(%rdi, %rdx)
1:  movq %rcx, (%rdi)
    movq %r8, 8(%rdi)
    movq %r9, -16(%rdi, %rdx)
    movq %r10, -8(%rdi, %rdx)
    ret
.Lmemcpy_large:
    movq %rdx, %rcx
    shrq $3, %rcx
    andl $7, %edx
    rep movsq
    movq -8(%rsi, %rdx), %rcx
    movq %rcx, -8(%rdi, %rdx)
    ret
.Lmemcpy_below_16:
    cmpl $8, %edx
    jb 2f
    movq (%rsi), %rcx
    movq -8(%rsi, %rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi, %rdx)
    ret
2:  cmpl $4, %edx
    jb 3f
    movl (%rsi), %ecx
    movl -4(%rsi, %rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi, %rdx)
    ret
3:  testl %edx, %edx
    jz 5f
    movb -1(%rsi, %rdx), %r8b
    cmpl $1, %edx
    je 4f
    movw (%rsi), %cx
    movw %cx, (%rdi)
4:  movb %r8b, -1(%rdi, %rdx)
5:  ret
END memcpy

WEAK_FUNCTION memmove
    movq %rdi, %rax
    subq %rsi, %rax
    cmpq %rdx, %rax
    jb 1f // `to` lies within from … from+size: backwards
    negq %rax
    cmpq %rdx, %rax
    jae memcpy // apart
    movq %rdi, %rax // `from` lies within to … to+size: forwards, no byte twice
    movq %rdx, %rcx
    shrq $3, %rcx
    andl $7, %edx
    rep movsq
    movq %rdx, %rcx
    rep movsb
    ret
1:  movq %rdi, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    leaq -8(%rsi, %rdx), %rsi
    leaq -8(%rdi, %rdx), %rdi
    andl $7, %edx
    std
    rep movsq
    addq $7, %rsi
    addq $7, %rdi
    movq %rdx, %rcx
    rep movsb
    cld
    ret
END memmove

WEAK_FUNCTION memset
    movq %rdi, %r8
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rax
    cmpq $16, %rdx
    jb .Lmemset_below_16
    cmpq $64, %rdx
    jae .Lmemset_large
    movq %rax, (%rdi)
    movq %rax, 8(%rdi)
    movq %rax, -16(%rdi, %rdx)
    movq %rax, -8(%rdi, %rdx)
    cmpq $32, %rdx
    jbe 1f
    movq %rax, 16(%rdi)
    movq %rax, 24(%rdi)
    movq %rax, -32(%rdi, %rdx)
    movq %rax, -24(%rdi, %rdx)
1:  movq %r8, %rax
    ret
.Lmemset_large:
    movq %rax, -8(%rdi, %rdx)
    movq %rdx, %rcx
    shrq $3, %rcx
    rep stosq
    movq %r8, %rax
    ret
.Lmemset_below_16:
    cmpl $8, %edx
    jb 2f
    movq %rax, (%rdi)
    movq %rax, -8(%rdi, %rdx)
    movq %r8, %rax
    ret
2:  cmpl $4, %edx
    jb 3f
    movl %eax, (%rdi)
    movl %eax, -4(%rdi, %rdx)
    movq %r8, %rax
    ret
3:  testl %edx, %edx
    jz 4f
    movb %al, (%rdi)
    movb %al, -1(%rdi, %rdx)
    cmpl $3, %edx
    jb 4f
    movb %al, 1(%rdi)
4:  movq %r8, %rax
    ret
END memset

WEAK_FUNCTION memcmp
    cmpq $8, %rdx
    jb 2f
1:  movq (%rdi), %rax
    movq (%rsi), %rcx
    cmpq %rcx, %rax
    jne 4f
    addq $8, %rdi
    addq $8, %rsi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 1b
2:  testl %edx, %edx
    jz 5f
3:  movzbl (%rdi), %eax
    movzbl (%rsi), %ecx
    subl %ecx, %eax
    jne 6f
    incq %rdi
    incq %rsi
    decl %edx
    jnz 3b
5:  xorl %eax, %eax
6:  ret
4:  bswapq %rax // the first differing byte decides: compare as big numbers
    bswapq %rcx
    cmpq %rcx, %rax
    sbbl %eax, %eax
    orl $1, %eax
    ret
END memcmp
