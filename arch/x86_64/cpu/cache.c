// SPDX-License-Identifier: MPL-2.0
// The caches, by CPUID: leaf 4, AMD's copy of it (0x8000001d), or the two leaves that AMD had before (0x80000005 and
// 0x80000006), which say nothing of sharing: the first two levels are then each CPU's own, the third is everybody's.
//
// Each CPU reads its own when it comes up, for CPUs may differ. Those share a cache whose APIC ids are equal but for
// the low bits that the cache's number of threads takes.
#include "cpu/cpu_priv.h"
#include <arch/cache.h>
#include <arch/smp.h>

#define SHARED_BY_ALL 31 // bits of an APIC id

struct described {
    struct arch_cache cache;
    unsigned shared_bits; // of the APIC id
};

static struct {
    uint32_t apic_id;
    unsigned count;
    struct described caches[CACHE_MAX];
} cpus[CPU_MAX]; // each written by its CPU alone, before others look

static bool has_leaf(uint32_t leaf) {
    return cpuid(leaf & 0x80000000u, 0).a >= leaf;
}

static uint32_t own_apic_id(void) {
    struct cpuid_result topology = has_leaf(0xb) ? cpuid(0xb, 0) : (struct cpuid_result){};
    return topology.b != 0 ? topology.d : cpuid(1, 0).b >> 24;
}

// The bits that number `count` things.
static unsigned bits_for(unsigned count) {
    unsigned bits = 0;
    while ((1u << bits) < count)
        bits++;
    return bits;
}

// One sub-leaf a cache, to the first of type 0.
static unsigned read_leaf(uint32_t leaf, struct described *to) {
    unsigned count = 0;
    for (; count < CACHE_MAX; count++) {
        struct cpuid_result r = cpuid(leaf, count);
        unsigned type = r.a & 31;
        if (type < CACHE_DATA || type > CACHE_UNIFIED) // CPUID's numbers
            break;
        to[count] = (struct described){
            .cache = {.type = type,
                      .level = r.a >> 5 & 7,
                      .line_size = (r.b & 0xfff) + 1,
                      .partitions = (r.b >> 12 & 0x3ff) + 1,
                      .ways = (r.b >> 22) + 1,
                      .sets = r.c + 1},
            .shared_bits = bits_for((r.a >> 14 & 0xfff) + 1),
        };
    }
    return count;
}

// What AMD's older leaves say of one cache. `ways` 0: fully associative.
static unsigned add_old(struct described *to, struct arch_cache cache, uint64_t size) {
    if (size == 0 || cache.line_size == 0 || cache.partitions == 0)
        return 0;
    unsigned lines = (unsigned)(size / cache.line_size / cache.partitions);
    if (cache.ways == 0)
        cache.ways = lines;
    cache.sets = lines / cache.ways;
    *to = (struct described){.cache = cache, .shared_bits = cache.level >= 3 ? SHARED_BY_ALL : 0};
    return 1;
}

// The 32 bits that describe a cache of level 1.
static struct arch_cache old_first(enum arch_cache_type type, uint32_t bits) {
    unsigned ways = bits >> 16 & 255;
    return (struct arch_cache){.type = type,
                               .level = 1,
                               .line_size = bits & 255,
                               .partitions = bits >> 8 & 255,
                               .ways = ways == 255 ? 0 : ways};
}

// … and of the others, whose ways are a code.
static struct arch_cache old_farther(unsigned level, uint32_t bits) {
    static const uint8_t ways[16] = {
        1, 1, 2, 3, 4, 6, 8, 1, 16, 1, 32, 48, 64, 96, 128, 0,
    };
    return (struct arch_cache){.type = CACHE_UNIFIED,
                               .level = level,
                               .line_size = bits & 255,
                               .partitions = bits >> 8 & 15,
                               .ways = ways[bits >> 12 & 15]};
}

static unsigned read_old(struct described *to) {
    struct cpuid_result first = cpuid(0x80000005u, 0), farther = cpuid(0x80000006u, 0);
    unsigned count = 0;
    count += add_old(to + count, old_first(CACHE_DATA, first.c), (uint64_t)(first.c >> 24) << 10);
    count += add_old(to + count, old_first(CACHE_INSTRUCTION, first.d), (uint64_t)(first.d >> 24) << 10);
    count += add_old(to + count, old_farther(2, farther.c), (uint64_t)(farther.c >> 16) << 10);
    count += add_old(to + count, old_farther(3, farther.d), (uint64_t)(farther.d >> 18) << 19);
    return count;
}

void cache_init_cpu(void) {
    unsigned cpu = arch_cpu_id();
    struct described *to = cpus[cpu].caches;
    cpus[cpu].apic_id = own_apic_id();
    unsigned count = has_leaf(4) ? read_leaf(4, to) : 0;
    if (count == 0 && has_leaf(0x8000001du))
        count = read_leaf(0x8000001du, to);
    if (count == 0 && has_leaf(0x80000006u))
        count = read_old(to);
    cpus[cpu].count = count;
}

bool arch_cpu_cache(unsigned cpu, unsigned index, struct arch_cache *cache) {
    if (cpu >= arch_cpu_count() || index >= cpus[cpu].count)
        return false;
    const struct described *own = &cpus[cpu].caches[index];
    *cache = own->cache;
    cache->has_id = true;
    cache->id = cpus[cpu].apic_id >> own->shared_bits;
    for (unsigned other = 0; other < arch_cpu_count(); other++)
        if (index < cpus[other].count && cpus[other].apic_id >> own->shared_bits == cache->id)
            cache->shared |= 1ull << other;
    return true;
}
