// SPDX-License-Identifier: MPL-2.0
// /sys/devices/system: the processors, and the one node of memory that all of them are near to.
#include "proc_priv.h"
#include <arch/smp.h>
#include <lib/fmt.h>
#include <mm/page.h>
#include <vfs/path.h>

// All processors, as a range.
static void cpu_range_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, arch_cpu_count() > 1 ? "0-%u\n" : "%u\n", arch_cpu_count() - 1);
}

// All processors, as bits: words of 32, the highest first.
static void cpu_map_show(struct text_buffer *text, void *context) {
    (void)context;
    unsigned count = arch_cpu_count();
    for (unsigned word = (count + 31) / 32; word-- > 0;) {
        unsigned bits = MIN(count - word * 32, 32u);
        text_printf(text, "%08x%s", bits == 32 ? UINT32_MAX : (1u << bits) - 1, word ? "," : "\n");
    }
}

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

void sys_system_init(void) {
    static const struct {
        const char *path;
        text_fn *show;
        const char *text;
    } files[] = {
        {"cpu/online", cpu_range_show, nullptr},         {"cpu/possible", cpu_range_show, nullptr},
        {"cpu/present", cpu_range_show, nullptr},        {"node/online", constant_show, "0"},
        {"node/possible", constant_show, "0"},           {"node/has_cpu", constant_show, "0"},
        {"node/has_memory", constant_show, "0"},         {"node/has_normal_memory", constant_show, "0"},
        {"node/node0/cpulist", cpu_range_show, nullptr}, {"node/node0/cpumap", cpu_map_show, nullptr},
        {"node/node0/distance", constant_show, "10"},    {"node/node0/meminfo", node_memory_show, nullptr},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        char path[64];
        fmt_snprintf(path, sizeof(path), "devices/system/%s", files[i].path);
        status_t status = sysfs_add(path, 0444, files[i].show, nullptr, (void *)(uintptr_t)files[i].text);
        if (status != 0)
            panic("/sys/%s: error %d", path, -status);
    }
}
