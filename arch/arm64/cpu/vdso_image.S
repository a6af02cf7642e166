// SPDX-License-Identifier: MPL-2.0
// The vDSO's file, on pages of its own since they are mapped into every process.
    .section .rodata.vdso, "a", %progbits
    .balign 4096
    .globl arm64_vdso_start, arm64_vdso_end
    .hidden arm64_vdso_start, arm64_vdso_end
arm64_vdso_start:
    .incbin "vdso.so"
arm64_vdso_end:
    .balign 4096
