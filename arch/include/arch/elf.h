// SPDX-License-Identifier: MPL-2.0
// What a program image needs to know of the machine: accepted ELF files, entries of the auxiliary vector.
#pragma once

#include <lib/types.h>

// ARCH_ELF_MACHINE, the e_machine of programs; ARCH_PLATFORM_NAME, AT_PLATFORM and uname's machine.
// ARCH_ELF_PROPERTY, the type of the GNU property (of 32 bits) in which programs say how their code wants to be mapped;
// 0: there is none.
#include <port/elf.h>

// The PROT_MAP_ bits (PROT_MAP_GUARDED) that a value of that property asks for, for executable segments.
ALWAYS_INLINE unsigned arch_elf_code_prot(uint32_t property);

// AT_HWCAP, AT_HWCAP2: instruction sets, in the bits that Linux gives them here.
ALWAYS_INLINE unsigned long arch_elf_hwcap(void);
ALWAYS_INLINE unsigned long arch_elf_hwcap2(void);
// AT_MINSIGSTKSZ: the bytes that the largest signal frame takes.
ALWAYS_INLINE unsigned long arch_signal_min_stack(void);
