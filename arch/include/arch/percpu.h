// SPDX-License-Identifier: MPL-2.0
// Per-CPU variables. `static struct cache cache PER_CPU;` makes one copy per CPU;
// this_cpu(cache) is the lvalue of this CPU's copy, cpu_local(cache, n) of CPU n's.
//
// Kernel code is never preempted and interrupt handlers only touch what is documented to be theirs,
// so a thread may use this_cpu() freely between two points where it can block.
#pragma once

#include <lib/types.h>

#ifdef TESSERA_HOST
#define PER_CPU
#else
#define PER_CPU __attribute__((section(".percpu")))
#endif

#include <port/percpu.h> // arch_percpu_base(), arch_percpu_base_of(cpu): byte offsets to add

#define this_cpu(var) (*(typeof(&(var)))((uintptr_t)&(var) + arch_percpu_base()))
#define cpu_local(var, cpu) (*(typeof(&(var)))((uintptr_t)&(var) + arch_percpu_base_of(cpu)))
