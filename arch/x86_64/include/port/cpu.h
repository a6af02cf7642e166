// SPDX-License-Identifier: MPL-2.0
// x86-64: CPU number, interrupt flag, idling. See arch/cpu.h for what each function promises.
#pragma once

#include <port/percpu.h>

#define X86_FLAG_IF 0x200ul

ALWAYS_INLINE unsigned arch_cpu_id(void) {
    return x86_gs_cpu_id;
}

ALWAYS_INLINE void arch_cpu_relax(void) {
    __asm__ volatile("pause" ::: "memory");
}

ALWAYS_INLINE unsigned long x86_read_flags(void) {
    unsigned long flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags)::"memory");
    return flags;
}

ALWAYS_INLINE void arch_irq_enable(void) {
    __asm__ volatile("sti" ::: "memory");
}
ALWAYS_INLINE void arch_irq_disable(void) {
    __asm__ volatile("cli" ::: "memory");
}
ALWAYS_INLINE bool arch_irq_is_enabled(void) {
    return (x86_read_flags() & X86_FLAG_IF) != 0;
}

ALWAYS_INLINE unsigned long arch_irq_save(void) {
    unsigned long state = x86_read_flags() & X86_FLAG_IF;
    arch_irq_disable();
    return state;
}

ALWAYS_INLINE void arch_irq_restore(unsigned long state) {
    if (state != 0)
        arch_irq_enable();
}

// An interrupt is taken after the instruction that follows sti at the earliest: no gap before hlt.
ALWAYS_INLINE void arch_cpu_idle(void) {
    __asm__ volatile("sti\n\thlt" ::: "memory");
}

ALWAYS_INLINE uint64_t arch_cycles(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
