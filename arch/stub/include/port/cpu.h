// SPDX-License-Identifier: MPL-2.0
// Porting guide: the inline half of arch/cpu.h.
#pragma once

#include <lib/types.h>

// The CPU's number must be one load, through the register that holds the per-CPU base.
ALWAYS_INLINE unsigned arch_cpu_id(void) {
    return 0;
}

// The instruction that tells the processor (and a hypervisor) that this is a spin loop. A compiler barrier at least.
ALWAYS_INLINE void arch_cpu_relax(void) {
    __asm__ volatile("" ::: "memory");
}

// The interrupt flag of this CPU. All four are compiler barriers: nothing may be moved out of a section
// without interrupts. save returns something from which restore can tell whether they were on.
ALWAYS_INLINE void arch_irq_enable(void) {
    __asm__ volatile("" ::: "memory");
}
ALWAYS_INLINE void arch_irq_disable(void) {
    __asm__ volatile("" ::: "memory");
}
ALWAYS_INLINE bool arch_irq_is_enabled(void) {
    return false;
}
ALWAYS_INLINE unsigned long arch_irq_save(void) {
    unsigned long state = arch_irq_is_enabled();
    arch_irq_disable();
    return state;
}
ALWAYS_INLINE void arch_irq_restore(unsigned long state) {
    if (state != 0)
        arch_irq_enable();
}

// Enable interrupts and sleep in such a way that an interrupt which comes between the two still ends the sleep. Where
// the hardware wakes for a pending interrupt even while they are disabled (arm64's wfi), sleep first, then enable.
ALWAYS_INLINE void arch_cpu_idle(void) {
    arch_irq_enable();
}

// The cheapest counter that changes quickly.
ALWAYS_INLINE uint64_t arch_cycles(void) {
    return 0;
}
