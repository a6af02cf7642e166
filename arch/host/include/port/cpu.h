// SPDX-License-Identifier: MPL-2.0
// Host port: one CPU at a time, no interrupts. A test may pretend to be another CPU (host_set_cpu).
#pragma once

#include <lib/types.h>

extern unsigned host_cpu;     // what arch_cpu_id says
extern bool host_irq_enabled; // bookkeeping only
extern uint64_t host_cycles;

// Idle: jumps the fake clock to the armed timer and runs its interrupt. Aborts if no timer is armed: nothing
// could ever wake the machine again.
void host_cpu_idle(void);

ALWAYS_INLINE void host_set_cpu(unsigned cpu) {
    host_cpu = cpu;
}
ALWAYS_INLINE unsigned arch_cpu_id(void) {
    return host_cpu;
}
ALWAYS_INLINE void arch_cpu_relax(void) {
    __asm__ volatile("" ::: "memory");
}
ALWAYS_INLINE unsigned long arch_irq_save(void) {
    unsigned long state = host_irq_enabled;
    host_irq_enabled = false;
    return state;
}
ALWAYS_INLINE void arch_irq_restore(unsigned long state) {
    host_irq_enabled = state != 0;
}
ALWAYS_INLINE void arch_irq_enable(void) {
    host_irq_enabled = true;
}
ALWAYS_INLINE void arch_irq_disable(void) {
    host_irq_enabled = false;
}
ALWAYS_INLINE bool arch_irq_is_enabled(void) {
    return host_irq_enabled;
}
ALWAYS_INLINE void arch_cpu_idle(void) {
    host_irq_enabled = true;
    host_cpu_idle();
}
ALWAYS_INLINE uint64_t arch_cycles(void) {
    return ++host_cycles;
}
