// SPDX-License-Identifier: MPL-2.0
// Disks behind virtio: moves the block core's requests to the device and back, through one queue.
//
// A chain of requests becomes one command: a header, the data, a byte of status. Headers and status bytes are in
// *slots*, as many as commands can be under way. A device that breaks the rules of the queue is stopped for good: what
// it had and all that comes later is EIO.

#include <block/block.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <sched/dpc.h>
#include <sched/sched.h>
#include <sched/spinlock.h>
#include <virtio/virtio.h>

#define KIND_BLOCK 2u
#define MAJOR 254u
#define SLOTS 64u
#define SERIAL_PATIENCE 1000000000ll // nanoseconds

// Features, by number.
enum {
    F_SIZE_MAX = 1,
    F_SEG_MAX = 2,
    F_GEOMETRY = 4,
    F_RO = 5,
    F_BLK_SIZE = 6,
    F_FLUSH = 9,
    F_TOPOLOGY = 10,
    F_DISCARD = 13,
    F_WRITE_ZEROES = 14
};
#define FEATURES                                                                                       \
    (1ull << F_SIZE_MAX | 1ull << F_SEG_MAX | 1ull << F_GEOMETRY | 1ull << F_RO | 1ull << F_BLK_SIZE | \
     1ull << F_FLUSH | 1ull << F_TOPOLOGY | 1ull << F_DISCARD | 1ull << F_WRITE_ZEROES)

// The device's configuration; each part is there with its feature.
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SIZE_MAX = 8,
    CONFIG_SEG_MAX = 12,
    CONFIG_GEOMETRY = 16,
    CONFIG_BLK_SIZE = 20,
    CONFIG_TOPOLOGY = 24,
    CONFIG_DISCARD_MAX = 36,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_ZERO_MAX = 48
};
struct topology {
    uint8_t physical_exponent, alignment;
    uint16_t io_min;
    uint32_t io_optimal;
};

enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_ID = 8, TYPE_DISCARD = 11, TYPE_ZERO = 13 };
enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_UNSUPPORTED = 2, STATUS_NONE = 0xff };

// What the device reads and writes beside the data. It can write to all of it, so nothing else is in it.
struct shared {
    struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    struct {
        uint64_t sector;
        uint32_t count, flags;
    } range; // of discarding and zeroing
    uint8_t status;
    uint8_t serial[BLOCK_SERIAL_MAX];
};

struct slot {
    struct slot *next; // free ones
    struct shared *shared;
    struct block_request *first;
};

struct disk {
    struct virtio_device *device;
    struct block_device *block;
    struct dpc dpc;
    struct spinlock lock; // protects what follows
    struct slot *free;
    struct virtqueue queue;
    struct slot slots[SLOTS];
    struct virtqueue_segment segments[VIRTQUEUE_SIZE_MAX]; // of the command that is being made
};

// ---------------------------------------------------------------- commands

static struct virtqueue_segment segment_of(const void *memory, uint32_t size) {
    return (struct virtqueue_segment){arch_virt_to_phys(memory), size};
}

static void write_header(struct shared *shared, const struct block_request *first) {
    static const uint8_t types[BLOCK_OPERATIONS] = {[BLOCK_READ] = TYPE_IN,
                                                    [BLOCK_WRITE] = TYPE_OUT,
                                                    [BLOCK_FLUSH] = TYPE_FLUSH,
                                                    [BLOCK_DISCARD] = TYPE_DISCARD,
                                                    [BLOCK_ZERO] = TYPE_ZERO};
    bool moves = first->operation <= BLOCK_WRITE;
    shared->header = (typeof(shared->header)){types[first->operation], 0, moves ? first->sector : 0};
    shared->range = (typeof(shared->range)){first->sector, first->count, 0};
    shared->status = STATUS_NONE;
}

// Fills disk->segments; the core keeps to the limits that it was given, so they fit.
static struct virtqueue_chain make_chain(struct disk *disk, struct slot *slot) {
    const struct block_request *first = slot->first;
    struct shared *shared = slot->shared;
    unsigned count = 0;
    disk->segments[count++] = segment_of(&shared->header, sizeof shared->header);
    if (first->operation == BLOCK_DISCARD || first->operation == BLOCK_ZERO)
        disk->segments[count++] = segment_of(&shared->range, sizeof shared->range);
    for (const struct block_request *request = first; request != nullptr; request = request->next) {
        for (unsigned i = 0; i < request->segment_count; i++)
            disk->segments[count++] =
                (struct virtqueue_segment){request->segments[i].address, request->segments[i].size};
    }
    disk->segments[count] = segment_of(&shared->status, 1);
    unsigned out = first->operation == BLOCK_READ ? 1 : count;
    return (struct virtqueue_chain){disk->segments, out, count + 1 - out, slot};
}

static status_t start_locked(struct disk *disk, const struct block_request *first) REQUIRES(&disk->lock) {
    struct slot *slot = disk->free;
    if (!slot)
        return -EAGAIN;
    slot->first = (struct block_request *)(uintptr_t)first;
    write_header(slot->shared, first);
    struct virtqueue_chain chain = make_chain(disk, slot);
    status_t status = virtqueue_add(&disk->queue, &chain);
    if (status != 0)
        return status;
    disk->free = slot->next;
    return 0;
}

static status_t start(void *context, const struct block_request *first) {
    struct disk *disk = context;
    spin_lock(&disk->lock);
    status_t status = start_locked(disk, first);
    bool notice = status == 0 && virtqueue_wants_notice(&disk->queue);
    spin_unlock(&disk->lock);
    if (notice)
        disk->device->transport->notify(disk->device, 0);
    return status;
}

// ---------------------------------------------------------------- completion

struct result {
    struct block_request *first; // null: it was not the core's (the serial number, late)
    status_t status;
    bool broken; // the queue is, as of now
};

// The next command that the device is through with, or that it never will be. False: there is none.
static bool next_done(struct disk *disk, struct result *result) {
    uint32_t written;
    spin_lock(&disk->lock);
    bool before = disk->queue.broken;
    struct slot *slot = virtqueue_take(&disk->queue, &written);
    *result = (struct result){.broken = disk->queue.broken && !before};
    if (!slot && before)
        slot = virtqueue_abandon(&disk->queue);
    if (slot) {
        uint8_t answer = *(volatile uint8_t *)&slot->shared->status;
        result->status = before ? -EIO : answer == STATUS_OK ? 0 : answer == STATUS_UNSUPPORTED ? -EOPNOTSUPP : -EIO;
        result->first = slot->first;
        slot->next = disk->free;
        disk->free = slot;
    }
    spin_unlock(&disk->lock);
    return slot || result->broken;
}

static void finish_commands(struct dpc *dpc) {
    struct disk *disk = CONTAINER_OF(dpc, struct disk, dpc);
    struct result result;
    while (next_done(disk, &result)) {
        if (result.first)
            block_complete(disk->block, result.first, result.status);
        if (result.broken) {
            klog(LOG_ERROR, "virtio%u: the device breaks the rules of its queue: stopped", disk->device->number);
            virtio_stop(disk->device);
        }
    }
}

static void interrupt(void *context) {
    dpc_raise(&((struct disk *)context)->dpc);
}

// ---------------------------------------------------------------- what the device says of itself

static uint32_t config32(const struct disk *disk, unsigned feature, unsigned offset, uint32_t otherwise) {
    uint32_t value;
    bool there = virtio_has(disk->device, feature) && virtio_read_config(disk->device, offset, &value, sizeof value);
    return there ? value : otherwise;
}

static void read_sizes(const struct disk *disk, struct block_limits *limits) {
    struct topology topology = {};
    limits->logical_size = config32(disk, F_BLK_SIZE, CONFIG_BLK_SIZE, BLOCK_SECTOR);
    limits->physical_size = limits->io_min = limits->logical_size;
    if (!virtio_has(disk->device, F_TOPOLOGY) ||
        !virtio_read_config(disk->device, CONFIG_TOPOLOGY, &topology, sizeof topology) ||
        topology.physical_exponent > 16)
        return;
    limits->physical_size = limits->logical_size << topology.physical_exponent;
    limits->io_min = topology.io_min != 0 ? topology.io_min * limits->logical_size : limits->physical_size;
    limits->io_optimal =
        topology.io_optimal <= UINT32_MAX / limits->logical_size ? topology.io_optimal * limits->logical_size : 0;
    limits->alignment_offset = topology.alignment * limits->logical_size;
}

static void read_limits(const struct disk *disk, struct block_limits *limits) {
    *limits = (struct block_limits){
        .depth = SLOTS, .flush = virtio_has(disk->device, F_FLUSH), .read_only = virtio_has(disk->device, F_RO)};
    read_sizes(disk, limits);
    uint32_t segments = config32(disk, F_SEG_MAX, CONFIG_SEG_MAX, 1);
    segments = MIN(segments, disk->queue.size - 2); // beside header and status
    limits->max_segments = MAX(1u, segments);
    limits->max_segment_size = config32(disk, F_SIZE_MAX, CONFIG_SIZE_MAX, UINT32_MAX);
    limits->max_sectors = limits->max_segments * (PAGE_SIZE / BLOCK_SECTOR);
    limits->discard_max = config32(disk, F_DISCARD, CONFIG_DISCARD_MAX, 0);
    uint32_t granularity = limits->discard_max ? config32(disk, F_DISCARD, CONFIG_DISCARD_ALIGNMENT, 1) : 0;
    limits->discard_granularity = granularity <= UINT32_MAX / BLOCK_SECTOR ? granularity * BLOCK_SECTOR : BLOCK_SECTOR;
    limits->zero_max = config32(disk, F_WRITE_ZEROES, CONFIG_ZERO_MAX, 0);
}

// Up to 20 characters, which may be any; what is not printable ends it.
static void copy_serial(char *to, const uint8_t *from) {
    unsigned i = 0;
    for (; i < BLOCK_SERIAL_MAX && from[i] > ' ' - 1 && from[i] <= '~'; i++)
        to[i] = (char)from[i];
    to[i] = '\0';
}

// Asked at boot, before there are requests, and polled for: a device that does not answer in time has no serial.
static void read_serial(struct disk *disk, char *serial) {
    struct slot *slot = disk->free;
    struct shared *shared = slot->shared;
    slot->first = nullptr;
    shared->header = (typeof(shared->header)){TYPE_ID, 0, 0};
    shared->status = STATUS_NONE;
    struct virtqueue_segment segments[] = {segment_of(&shared->header, sizeof shared->header),
                                           segment_of(shared->serial, sizeof shared->serial),
                                           segment_of(&shared->status, 1)};
    struct virtqueue_chain chain = {segments, 1, 2, slot};
    spin_lock(&disk->lock);
    bool asked = virtqueue_add(&disk->queue, &chain) == 0;
    spin_unlock(&disk->lock);
    if (!asked)
        return;
    disk->free = slot->next; // until the answer is there
    disk->device->transport->notify(disk->device, 0);
    uint32_t written;
    nsec_t end = clock_now() + SERIAL_PATIENCE;
    while (clock_now() < end) {
        if (virtqueue_take(&disk->queue, &written) == slot) {
            slot->next = disk->free;
            disk->free = slot;
            if (*(volatile uint8_t *)&shared->status == STATUS_OK)
                copy_serial(serial, shared->serial);
            return;
        }
        sched_yield();
    }
}

// ---------------------------------------------------------------- start

// Slots, each with a stretch of the device's memory that lies within a page.
static status_t make_slots(struct disk *disk) {
    enum { EACH = 128, PER_PAGE = PAGE_SIZE / EACH };
    static_assert(sizeof(struct shared) <= EACH && SLOTS % PER_PAGE == 0);
    for (unsigned i = 0; i < SLOTS; i += PER_PAGE) {
        struct page *page = page_alloc_one(ALLOC_ZERO);
        if (!page)
            return -ENOMEM;
        for (unsigned k = 0; k < PER_PAGE; k++) {
            struct slot *slot = &disk->slots[i + k];
            slot->shared = (struct shared *)((char *)page_to_virt(page) + k * EACH);
            slot->next = disk->free;
            disk->free = slot;
        }
    }
    return 0;
}

static status_t bring_up(struct disk *disk, struct block_info *info) {
    struct virtio_device *device = disk->device;
    status_t status = make_slots(disk);
    if (status == 0)
        status = virtio_begin(device, FEATURES);
    if (status == 0)
        status = virtio_queue_start(device, 0, &disk->queue, VIRTQUEUE_SIZE_MAX);
    if (status != 0)
        return status;
    if (disk->queue.size < 4 || !virtio_read_config(device, CONFIG_CAPACITY, &info->sectors, sizeof info->sectors))
        return -EINVAL;
    read_limits(disk, &info->limits);
    if (virtio_has(device, F_GEOMETRY) &&
        !virtio_read_config(device, CONFIG_GEOMETRY, &info->geometry, sizeof info->geometry))
        return -EINVAL;
    virtio_ready(device);
    read_serial(disk, info->serial);
    device->context = disk;
    device->interrupt = interrupt;
    return 0;
}

static const struct block_driver block_driver = {.prefix = "vd", .major = MAJOR, .start = start};

static status_t attach(struct virtio_device *device) {
    struct disk *disk = kzalloc(sizeof *disk);
    if (!disk)
        return -ENOMEM;
    struct block_info info = {.driver = &block_driver, .context = disk, .folder = device->path};
    disk->device = device;
    disk->dpc = (struct dpc)DPC_INIT(finish_commands);
    spin_init(&disk->lock);
    status_t status = bring_up(disk, &info);
    if (status == 0)
        status = block_register(&info, &disk->block);
    if (status != 0)
        virtio_stop(device); // its memory stays: whether the device has let go of it only the device knows
    return status;
}
VIRTIO_DRIVER(virtio_blk_driver) = {.kind = KIND_BLOCK, .attach = attach};
