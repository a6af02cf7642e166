// SPDX-License-Identifier: MPL-2.0
// Per-CPU areas.
//
// The linker gathers all PER_CPU variables in .percpu. That copy is a template and read-only: each CPU gets an area of
// its own, filled from it. TPIDR_EL1 is the distance from the template to the area of the CPU
// (arch/arm64/include/port/percpu.h).

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <lib/string.h>

unsigned arm64_cpu_id PER_CPU;
uintptr_t arm64_percpu_bases[CPU_MAX];

size_t percpu_area_size(void) {
    return (size_t)(percpu_end - percpu_start);
}

void percpu_prepare(unsigned cpu, void *area) {
    memcpy(area, percpu_start, percpu_area_size());
    arm64_percpu_bases[cpu] = (uintptr_t)area - (uintptr_t)percpu_start;
    cpu_local(arm64_cpu_id, cpu) = cpu;
}

void percpu_load(unsigned cpu) {
    sysreg_write(TPIDR_EL1, arm64_percpu_bases[cpu]);
}
