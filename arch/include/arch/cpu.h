// SPDX-License-Identifier: MPL-2.0
// The CPU as generic code sees it: identity, interrupts, idling.
#pragma once

#include <lib/types.h>

#define CPU_MAX 64

#include <port/cpu.h> // the inline functions below

// Number of this CPU, 0 … cpu_count()-1. The caller cannot migrate inside the kernel unless it blocks.
ALWAYS_INLINE unsigned arch_cpu_id(void);
// A hint in a spin loop.
ALWAYS_INLINE void arch_cpu_relax(void);

// Interrupts of this CPU. save() disables them and returns the earlier state for restore().
ALWAYS_INLINE unsigned long arch_irq_save(void);
ALWAYS_INLINE void arch_irq_restore(unsigned long state);
ALWAYS_INLINE void arch_irq_enable(void);
ALWAYS_INLINE void arch_irq_disable(void);
ALWAYS_INLINE bool arch_irq_is_enabled(void);

// Called with interrupts off: enables them and sleeps until one arrives, without a gap between the
// two in which a wake-up could be lost. Returns with interrupts on.
ALWAYS_INLINE void arch_cpu_idle(void);
// Stops this CPU for good.
[[noreturn]] void arch_cpu_halt(void);

// A cycle counter for seeds and statistics; need not be constant in rate.
ALWAYS_INLINE uint64_t arch_cycles(void);
// Fills as many bytes as the CPU's random instruction gives, returns their number (may be 0).
size_t arch_random(void *to, size_t size);
// Text of /proc/cpuinfo for one CPU; returns the length.
int arch_cpu_describe(unsigned cpu, char *to, size_t size);
