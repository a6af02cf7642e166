// SPDX-License-Identifier: MPL-2.0
// The vDSO's file, on pages of its own since they are mapped into every process.
    .section .rodata.vdso, "a", @progbits
    .balign 4096
    .globl x86_vdso_start, x86_vdso_end
    .hidden x86_vdso_start, x86_vdso_end
x86_vdso_start:
    .incbin "vdso.so"
x86_vdso_end:
    .balign 4096
