// SPDX-License-Identifier: MPL-2.0
// Porting guide: more than one CPU. A port may begin with one, as here.
#include <arch/smp.h>

// Each CPU comes up on its idle stack, with per-CPU area and vectors, and calls secondary_main.
unsigned arch_smp_start(void) {
    return 1;
}
void *arch_smp_idle_stack(unsigned cpu) {
    return nullptr;
}
unsigned arch_cpu_count(void) {
    return 1;
}
// An interrupt whose handler calls sched_ipi().
void arch_ipi_send(unsigned cpu) {}
// By a non-maskable way if there is one.
void arch_smp_stop_others(void) {}
