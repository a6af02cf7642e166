// SPDX-License-Identifier: MPL-2.0
// Disks: their names and numbers, their node in /dev. A disk that was found stays.
#include "block_priv.h"

#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/slab.h>

#define MINORS 16u // of a disk: itself and its partitions
#define READ_AHEAD_SECTORS 256u
#define NODE_MODE 0660

struct block_devices block_devices; // written by one thread at boot

// vda … vdz, vdaa …
static void make_name(struct block_device *device) {
    char letters[4];
    unsigned length = 0;
    for (unsigned rest = device->index + 1; rest > 0; rest = (rest - 1) / 26)
        letters[length++] = (char)('a' + (rest - 1) % 26);
    int at = fmt_snprintf(device->name, sizeof device->name - sizeof letters, "%s", device->info.driver->prefix);
    while (length > 0)
        device->name[at++] = letters[--length];
    device->name[at] = '\0';
}

static uint32_t device_number(unsigned major, unsigned minor) {
    return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static bool is_size(uint32_t size) {
    return size >= BLOCK_SECTOR && size <= PAGE_SIZE && (size & (size - 1)) == 0;
}

// A whole page, or else a unit of the disk, goes into one request; what is not a multiple of the unit is of no use.
static status_t check_limits(struct block_info *info) {
    struct block_limits *limits = &info->limits;
    if (!is_size(limits->logical_size) || limits->max_segments == 0 || limits->depth == 0 ||
        limits->max_segment_size < PAGE_SIZE || limits->max_sectors < PAGE_SIZE / BLOCK_SECTOR)
        return -EINVAL;
    uint32_t unit = limits->logical_size / BLOCK_SECTOR;
    limits->max_sectors -= limits->max_sectors % unit;
    limits->discard_max -= limits->discard_max % unit;
    limits->zero_max -= limits->zero_max % unit;
    // The largest size that is a file's, too.
    info->sectors = MIN(info->sectors, ((uint64_t)INT64_MAX - PAGE_SIZE) >> BLOCK_SECTOR_SHIFT);
    info->sectors -= info->sectors % unit;
    return 0;
}

static struct block_device *make_device(const struct block_info *info, unsigned index) {
    struct block_device *device = kzalloc(sizeof *device);
    if (!device)
        return nullptr;
    device->info = *info;
    device->index = index;
    device->number = device_number(info->driver->major, index * MINORS);
    make_name(device);
    queue_init(&device->queue);
    atomic_init(&device->read_only, info->limits.read_only);
    atomic_init(&device->read_ahead, READ_AHEAD_SECTORS);
    device->node = (struct device_ops){.name = device->name,
                                       .device = device->number,
                                       .mode = NODE_MODE,
                                       .block = true,
                                       .open = block_open,
                                       .context = device};
    return device;
}

status_t block_register(const struct block_info *info, struct block_device **out) {
    unsigned index = atomic_load_explicit(&block_devices.count, memory_order_relaxed);
    struct block_info checked = *info;
    status_t status = check_limits(&checked);
    if (status != 0)
        return status;
    if (index == ARRAY_SIZE(block_devices.all))
        return -ENOSPC;
    struct block_device *device = make_device(&checked, index);
    if (!device)
        return -ENOMEM;
    status = cache_init(device);
    if (status != 0) {
        kfree(device);
        return status;
    }
    *out = device;
    block_devices.all[index] = device;
    atomic_store_explicit(&block_devices.count, index + 1, memory_order_release);
    klog(LOG_INFO, "%s: %llu sectors of %u bytes%s", device->name,
         (unsigned long long)(block_size(device) / checked.limits.logical_size), checked.limits.logical_size,
         checked.limits.read_only ? ", read-only" : "");
    status = block_list(device);
    if (status == 0)
        status = device_register(&device->node);
    if (status != 0) // the disk is there all the same
        klog(LOG_WARNING, "%s: not shown: error %d", device->name, -status);
    return 0;
}

void block_init(void) {
    block_proc_init();
}
