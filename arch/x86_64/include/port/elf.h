// SPDX-License-Identifier: MPL-2.0
// x86-64's half of <arch/elf.h>.
#pragma once

#include <abi/elf.h>
#include <lib/types.h>

#define ARCH_ELF_MACHINE EM_X86_64
#define ARCH_PLATFORM_NAME "x86_64"

#define ARCH_ELF_PROPERTY 0
ALWAYS_INLINE unsigned arch_elf_code_prot(uint32_t property) {
    (void)property;
    return 0;
}

ALWAYS_INLINE void x86_elf_cpuid(uint32_t leaf, uint32_t out[4]) {
    __asm__("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

// Linux gives CPUID leaf 1's edx, read once.
ALWAYS_INLINE unsigned long arch_elf_hwcap(void) {
    static uint32_t cached;
    if (!cached) {
        uint32_t r[4];
        x86_elf_cpuid(1, r);
        cached = r[3];
    }
    return cached;
}

// Bit 1: user mode may read and write FS and GS base (CR4.FSGSBASE).
ALWAYS_INLINE unsigned long arch_elf_hwcap2(void) {
    static uint32_t cached = ~0u;
    if (cached == ~0u) {
        uint32_t r[4];
        x86_elf_cpuid(7, r);
        cached = r[1] & 1 ? 2 : 0;
    }
    return cached;
}

// The frame without vector state (ucontext, siginfo, return address, alignment), then what XSAVE takes.
ALWAYS_INLINE unsigned long arch_signal_min_stack(void) {
    static uint32_t cached;
    if (!cached) {
        uint32_t r[4], xsave = 512;
        x86_elf_cpuid(1, r);
        if (r[2] >> 27 & 1) { // OSXSAVE
            x86_elf_cpuid(13, r);
            xsave = r[1];
        }
        cached = ALIGN_UP(xsave + 4 + 64 + 1024, 16u);
    }
    return cached;
}
