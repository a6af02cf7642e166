// SPDX-License-Identifier: MPL-2.0
// /sys/devices/system/cpu/cpuN/cache/indexM: the caches of each processor. As on Linux, a file is missing whose value
// nobody knows.
#include "proc_priv.h"
#include <arch/cache.h>
#include <arch/smp.h>
#include <lib/fmt.h>
#include <vfs/path.h>

// A file's context is its processor and cache in one number.
static struct arch_cache cache_of(void *context) {
    struct arch_cache cache = {};
    unsigned number = (unsigned)(uintptr_t)context;
    return arch_cpu_cache(number / CACHE_MAX, number % CACHE_MAX, &cache) ? cache : (struct arch_cache){};
}

static uint64_t size_of(const struct arch_cache *cache) {
    return (uint64_t)cache->line_size * MAX(cache->partitions, 1u) * cache->ways * cache->sets;
}

static void level_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).level);
}

static void type_show(struct text_buffer *text, void *context) {
    static const char *const names[] = {
        [CACHE_NONE] = "",
        [CACHE_DATA] = "Data",
        [CACHE_INSTRUCTION] = "Instruction",
        [CACHE_UNIFIED] = "Unified",
    };
    text_printf(text, "%s\n", names[cache_of(context).type]);
}

static void id_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).id);
}

static void size_show(struct text_buffer *text, void *context) {
    struct arch_cache cache = cache_of(context);
    text_printf(text, "%lluK\n", (unsigned long long)size_of(&cache) >> 10);
}

static void line_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).line_size);
}

static void partitions_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).partitions);
}

static void ways_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).ways);
}

static void sets_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cache_of(context).sets);
}

static void shared_map_show(struct text_buffer *text, void *context) {
    cpu_mask_show(text, cache_of(context).shared);
}

static void shared_list_show(struct text_buffer *text, void *context) {
    cpu_mask_list_show(text, cache_of(context).shared);
}

static void add(unsigned cpu, unsigned index, const char *name, text_fn *show) {
    char path[80];
    fmt_snprintf(path, sizeof path, "devices/system/cpu/cpu%u/cache/index%u/%s", cpu, index, name);
    status_t status = sysfs_add(path, 0444, show, nullptr, (void *)(uintptr_t)(cpu * CACHE_MAX + index));
    if (status != 0)
        panic("/sys/%s: error %d", path, -status);
}

static void add_cache(unsigned cpu, unsigned index, const struct arch_cache *cache) {
    const struct {
        const char *name;
        text_fn *show;
        bool known;
    } files[] = {
        {"level", level_show, true},
        {"type", type_show, true},
        {"id", id_show, cache->has_id},
        {"size", size_show, size_of(cache) != 0},
        {"coherency_line_size", line_show, cache->line_size != 0},
        {"physical_line_partition", partitions_show, cache->partitions != 0},
        {"ways_of_associativity", ways_show, cache->ways != 0},
        {"number_of_sets", sets_show, cache->sets != 0},
        {"shared_cpu_map", shared_map_show, true},
        {"shared_cpu_list", shared_list_show, true},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++)
        if (files[i].known)
            add(cpu, index, files[i].name, files[i].show);
}

void sys_cache_init(void) {
    struct arch_cache cache;
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++)
        for (unsigned index = 0; arch_cpu_cache(cpu, index, &cache); index++)
            add_cache(cpu, index, &cache);
}
