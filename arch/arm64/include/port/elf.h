// SPDX-License-Identifier: MPL-2.0
// arm64's half of <arch/elf.h>.
#pragma once

#include <abi/elf.h>
#include <lib/types.h>

#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_PLATFORM_NAME "aarch64"

// cpu/hwcap.c, from what all CPUs have and we offer.
extern unsigned long arm64_hwcap, arm64_hwcap2;

#define ARM64_HWCAP2_BTI (1ul << 17)

#define ARCH_ELF_PROPERTY 0xc0000000u // GNU_PROPERTY_AARCH64_FEATURE_1_AND

ALWAYS_INLINE unsigned long arch_elf_hwcap(void) {
    return arm64_hwcap;
}
ALWAYS_INLINE unsigned long arch_elf_hwcap2(void) {
    return arm64_hwcap2;
}

// siginfo and ucontext with its 4 KiB of records (4688 bytes), the frame record, and what alignment may take.
ALWAYS_INLINE unsigned long arch_signal_min_stack(void) {
    return 4688 + 16 + 16;
}

// Bit 0, FEATURE_1_BTI: all code begins with landing pads.
ALWAYS_INLINE unsigned arch_elf_code_prot(uint32_t property) {
    return (property & 1) && (arch_elf_hwcap2() & ARM64_HWCAP2_BTI) ? 128 /* PROT_MAP_GUARDED */ : 0;
}
