// SPDX-License-Identifier: MPL-2.0
// The caches of the CPUs, as the CPUs describe them (/sys/devices/system/cpu/cpuN/cache).
#pragma once

#include <arch/cpu.h>

#define CACHE_MAX 8 // of one CPU: more are not looked for

enum arch_cache_type { CACHE_NONE, CACHE_DATA, CACHE_INSTRUCTION, CACHE_UNIFIED };

// What is 0 the CPU does not tell.
struct arch_cache {
    enum arch_cache_type type;
    unsigned level; // 1: the nearest
    unsigned line_size, partitions, ways, sets;
    bool has_id;
    unsigned id;     // the same for all CPUs that share it, another for each other cache of its level and type
    uint64_t shared; // bit n: CPU n has it, too; also the CPU's own
};
static_assert(CPU_MAX <= 64);

// Cache `index` of a CPU, the nearest first. False: it has no more. Any context, once all CPUs have come up.
bool arch_cpu_cache(unsigned cpu, unsigned index, struct arch_cache *cache);
