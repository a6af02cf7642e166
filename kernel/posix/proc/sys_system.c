// SPDX-License-Identifier: MPL-2.0
// /sys/devices/system: the one node of memory that all processors are near to, and the clock; and how memory comes in
// large pages (/sys/kernel/mm).
#include "proc_priv.h"
#include <arch/time.h>
#include <mm/page.h>
#include <vfs/path.h>

static void constant_show(struct text_buffer *text, void *context) {
    text_printf(text, "%s\n", (const char *)context);
}

static void kib(struct text_buffer *text, const char *name, uint64_t pages) {
    text_printf(text, "Node 0 %-15s %8llu kB\n", name, (unsigned long long)pages * (PAGE_SIZE / 1024));
}

static void node_memory_show(struct text_buffer *text, void *context) {
    struct page_stats p;
    (void)context;
    page_stats(&p);
    kib(text, "MemTotal:", p.total);
    kib(text, "MemFree:", p.free);
    kib(text, "MemUsed:", p.total - p.free);
    kib(text, "FilePages:", p.cached);
    kib(text, "AnonPages:", p.anonymous);
    kib(text, "Shmem:", p.cached); // all files live in memory
    kib(text, "PageTables:", p.tables);
    kib(text, "Slab:", p.slab);
}

#define HUGE_POOL "kernel/mm/hugepages/hugepages-2048kB/" // of MAP_HUGETLB: nothing is set aside

void sys_system_init(void) {
    static const struct {
        const char *path;
        text_fn *show;
        const char *text;
    } files[] = {
        {"devices/system/cpu/online", cpu_range_show, nullptr},
        {"devices/system/cpu/possible", cpu_range_show, nullptr},
        {"devices/system/cpu/present", cpu_range_show, nullptr},
        {"devices/system/node/online", constant_show, "0"},
        {"devices/system/node/possible", constant_show, "0"},
        {"devices/system/node/has_cpu", constant_show, "0"},
        {"devices/system/node/has_memory", constant_show, "0"},
        {"devices/system/node/has_normal_memory", constant_show, "0"},
        {"devices/system/node/node0/cpulist", cpu_range_show, nullptr},
        {"devices/system/node/node0/cpumap", cpu_map_show, nullptr},
        {"devices/system/node/node0/distance", constant_show, "10"},
        {"devices/system/node/node0/meminfo", node_memory_show, nullptr},
        {"devices/system/clocksource/clocksource0/available_clocksource", constant_show, ARCH_CLOCK_NAME},
        {"devices/system/clocksource/clocksource0/current_clocksource", constant_show, ARCH_CLOCK_NAME},
        {HUGE_POOL "nr_hugepages", constant_show, "0"},
        {HUGE_POOL "free_hugepages", constant_show, "0"},
        {HUGE_POOL "resv_hugepages", constant_show, "0"},
        {HUGE_POOL "surplus_hugepages", constant_show, "0"},
        {HUGE_POOL "nr_overcommit_hugepages", constant_show, "0"},
        {"kernel/mm/transparent_hugepage/enabled", constant_show, "[always] madvise never"},
        {"kernel/mm/transparent_hugepage/hpage_pmd_size", constant_show, "2097152"},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        status_t status = sysfs_add(files[i].path, 0444, files[i].show, nullptr, (void *)(uintptr_t)files[i].text);
        if (status != 0)
            panic("/sys/%s: error %d", files[i].path, -status);
    }
    sys_cpu_init();
    sys_cache_init();
    sys_dmi_init();
}
