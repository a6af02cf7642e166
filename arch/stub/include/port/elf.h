// SPDX-License-Identifier: MPL-2.0
// Porting guide: what programs are told about the machine. Bits and names as this architecture's Linux has them.
#pragma once

#include <abi/elf.h>
#include <lib/types.h>

#define ARCH_ELF_MACHINE 0 // EM_…: none
#define ARCH_PLATFORM_NAME "stub"

// Landing pads for indirect branches, say.
#define ARCH_ELF_PROPERTY 0
ALWAYS_INLINE unsigned arch_elf_code_prot(uint32_t property) {
    return 0;
}

ALWAYS_INLINE unsigned long arch_elf_hwcap(void) {
    return 0;
}

ALWAYS_INLINE unsigned long arch_elf_hwcap2(void) {
    return 0;
}
// At least what arch_signal_push pushes at most.
ALWAYS_INLINE unsigned long arch_signal_min_stack(void) {
    return 5120;
}
