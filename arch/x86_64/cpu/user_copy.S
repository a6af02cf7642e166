// SPDX-License-Identifier: MPL-2.0
// Copies to and from user memory. Both return the number of bytes that were not copied, exactly: after a fault the
// rest is tried byte by byte up to the byte that faults.
//
// Sizes below 64 use a few plain moves, the last one overlapping; larger ones rep movsq, which beats rep movsb
// wherever short strings are not fast, and costs one step in eight under an emulator.
#include "cpu/asm.h"

// size_t x86_user_copy(void *to, const void *from, size_t size)
FUNCTION x86_user_copy
    movq %rdx, %rcx
    STAC
    cmpq $16, %rdx
    jb .Lcopy_below_16
    cmpq $64, %rdx
    jae .Lcopy_large
    // 16 … 63: two halves from either end, the middle twice if need be.
1:  movq (%rsi), %rax
2:  movq 8(%rsi), %r8
3:  movq -16(%rsi, %rdx), %r9
4:  movq -8(%rsi, %rdx), %r10
    cmpq $32, %rdx
    ja .Lcopy_middle
5:  movq %rax, (%rdi)
6:  movq %r8, 8(%rdi)
7:  movq %r9, -16(%rdi, %rdx)
8:  movq %r10, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
    EXTABLE 1b, .Lcopy_bytes
    EXTABLE 2b, .Lcopy_bytes
    EXTABLE 3b, .Lcopy_bytes
    EXTABLE 4b, .Lcopy_bytes
    EXTABLE 5b, .Lcopy_bytes
    EXTABLE 6b, .Lcopy_bytes
    EXTABLE 7b, .Lcopy_bytes
    EXTABLE 8b, .Lcopy_bytes
.Lcopy_middle: // 33 … 63
1:  movq %rax, (%rdi)
2:  movq %r8, 8(%rdi)
3:  movq 16(%rsi), %rax
4:  movq 24(%rsi), %r8
5:  movq %rax, 16(%rdi)
6:  movq %r8, 24(%rdi)
7:  movq -32(%rsi, %rdx), %rax
8:  movq -24(%rsi, %rdx), %r8
10: movq %rax, -32(%rdi, %rdx)
11: movq %r8, -24(%rdi, %rdx)
12: movq %r9, -16(%rdi, %rdx)
13: movq %r10, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
    EXTABLE 1b, .Lcopy_bytes
    EXTABLE 2b, .Lcopy_bytes
    EXTABLE 3b, .Lcopy_bytes
    EXTABLE 4b, .Lcopy_bytes
    EXTABLE 5b, .Lcopy_bytes
    EXTABLE 6b, .Lcopy_bytes
    EXTABLE 7b, .Lcopy_bytes
    EXTABLE 8b, .Lcopy_bytes
    EXTABLE 10b, .Lcopy_bytes
    EXTABLE 11b, .Lcopy_bytes
    EXTABLE 12b, .Lcopy_bytes
    EXTABLE 13b, .Lcopy_bytes
.Lcopy_large:
    shrq $3, %rcx
    andl $7, %edx
1:  rep movsq
2:  movq -8(%rsi, %rdx), %rax // the last eight bytes, in part again
3:  movq %rax, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
.Lcopy_large_fault: // rcx words and rdx bytes are left
    leaq (%rdx, %rcx, 8), %rcx
    jmp .Lcopy_bytes
.Lcopy_tail_fault:
    movq %rdx, %rcx
    jmp .Lcopy_bytes
    EXTABLE 1b, .Lcopy_large_fault
    EXTABLE 2b, .Lcopy_tail_fault
    EXTABLE 3b, .Lcopy_tail_fault
.Lcopy_below_16:
    cmpl $8, %edx
    jb .Lcopy_below_8
1:  movq (%rsi), %rax
2:  movq -8(%rsi, %rdx), %r8
3:  movq %rax, (%rdi)
4:  movq %r8, -8(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
    EXTABLE 1b, .Lcopy_bytes
    EXTABLE 2b, .Lcopy_bytes
    EXTABLE 3b, .Lcopy_bytes
    EXTABLE 4b, .Lcopy_bytes
.Lcopy_below_8:
    cmpl $4, %edx
    jb .Lcopy_bytes
1:  movl (%rsi), %eax
2:  movl -4(%rsi, %rdx), %r8d
3:  movl %eax, (%rdi)
4:  movl %r8d, -4(%rdi, %rdx)
    xorl %eax, %eax
    CLAC
    ret
    EXTABLE 1b, .Lcopy_bytes
    EXTABLE 2b, .Lcopy_bytes
    EXTABLE 3b, .Lcopy_bytes
    EXTABLE 4b, .Lcopy_bytes
// rcx bytes from rsi to rdi. After a fault the user window is closed: open it again.
.Lcopy_bytes:
    STAC
    testq %rcx, %rcx
    jz 3f
1:  movb (%rsi), %al
2:  movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rcx
    jnz 1b
3:  movq %rcx, %rax
    CLAC
    ret
    EXTABLE 1b, 3b
    EXTABLE 2b, 3b
END x86_user_copy

// size_t x86_user_clear(void *to, size_t size)
FUNCTION x86_user_clear
    movq %rsi, %rcx
    movl %esi, %edx
    shrq $3, %rcx
    andl $7, %edx
    xorl %eax, %eax
    STAC
1:  rep stosq
    movq %rdx, %rcx
.Lclear_bytes:
    STAC
    testq %rcx, %rcx
    jz 3f
2:  movb $0, (%rdi)
    incq %rdi
    decq %rcx
    jnz 2b
3:  movq %rcx, %rax
    CLAC
    ret
.Lclear_fault:
    leaq (%rdx, %rcx, 8), %rcx
    jmp .Lclear_bytes
    EXTABLE 1b, .Lclear_fault
    EXTABLE 2b, 3b
END x86_user_clear
