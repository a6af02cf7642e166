// SPDX-License-Identifier: MPL-2.0
// ARM64: CPU number, interrupt mask, idling. See arch/cpu.h for what each function promises.
#pragma once

#include <port/percpu.h>

#define ARM64_DAIF_IRQ 0x80ul // interrupts are masked

ALWAYS_INLINE unsigned arch_cpu_id(void) {
    return *(const unsigned *)((uintptr_t)&arm64_cpu_id + arch_percpu_base());
}

ALWAYS_INLINE void arch_cpu_relax(void) {
    __asm__ volatile("yield" ::: "memory");
}

ALWAYS_INLINE unsigned long arm64_read_daif(void) {
    unsigned long daif;
    __asm__ volatile("mrs %0, daif" : "=r"(daif)::"memory");
    return daif;
}

ALWAYS_INLINE void arch_irq_enable(void) {
    __asm__ volatile("msr daifclr, #2" ::: "memory");
}
ALWAYS_INLINE void arch_irq_disable(void) {
    __asm__ volatile("msr daifset, #2" ::: "memory");
}
ALWAYS_INLINE bool arch_irq_is_enabled(void) {
    return (arm64_read_daif() & ARM64_DAIF_IRQ) == 0;
}

// All four mask bits are kept: restoring them takes no test.
ALWAYS_INLINE unsigned long arch_irq_save(void) {
    unsigned long state = arm64_read_daif();
    arch_irq_disable();
    return state;
}

ALWAYS_INLINE void arch_irq_restore(unsigned long state) {
    __asm__ volatile("msr daif, %0" ::"r"(state) : "memory");
}

// A pending interrupt ends wfi even while it is masked, and is taken when the mask goes.
ALWAYS_INLINE void arch_cpu_idle(void) {
    __asm__ volatile("dsb sy\n\twfi\n\tmsr daifclr, #2" ::: "memory");
}

ALWAYS_INLINE uint64_t arch_cycles(void) {
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
}
