// SPDX-License-Identifier: MPL-2.0
// /sys/devices/system/cpu: the processors, and how they lie to each other as the scheduler has it, to which each is a
// core of its own in one package.
#include "proc_priv.h"
#include <arch/smp.h>
#include <lib/fmt.h>
#include <vfs/path.h>

static unsigned cpu_of(void *context) {
    return (unsigned)(uintptr_t)context;
}

// All processors, as a range.
void cpu_range_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, arch_cpu_count() > 1 ? "0-%u\n" : "%u\n", arch_cpu_count() - 1);
}

// Bits [first, first + count) of as many as there are processors: words of 32, the highest first.
static void map_show(struct text_buffer *text, unsigned first, unsigned count) {
    for (unsigned word = (arch_cpu_count() + 31) / 32; word-- > 0;) {
        uint32_t bits = 0;
        for (unsigned bit = 0; bit < 32; bit++)
            bits |= word * 32 + bit - first < count ? 1u << bit : 0;
        text_printf(text, "%08x%s", bits, word ? "," : "\n");
    }
}

void cpu_map_show(struct text_buffer *text, void *context) {
    (void)context;
    map_show(text, 0, arch_cpu_count());
}

static void own_map_show(struct text_buffer *text, void *context) {
    map_show(text, cpu_of(context), 1);
}

static void own_show(struct text_buffer *text, void *context) {
    text_printf(text, "%u\n", cpu_of(context));
}

static void package_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "0\n");
}

void sys_cpu_init(void) {
    static const struct {
        const char *name;
        text_fn *show;
    } files[] = {
        {"core_id", own_show},
        {"core_cpus", own_map_show},
        {"core_cpus_list", own_show},
        {"thread_siblings", own_map_show},
        {"thread_siblings_list", own_show},
        {"physical_package_id", package_show},
        {"package_cpus", cpu_map_show},
        {"package_cpus_list", cpu_range_show},
        {"core_siblings", cpu_map_show},
        {"core_siblings_list", cpu_range_show},
    };
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
            char path[80];
            fmt_snprintf(path, sizeof path, "devices/system/cpu/cpu%u/topology/%s", cpu, files[i].name);
            status_t status = sysfs_add(path, 0444, files[i].show, nullptr, (void *)(uintptr_t)cpu);
            if (status != 0)
                panic("/sys/%s: error %d", path, -status);
        }
    }
}
