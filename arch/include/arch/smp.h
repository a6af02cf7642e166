// SPDX-License-Identifier: MPL-2.0
// More than one CPU.
#pragma once

#include <lib/types.h>

// Starts all other CPUs; each calls secondary_main(cpu), an up-call, with its per-CPU area, stack
// and interrupts set up. Returns the number of CPUs that run, this one included.
unsigned arch_smp_start(void);
// The lowest address of the stack that `cpu` (not 0) came up on, KERNEL_STACK_SIZE bytes: its idle thread's.
void *arch_smp_idle_stack(unsigned cpu);
// CPUs that run now: 0 to this less one.
unsigned arch_cpu_count(void);
// Makes `cpu` take an interrupt which calls sched_ipi(). Any context.
void arch_ipi_send(unsigned cpu);
// Stops all other CPUs for good (panic). Any context, no locks.
void arch_smp_stop_others(void);
