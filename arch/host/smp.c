// SPDX-License-Identifier: MPL-2.0
// Host port: one CPU. An inter-processor interrupt to itself is delivered at once.
#include <arch/smp.h>
#include <arch/upcall.h>

unsigned arch_smp_start(void) {
    return 1;
}
unsigned arch_cpu_count(void) {
    return 1;
}
void arch_ipi_send(unsigned cpu) {
    sched_ipi();
}
void arch_smp_stop_others(void) {}
