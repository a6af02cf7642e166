// SPDX-License-Identifier: MPL-2.0
// ARM64: per-CPU variables. TPIDR_EL1 is the distance from the linked .percpu section to this CPU's copy of it.
//
// Reading it claims to read memory, too: the compiler may use a value again, but not after a call, which could have
// blocked and come back on another CPU.
#pragma once

#include <lib/types.h>

#define ARM64_HIDDEN __attribute__((visibility("hidden")))

extern uintptr_t arm64_percpu_bases[] ARM64_HIDDEN; // CPU_MAX of them; boot/percpu.c
extern unsigned arm64_cpu_id ARM64_HIDDEN;          // a PER_CPU variable: the CPU's number; boot/percpu.c

register const uintptr_t *arm64_sp __asm__("sp");
#define ARM64_SOME_MEMORY "Q"(*arm64_sp)

ALWAYS_INLINE uintptr_t arch_percpu_base(void) {
    uintptr_t base;
    __asm__("mrs %0, tpidr_el1" : "=r"(base) : ARM64_SOME_MEMORY);
    return base;
}
ALWAYS_INLINE uintptr_t arch_percpu_base_of(unsigned cpu) {
    return arm64_percpu_bases[cpu];
}
