// SPDX-License-Identifier: MPL-2.0
// The first instructions. Two ways in, both in 32-bit protected mode without paging:
//   PVH         QEMU -kernel: %ebx = struct hvm_start_info
//   Multiboot2  GRUB: %eax = magic, %ebx = information
// Maps the first 4 GiB one to one, enters long mode, has early.c relocate and map the image, and
// jumps to boot_main at its high address. All code here is position-independent in the sense that it
// computes physical addresses from KERNEL_PHYS and distances within the image.

#define KERNEL_PHYS 0x200000
#define MULTIBOOT2_HEADER_MAGIC 0xe85250d6
#define BOOT_STACK_SIZE 16384

    .section .text.boot, "ax"
    .code32
first:
    // --- Multiboot2 header: within the first 32 KiB of the file, 8-byte aligned ---
    .balign 8
multiboot_header:
    .long MULTIBOOT2_HEADER_MAGIC
    .long 0 // i386
    .long multiboot_header_end - multiboot_header
    .long -(MULTIBOOT2_HEADER_MAGIC + (multiboot_header_end - multiboot_header))
    // Information we need: memory map and command line (optional ones come anyway).
    .balign 8
    .short 1, 0
    .long 16
    .long 6, 1
    // Entry address, physical.
    .balign 8
    .short 3, 0
    .long 12
    .long KERNEL_PHYS + (entry_multiboot - first)
    // Modules on page boundaries.
    .balign 8
    .short 6, 0
    .long 8
    // End.
    .balign 8
    .short 0, 0
    .long 8
multiboot_header_end:

    // GRUB passes its magic in %eax; for PVH we put 0 there.
    .globl entry_pvh
entry_pvh:
    xorl %eax, %eax
entry_multiboot:
    cld
    cli
    movl $KERNEL_PHYS, %ebp // physical address of `first`
    leal (boot_stack_top - first)(%ebp), %esp
    pushl $0
    pushl %ebx
    pushl $0
    pushl %eax

    // A CPU with long mode? (CPUID itself: any that runs a 64-bit kernel has it.)
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 29), %edx
    jz no_long_mode
    movl %edx, %edi // for NX below

    // Identity map: boot_pml4[0] -> boot_pdpt[0..3] -> 4 page directories of 2 MiB pages. The tables are
    // in .bss and zero.
    leal (boot_pd - first)(%ebp), %ebx
    leal (boot_pdpt - first)(%ebp), %edx
    leal 3(%edx), %eax
    movl %eax, (boot_pml4 - first)(%ebp)
    movl $4, %ecx
    leal 3(%ebx), %eax
1:  movl %eax, (%edx)
    addl $8, %edx
    addl $4096, %eax
    loop 1b
    movl $2048, %ecx
    movl $0x83, %eax // present, writable, large
1:  movl %eax, (%ebx)
    addl $8, %ebx
    addl $0x200000, %eax
    loop 1b

    // Long mode: PAE, root, EFER.LME (and NX if there is such a thing), paging with write protection.
    movl $0x20, %eax
    movl %eax, %cr4
    leal (boot_pml4 - first)(%ebp), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    testl $(1 << 20), %edi
    jz 1f
    orl $0x800, %eax
1:  wrmsr
    movl $0x80010033, %eax // PG WP NE ET MP PE
    movl %eax, %cr0

    leal (boot_gdt - first)(%ebp), %eax
    movl %eax, (boot_gdt_pointer + 2 - first)(%ebp)
    lgdt (boot_gdt_pointer - first)(%ebp)
    leal (entry64 - first)(%ebp), %eax
    pushl $0x10
    pushl %eax
    lret

no_long_mode:
    leal (no_long_mode_text - first)(%ebp), %esi
    movw $0x3f8, %dx
1:  lodsb
    testb %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  hlt
    jmp 2b
no_long_mode_text:
    .asciz "Tessera: this CPU has no 64-bit mode.\r\n"

    .code64
entry64:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    leaq boot_stack_top(%rip), %rsp
    movl -16(%rsp), %edi // magic
    movl -8(%rsp), %esi  // information
    subq $16, %rsp
    movq %rdi, (%rsp)
    movq %rsi, 8(%rsp)
    xorl %ebp, %ebp
    call early_main      // returns the distance from physical to mapped addresses
    popq %rdi
    popq %rsi
    leaq boot_main(%rip), %rcx
    addq %rax, %rcx
    addq %rax, %rsp
    xorl %ebp, %ebp
    pushq %rbp           // end of backtraces
    jmp *%rcx

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff // 0x08 32-bit code
    .quad 0x00af9b000000ffff // 0x10 64-bit code
    .quad 0x00cf93000000ffff // 0x18 data
boot_gdt_pointer:
    .short . - boot_gdt - 1
    .long 0, 0

    // --- the note by which QEMU finds the PVH entry ---
    .section .note.pvh, "a", @note
    .balign 4
    .long 4  // name size
    .long 8  // descriptor size
    .long 18 // XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad entry_pvh_phys

    .section .bss.pages, "aw", @nobits
    .balign 4096
    .globl boot_pml4, boot_pdpt, boot_pd, boot_stack, boot_stack_top
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
boot_pd:
    .skip 4 * 4096
boot_stack_guard:
    .skip 4096
boot_stack:
    .skip BOOT_STACK_SIZE
boot_stack_top:
