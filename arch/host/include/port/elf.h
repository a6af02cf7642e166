// SPDX-License-Identifier: MPL-2.0
// The host port's half of <arch/elf.h>: x86-64's numbers, so that unit tests see one set.
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

ALWAYS_INLINE unsigned long arch_elf_hwcap(void) {
    return 0;
}

ALWAYS_INLINE unsigned long arch_elf_hwcap2(void) {
    return 0;
}

ALWAYS_INLINE unsigned long arch_signal_min_stack(void) {
    return 2048;
}
