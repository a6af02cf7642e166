// SPDX-License-Identifier: MPL-2.0
// Where other CPUs start: in real mode, at the page below 1 MiB that smp.c copied this to. Straight from real
// mode to long mode, then to smp_secondary_main(cpu) on the stack prepared for it. Position-independent; what it
// needs is patched into the variables at its end.

    .section .rodata, "a"
    .balign 16
    .globl trampoline_start, trampoline_end
    .globl trampoline_root, trampoline_efer, trampoline_data

    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx        // our physical address

    leal (trampoline_gdt - trampoline_start)(%ebx), %eax
    movl %eax, (trampoline_gdt_pointer + 2 - trampoline_start)
    leal (trampoline64 - trampoline_start)(%ebx), %eax
    movl %eax, (trampoline_far - trampoline_start)
    lgdtl (trampoline_gdt_pointer - trampoline_start)

    movl $0x20, %eax     // PAE
    movl %eax, %cr4
    movl (trampoline_root - trampoline_start), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    xorl %edx, %edx
    movl (trampoline_efer - trampoline_start), %eax
    wrmsr
    movl $0x80010033, %eax // PG WP NE ET MP PE
    movl %eax, %cr0
    ljmpl *(trampoline_far - trampoline_start)

    .code64
trampoline64:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs

    // Who are we? The 32-bit APIC id if there is one, else the 8-bit one.
    xorl %eax, %eax
    cpuid
    cmpl $0xb, %eax
    jb 1f
    movl $0xb, %eax
    xorl %ecx, %ecx
    cpuid
    testl %ebx, %ebx
    jnz 2f
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %edx
2:  // Which number is that? struct smp_start: count, ids[], stacks[], entry.
    movq trampoline_data(%rip), %rsi
    movl (%rsi), %ecx
    xorl %edi, %edi
3:  cmpl %ecx, %edi
    jae 4f
    cmpl %edx, 8(%rsi, %rdi, 4)
    je 5f
    incl %edi
    jmp 3b
4:  cli                  // nobody we know: stay asleep
    hlt
    jmp 4b
5:  movq 8 + 64 * 4(%rsi, %rdi, 8), %rsp
    movq 8 + 64 * 12(%rsi), %rax
    xorl %ebp, %ebp
    pushq %rbp           // end of backtraces
    jmp *%rax            // %edi: cpu

    .balign 8
trampoline_root:
    .quad 0
trampoline_efer:
    .quad 0
trampoline_data:
    .quad 0
trampoline_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff // 0x08 32-bit code
    .quad 0x00af9b000000ffff // 0x10 64-bit code
    .quad 0x00cf93000000ffff // 0x18 data
trampoline_gdt_pointer:
    .short . - trampoline_gdt - 1
    .long 0
    .balign 4
trampoline_far:
    .long 0
    .short 0x10
trampoline_end:
