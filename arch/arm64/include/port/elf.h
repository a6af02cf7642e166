// SPDX-License-Identifier: MPL-2.0
// arm64's half of <arch/elf.h>.
#pragma once

#include <abi/elf.h>
#include <lib/types.h>

#define ARCH_ELF_MACHINE EM_AARCH64
#define ARCH_PLATFORM_NAME "aarch64"

// cpu/idregs.c, from what all CPUs have and we offer.
extern unsigned long arm64_hwcap, arm64_hwcap2;

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
