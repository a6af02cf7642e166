// SPDX-License-Identifier: MPL-2.0
// What /sys shows of a disk: a folder below its device's, links to it in /sys/block, /sys/class/block and
// /sys/dev/block.
#include "block_priv.h"

#include <lib/fmt.h>
#include <lib/string.h>
#include <vfs/path.h>

#define PATH_SIZE 192u

#define LIMIT(device) ((device)->info.limits)

// A file that shows one number.
#define NUMBER(name, expression)                                       \
    static void show_##name(struct text_buffer *text, void *context) { \
        struct block_device *device = context;                         \
        text_printf(text, "%llu\n", (unsigned long long)(expression)); \
    }                                                                  \
    static_assert(true)

NUMBER(size, device->info.sectors);
NUMBER(ro, block_is_read_only(device));
NUMBER(range, ((void)device, 16));
NUMBER(ext_range, ((void)device, 256));
NUMBER(zero, ((void)device, 0));
NUMBER(one, ((void)device, 1));
NUMBER(diskseq, device->index + 1);
NUMBER(alignment_offset, LIMIT(device).alignment_offset);
NUMBER(logical, LIMIT(device).logical_size);
NUMBER(physical, LIMIT(device).physical_size);
NUMBER(io_min, LIMIT(device).io_min);
NUMBER(io_optimal, LIMIT(device).io_optimal);
NUMBER(max_kb, LIMIT(device).max_sectors / 2);
NUMBER(max_segments, LIMIT(device).max_segments);
NUMBER(max_segment_size, LIMIT(device).max_segment_size);
NUMBER(depth, LIMIT(device).depth);
NUMBER(read_ahead_kb, device->read_ahead / 2);
NUMBER(discard_granularity, LIMIT(device).discard_granularity);
NUMBER(discard_max, (uint64_t)LIMIT(device).discard_max << BLOCK_SECTOR_SHIFT);
NUMBER(zero_max, (uint64_t)LIMIT(device).zero_max << BLOCK_SECTOR_SHIFT);

static ssize_t store_read_ahead(void *context, const char *text, size_t length) {
    uint32_t value = 0;
    size_t i = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9' && value < 1u << 20; i++)
        value = value * 10 + (uint32_t)(text[i] - '0');
    if (i == 0 || (i < length && text[i] != '\n'))
        return -EINVAL;
    atomic_store_explicit(&((struct block_device *)context)->read_ahead, value * 2, memory_order_relaxed);
    return (ssize_t)length;
}

static void show_serial(struct text_buffer *text, void *context) {
    text_printf(text, "%s", ((struct block_device *)context)->info.serial);
}
static void show_dev(struct text_buffer *text, void *context) {
    const struct block_device *device = context;
    text_printf(text, "%u:%u\n", block_major(device), block_minor(device));
}
static void show_uevent(struct text_buffer *text, void *context) {
    const struct block_device *device = context;
    text_printf(text, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\nDISKSEQ=%u\n", block_major(device),
                block_minor(device), device->name, device->index + 1);
}
static void show_stat(struct text_buffer *text, void *context) {
    block_show_counters(text, context, true);
}
static void show_inflight(struct text_buffer *text, void *context) {
    struct block_counters counters;
    queue_read_counters(&((struct block_device *)context)->queue, &counters);
    text_printf(text, "%8u %8u\n", counters.open_reads, counters.open - counters.open_reads);
}
static void show_scheduler(struct text_buffer *text, void *context) {
    (void)context; // the core's own, which has no other beside it
    text_printf(text, "[none]\n");
}
static void show_write_cache(struct text_buffer *text, void *context) {
    text_printf(text, LIMIT((struct block_device *)context).flush ? "write back\n" : "write through\n");
}
static void show_zoned(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "none\n");
}

static const struct {
    const char *name;
    text_fn *show;
    text_store_fn *store;
} files[] = {
    {"alignment_offset", show_alignment_offset},
    {"cache_type", show_write_cache},
    {"capability", show_zero},
    {"dev", show_dev},
    {"discard_alignment", show_zero},
    {"diskseq", show_diskseq},
    {"ext_range", show_ext_range},
    {"hidden", show_zero},
    {"inflight", show_inflight},
    {"range", show_range},
    {"removable", show_zero},
    {"ro", show_ro},
    {"serial", show_serial},
    {"size", show_size},
    {"stat", show_stat},
    {"uevent", show_uevent},
    {"queue/add_random", show_zero},
    {"queue/dax", show_zero},
    {"queue/discard_granularity", show_discard_granularity},
    {"queue/discard_max_bytes", show_discard_max},
    {"queue/discard_max_hw_bytes", show_discard_max},
    {"queue/discard_zeroes_data", show_zero},
    {"queue/fua", show_zero},
    {"queue/hw_sector_size", show_logical},
    {"queue/iostats", show_one},
    {"queue/logical_block_size", show_logical},
    {"queue/max_hw_sectors_kb", show_max_kb},
    {"queue/max_sectors_kb", show_max_kb},
    {"queue/max_segment_size", show_max_segment_size},
    {"queue/max_segments", show_max_segments},
    {"queue/minimum_io_size", show_io_min},
    {"queue/nomerges", show_zero},
    {"queue/nr_requests", show_depth},
    {"queue/optimal_io_size", show_io_optimal},
    {"queue/physical_block_size", show_physical},
    {"queue/read_ahead_kb", show_read_ahead_kb, store_read_ahead},
    {"queue/rotational", show_one},
    {"queue/scheduler", show_scheduler},
    {"queue/write_cache", show_write_cache},
    {"queue/write_zeroes_max_bytes", show_zero_max},
    {"queue/zoned", show_zoned},
};

// The link of the disk's folder, which is as deep as its device's and two more, to its class.
static status_t add_subsystem(const struct block_device *device) {
    char target[PATH_SIZE] = "../../..", path[PATH_SIZE];
    for (const char *at = device->info.folder; (at = strchr(at, '/')) != nullptr; at++)
        fmt_snprintf(target + strlen(target), sizeof target - strlen(target), "/..");
    fmt_snprintf(target + strlen(target), sizeof target - strlen(target), "/class/block");
    fmt_snprintf(path, sizeof path, "%s/block/%s/subsystem", device->info.folder, device->name);
    return sysfs_add_link(path, target);
}

static status_t list_links(const struct block_device *device) {
    char target[PATH_SIZE], path[PATH_SIZE];
    fmt_snprintf(target, sizeof target, "../%s/block/%s", device->info.folder, device->name);
    fmt_snprintf(path, sizeof path, "block/%s", device->name);
    status_t status = sysfs_add_link(path, target);
    fmt_snprintf(target, sizeof target, "../../%s/block/%s", device->info.folder, device->name);
    fmt_snprintf(path, sizeof path, "class/block/%s", device->name);
    if (status == 0)
        status = sysfs_add_link(path, target);
    fmt_snprintf(path, sizeof path, "dev/block/%u:%u", block_major(device), block_minor(device));
    if (status == 0)
        status = sysfs_add_link(path, target);
    fmt_snprintf(path, sizeof path, "%s/block/%s/device", device->info.folder, device->name);
    if (status == 0)
        status = sysfs_add_link(path, "../..");
    return status == 0 ? add_subsystem(device) : status;
}

status_t block_list(struct block_device *device) {
    char path[PATH_SIZE];
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        fmt_snprintf(path, sizeof path, "%s/block/%s/%s", device->info.folder, device->name, files[i].name);
        status_t status = sysfs_add(path, files[i].store ? 0644 : 0444, files[i].show, files[i].store, device);
        if (status != 0)
            return status;
    }
    return list_links(device);
}
