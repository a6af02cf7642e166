// SPDX-License-Identifier: MPL-2.0
// The caches, by CLIDR_EL1 (which levels there are) and CCSIDR_EL1 (what the one is like that CSSELR_EL1 selects).
//
// Each CPU reads its own when it comes up, for CPUs may differ. The registers do not say who shares a cache: the first
// level is taken for each CPU's own and the others for everybody's, as Linux does that has nothing else to go by. They
// have no number, then.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <arch/cache.h>
#include <arch/smp.h>

#define LEVELS 7 // fields of CLIDR_EL1
#define SELECT_INSTRUCTION 1u
#define CCIDX_SHIFT 20 // in ID_AA64MMFR2_EL1: CCSIDR_EL1 has its wide form
#define ID_AA64MMFR2_EL1 S3_0_C0_C7_2
#define SIZE_MIN 1024 // a register that nobody filled in says 16 bytes

enum { KIND_NONE, KIND_INSTRUCTION, KIND_DATA, KIND_BOTH, KIND_UNIFIED };

static struct {
    unsigned count;
    struct arch_cache caches[CACHE_MAX];
} cpus[CPU_MAX]; // each written by its CPU alone, before others look

static void describe(struct arch_cache *cache) {
    sysreg_write(CSSELR_EL1, (cache->level - 1) << 1 | (cache->type == CACHE_INSTRUCTION ? SELECT_INSTRUCTION : 0));
    isb();
    uint64_t value = sysreg_read(CCSIDR_EL1);
    bool wide = (sysreg_read(ID_AA64MMFR2_EL1) >> CCIDX_SHIFT & 15) != 0;
    unsigned line_size = 16u << (value & 7);
    unsigned ways = (unsigned)(value >> 3 & (wide ? 0x1fffff : 0x3ff)) + 1;
    unsigned sets = (unsigned)(wide ? value >> 32 & 0xffffff : value >> 13 & 0x7fff) + 1;
    if ((uint64_t)line_size * ways * sets < SIZE_MIN)
        return;
    cache->line_size = line_size;
    cache->ways = ways;
    cache->sets = sets;
}

static void add(unsigned cpu, unsigned level, enum arch_cache_type type) {
    if (cpus[cpu].count == CACHE_MAX)
        return;
    struct arch_cache *cache = &cpus[cpu].caches[cpus[cpu].count++];
    *cache = (struct arch_cache){.type = type, .level = level};
    describe(cache);
}

void cache_init_cpu(void) {
    uint64_t levels = sysreg_read(CLIDR_EL1);
    unsigned cpu = arch_cpu_id();
    for (unsigned level = 1; level <= LEVELS; level++) {
        unsigned kind = levels >> (3 * (level - 1)) & 7;
        if (kind == KIND_NONE || kind > KIND_UNIFIED)
            break;
        if (kind == KIND_DATA || kind == KIND_BOTH)
            add(cpu, level, CACHE_DATA);
        if (kind == KIND_INSTRUCTION || kind == KIND_BOTH)
            add(cpu, level, CACHE_INSTRUCTION);
        if (kind == KIND_UNIFIED)
            add(cpu, level, CACHE_UNIFIED);
    }
}

bool arch_cpu_cache(unsigned cpu, unsigned index, struct arch_cache *cache) {
    if (cpu >= arch_cpu_count() || index >= cpus[cpu].count)
        return false;
    *cache = cpus[cpu].caches[index];
    for (unsigned other = 0; other < arch_cpu_count(); other++)
        if (other == cpu || (cache->level > 1 && index < cpus[other].count))
            cache->shared |= 1ull << other;
    return true;
}
