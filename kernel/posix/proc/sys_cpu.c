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

// The mask of all of them.
static uint64_t all_cpus(void) {
    return ~0ull >> (64 - arch_cpu_count());
}

// Words of 32 bits, the highest first, and of that as many digits as there are processors for.
void cpu_mask_show(struct text_buffer *text, uint64_t mask) {
    unsigned words = (arch_cpu_count() + 31) / 32, bits = arch_cpu_count() - 32 * (words - 1);
    for (unsigned word = words; word-- > 0; bits = 32)
        text_printf(text, "%0*x%s", (int)(bits + 3) / 4, (uint32_t)(mask >> (32 * word)), word ? "," : "\n");
}

// As ranges: 0-3,5.
void cpu_mask_list_show(struct text_buffer *text, uint64_t mask) {
    const char *comma = "";
    for (unsigned first = 0, next; first < CPU_MAX; first = next + 1) {
        for (next = first; next < CPU_MAX && (mask >> next & 1) != 0;)
            next++;
        if (next == first)
            continue;
        text_printf(text, next - first > 1 ? "%s%u-%u" : "%s%u", comma, first, next - 1);
        comma = ",";
    }
    text_printf(text, "\n");
}

void cpu_map_show(struct text_buffer *text, void *context) {
    (void)context;
    cpu_mask_show(text, all_cpus());
}

static void own_map_show(struct text_buffer *text, void *context) {
    cpu_mask_show(text, 1ull << cpu_of(context));
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
