// SPDX-License-Identifier: MPL-2.0
// System registers by name: sysreg_read(TPIDR_EL1), sysreg_write(VBAR_EL1, value).
//
// A register that the assembler does not know at the base architecture is named by its encoding,
// S<op0>_<op1>_C<n>_C<m>_<op2>; the macros below give those a name.
#pragma once

#include <lib/types.h>

#define SYSREG_STRING(name) #name
#define sysreg_read(name)                                                       \
    ({                                                                          \
        uint64_t sysreg_value_;                                                 \
        __asm__ volatile("mrs %0, " SYSREG_STRING(name) : "=r"(sysreg_value_)); \
        sysreg_value_;                                                          \
    })
#define sysreg_write(name, value) \
    __asm__ volatile("msr " SYSREG_STRING(name) ", %x0" ::"rZ"((uint64_t)(value)) : "memory")

ALWAYS_INLINE void isb(void) {
    __asm__ volatile("isb" ::: "memory");
}
ALWAYS_INLINE void dsb_sy(void) {
    __asm__ volatile("dsb sy" ::: "memory");
}
ALWAYS_INLINE void dsb_ish(void) {
    __asm__ volatile("dsb ish" ::: "memory");
}
ALWAYS_INLINE void dsb_ishst(void) {
    __asm__ volatile("dsb ishst" ::: "memory");
}
