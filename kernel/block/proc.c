// SPDX-License-Identifier: MPL-2.0
// /proc/partitions and /proc/diskstats, and the numbers that the latter and /sys/block/*/stat consist of.
#include "block_priv.h"

#include <lib/log.h>
#include <vfs/path.h>

static uint64_t milliseconds(nsec_t time) {
    return (uint64_t)time / 1'000'000;
}

void block_show_counters(struct text_buffer *text, struct block_device *device, bool aligned) {
    enum { NUMBERS = 17 };
    static const enum block_counter order[] = {COUNT_READ, COUNT_WRITE, COUNT_DISCARD};
    static const unsigned places[] = {0, 4, 11};
    struct block_counters counters;
    queue_read_counters(&device->queue, &counters);
    uint64_t numbers[NUMBERS] = {}, time = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        uint64_t *at = &numbers[places[i]];
        at[0] = counters.by[order[i]].requests;
        at[1] = counters.by[order[i]].merged;
        at[2] = counters.by[order[i]].sectors;
        at[3] = milliseconds(counters.by[order[i]].time);
        time += at[3];
    }
    numbers[8] = counters.open;
    numbers[9] = milliseconds(counters.busy_time);
    numbers[15] = counters.by[COUNT_FLUSH].requests;
    numbers[16] = milliseconds(counters.by[COUNT_FLUSH].time);
    numbers[10] = time + numbers[16];
    for (unsigned i = 0; i < NUMBERS; i++)
        text_printf(text, aligned && i == 0 ? "%8llu" : aligned ? " %8llu" : " %llu", (unsigned long long)numbers[i]);
    text_printf(text, "\n");
}

static void partitions_show(struct text_buffer *text, void *context) {
    (void)context;
    unsigned count = atomic_load_explicit(&block_devices.count, memory_order_acquire);
    if (count > 0)
        text_printf(text, "major minor  #blocks  name\n\n");
    for (unsigned i = 0; i < count; i++) {
        const struct block_device *device = block_devices.all[i];
        if (device->info.sectors > 0)
            text_printf(text, "%4u  %7u %10llu %s\n", block_major(device), block_minor(device),
                        (unsigned long long)device->info.sectors >> 1, device->name);
    }
}

static void diskstats_show(struct text_buffer *text, void *context) {
    (void)context;
    unsigned count = atomic_load_explicit(&block_devices.count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct block_device *device = block_devices.all[i];
        text_printf(text, "%4u %7u %s", block_major(device), block_minor(device), device->name);
        block_show_counters(text, device, false);
    }
}

void block_proc_init(void) {
    status_t status = procfs_add("partitions", 0444, partitions_show, nullptr, nullptr);
    if (status == 0)
        status = procfs_add("diskstats", 0444, diskstats_show, nullptr, nullptr);
    if (status != 0)
        klog(LOG_WARNING, "/proc/partitions: error %d", -status);
}
