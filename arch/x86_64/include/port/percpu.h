// SPDX-License-Identifier: MPL-2.0
// x86-64: per-CPU variables through GS.
//
// In the kernel GS base is the distance from the linked .percpu section to this CPU's copy of it, so
// %gs:variable(%rip) is this CPU's copy of `variable` in one instruction. The variables that are
// used all the time have an alias in address space 256, clang's name for "through GS". The compiler sees
// ordinary loads: it may keep a value between two calls, but not across one that could block.
#pragma once

#include <lib/types.h>

struct thread;

#define X86_GS __attribute__((address_space(256)))
#define X86_HIDDEN __attribute__((visibility("hidden")))

// Defined in boot/percpu.c and cpu/entry.c as plain PER_CPU variables.
extern uintptr_t X86_GS x86_gs_percpu_base __asm__("x86_percpu_base") X86_HIDDEN;
extern unsigned X86_GS x86_gs_cpu_id __asm__("x86_cpu_id") X86_HIDDEN;
extern struct thread *X86_GS x86_gs_current __asm__("x86_current") X86_HIDDEN;

extern uintptr_t x86_percpu_bases[] X86_HIDDEN; // CPU_MAX of them

ALWAYS_INLINE uintptr_t arch_percpu_base(void) {
    return x86_gs_percpu_base;
}
ALWAYS_INLINE uintptr_t arch_percpu_base_of(unsigned cpu) {
    return x86_percpu_bases[cpu];
}
