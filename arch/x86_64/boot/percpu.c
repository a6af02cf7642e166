// SPDX-License-Identifier: MPL-2.0
// Per-CPU areas.
//
// The linker gathers all PER_CPU variables in .percpu. That copy is a template and read-only: each CPU
// gets an area of its own, filled from it. While a CPU is in the kernel, its GS base is the distance from the
// template to its area, so that %gs:variable(%rip) is that CPU's copy (arch/x86_64/include/port/percpu.h).

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/percpu.h>
#include <lib/string.h>

#define MSR_GS_BASE 0xc0000101u

uintptr_t x86_percpu_base PER_CPU;
unsigned x86_cpu_id PER_CPU;
uintptr_t x86_percpu_bases[CPU_MAX];

size_t percpu_area_size(void) {
    return (size_t)(percpu_end - percpu_start);
}

void percpu_prepare(unsigned cpu, void *area) {
    memcpy(area, percpu_start, percpu_area_size());
    x86_percpu_bases[cpu] = (uintptr_t)area - (uintptr_t)percpu_start;
    cpu_local(x86_percpu_base, cpu) = x86_percpu_bases[cpu];
    cpu_local(x86_cpu_id, cpu) = cpu;
}

void percpu_load(unsigned cpu) {
    msr_write(MSR_GS_BASE, x86_percpu_bases[cpu]);
}
