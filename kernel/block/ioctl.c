// SPDX-License-Identifier: MPL-2.0
// What ioctl asks of a disk, in Linux's numbers.
#include "block_priv.h"

#include <arch/uaccess.h>
#include <object/task.h>

enum {
    HDIO_GETGEO = 0x301,
    BLKROSET = 0x125d,
    BLKROGET = 0x125e,
    BLKGETSIZE = 0x1260, // sectors, a long
    BLKFLSBUF = 0x1261,
    BLKRASET = 0x1262, // sectors
    BLKRAGET = 0x1263,
    BLKFRASET = 0x1264,
    BLKFRAGET = 0x1265,
    BLKSECTGET = 0x1267,
    BLKSSZGET = 0x1268,
    BLKDISCARD = 0x1277,
    BLKIOMIN = 0x1278,
    BLKIOOPT = 0x1279,
    BLKALIGNOFF = 0x127a,
    BLKPBSZGET = 0x127b,
    BLKDISCARDZEROES = 0x127c,
    BLKROTATIONAL = 0x127e,
    BLKZEROOUT = 0x127f,
};
#define BLKBSZGET 0x80081270u
#define BLKBSZSET 0x40081271u
#define BLKGETSIZE64 0x80081272u

struct hd_geometry {
    uint8_t heads, sectors;
    uint16_t cylinders;
    uint64_t start;
};
static_assert(sizeof(struct hd_geometry) == 16);

uint32_t block_ioctl_rights(struct object *object, unsigned command) {
    (void)object;
    switch (command) {
    case BLKDISCARD:
    case BLKZEROOUT:
        return RIGHT_WRITE;
    case BLKROSET:
    case BLKFLSBUF:
    case BLKRASET:
    case BLKFRASET:
    case BLKBSZSET:
        return RIGHT_ADMIN;
    default:
        return 0;
    }
}

// ---------------------------------------------------------------- answers

static long put_int(unsigned long argument, unsigned value) {
    return put_user(value, (unsigned __user *)argument) == 0 ? 0 : -EFAULT;
}
static long put_short(unsigned long argument, unsigned value) {
    return put_user((uint16_t)MIN(value, 0xffffu), (uint16_t __user *)argument) == 0 ? 0 : -EFAULT;
}
static long put_long(unsigned long argument, uint64_t value) {
    return put_user(value, (uint64_t __user *)argument) == 0 ? 0 : -EFAULT;
}

static long get_geometry(const struct block_device *device, unsigned long argument) {
    const struct block_geometry *geometry = &device->info.geometry;
    struct hd_geometry out = {geometry->heads, geometry->sectors, geometry->cylinders, 0};
    if (argument == 0)
        return -EINVAL;
    return copy_to_user((void __user *)argument, &out, sizeof out) == 0 ? 0 : -EFAULT;
}

static long ask(struct block_device *device, unsigned command, unsigned long argument) {
    const struct block_limits *limits = &device->info.limits;
    switch (command) {
    case BLKROGET:
        return put_int(argument, block_is_read_only(device));
    case BLKGETSIZE:
        return put_long(argument, device->info.sectors);
    case BLKGETSIZE64:
        return put_long(argument, block_size(device));
    case BLKRAGET:
    case BLKFRAGET:
        return argument == 0 ? -EINVAL : put_long(argument, device->read_ahead);
    case BLKSECTGET:
        return put_short(argument, limits->max_sectors);
    case BLKSSZGET:
        return put_int(argument, limits->logical_size);
    case BLKBSZGET:
        return put_int(argument, PAGE_SIZE);
    case BLKPBSZGET:
        return put_int(argument, limits->physical_size);
    case BLKIOMIN:
        return put_int(argument, limits->io_min);
    case BLKIOOPT:
        return put_int(argument, limits->io_optimal);
    case BLKALIGNOFF:
        return put_int(argument, limits->alignment_offset);
    case BLKDISCARDZEROES:
        return put_int(argument, 0);
    case BLKROTATIONAL:
        return put_short(argument, 1); // nobody says that it is not
    case HDIO_GETGEO:
        return get_geometry(device, argument);
    default:
        return -ENOTTY;
    }
}

// ---------------------------------------------------------------- changes

static long clear_range(struct block_device *device, enum block_operation operation, unsigned long argument) {
    const struct block_limits *limits = &device->info.limits;
    uint64_t range[2], end;
    if (operation == BLOCK_DISCARD && limits->discard_max == 0)
        return -EOPNOTSUPP;
    if (copy_from_user(range, (const void __user *)argument, sizeof range) != 0)
        return -EFAULT;
    if (range[0] % BLOCK_SECTOR != 0 || range[1] % BLOCK_SECTOR != 0 ||
        __builtin_add_overflow(range[0], range[1], &end) || end > block_size(device))
        return -EINVAL;
    if (range[1] == 0 || range[0] % limits->logical_size != 0 || range[1] % limits->logical_size != 0)
        return range[1] == 0 && operation == BLOCK_ZERO ? 0 : -EINVAL;
    return direct_clear(device, operation, range[0], range[1]);
}

static long set_read_only(struct block_device *device, unsigned long argument) {
    int value;
    if (get_user(value, (const int __user *)argument) != 0)
        return -EFAULT;
    atomic_store_explicit(&device->read_only, value != 0 || device->info.limits.read_only, memory_order_relaxed);
    return 0;
}

static long flush_buffers(struct block_device *device) {
    status_t status = cache_sync(device, 0, block_size(device), true);
    cache_drop(&device->cache, 0, UINT64_MAX >> PAGE_SHIFT);
    return status;
}

static long set_block_size(unsigned long argument) {
    int size;
    if (get_user(size, (const int __user *)argument) != 0)
        return -EFAULT;
    return size == PAGE_SIZE ? 0 : -EINVAL; // of the page cache, which has pages
}

static long change(struct block_device *device, unsigned command, unsigned long argument) {
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EACCES;
    switch (command) {
    case BLKROSET:
        return set_read_only(device, argument);
    case BLKFLSBUF:
        return flush_buffers(device);
    case BLKBSZSET:
        return set_block_size(argument);
    default: // BLKRASET, BLKFRASET
        atomic_store_explicit(&device->read_ahead, (uint32_t)MIN(argument, 1ul << 20), memory_order_relaxed);
        return 0;
    }
}

long block_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct block_device *device = ((struct block_file *)object)->device;
    if (command == BLKDISCARD || command == BLKZEROOUT)
        return clear_range(device, command == BLKDISCARD ? BLOCK_DISCARD : BLOCK_ZERO, argument);
    return block_ioctl_rights(object, command) == RIGHT_ADMIN ? change(device, command, argument)
                                                              : ask(device, command, argument);
}
