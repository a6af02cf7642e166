// SPDX-License-Identifier: MPL-2.0
// The block core: requests to disks, and the disks. A driver registers a disk and carries out requests; everything else
// (queue, page cache, /dev, /sys, /proc) is here. docs/block.md
#pragma once

#include <abi/rights.h>
#include <lib/list.h>
#include <lib/status.h>
#include <lib/types.h>

#define BLOCK_SECTOR_SHIFT 9
#define BLOCK_SECTOR (1u << BLOCK_SECTOR_SHIFT) // what positions and lengths count, whatever the disk's own unit
#define BLOCK_SERIAL_MAX 20u

struct block_device;

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_OPERATIONS };
// Who waits: a reader; somebody, for his own writes; nobody.
enum block_priority { BLOCK_URGENT, BLOCK_NORMAL, BLOCK_BACKGROUND, BLOCK_PRIORITIES };

struct block_segment {
    paddr_t address;
    uint32_t size; // bytes
};

// A request is its maker's until it is submitted, and again when `done` is called. Requests that are under way have no
// order among each other: who needs one waits. A flush covers the writes that were done before it was submitted.
struct block_request {
    struct list_node node;
    enum block_operation operation;
    enum block_priority priority;
    uint32_t rights; // of the handle that it came through: READ to read, WRITE for all others
    uint32_t count;  // sectors; 0 for a flush
    uint64_t sector;
    const struct block_segment *segments; // `count` sectors in all, to read and write
    unsigned segment_count;
    status_t status;                             // when it is done
    void (*done)(struct block_request *request); // thread or dpc context, no lock held: may take spinlocks
    void *context;                               // the maker's
    // The queue's:
    struct block_request *next; // is carried out with this one and follows it on the disk
    struct block_request *last; // of the first of such a chain, as the next three
    uint32_t chain_count;       // sectors
    unsigned chain_segments;
    bool alone; // it was part of a chain that failed: it is tried by itself
    nsec_t since;
};

// What the disk can do. Sizes in bytes, the others in sectors.
struct block_limits {
    uint32_t logical_size, physical_size; // a power of two up to a page
    uint32_t io_min, io_optimal, alignment_offset;
    uint32_t max_sectors, max_segments, max_segment_size; // of a chain
    uint32_t depth;                                       // chains at once
    uint32_t discard_max, discard_granularity, zero_max;  // 0: it cannot
    bool flush;                                           // it has a cache of its own, to be flushed
    bool read_only;
};

struct block_driver {
    const char *prefix; // of names: "vd"
    unsigned major;
    // Gives the disk a chain of requests, for block_complete to end. The queue's lock is held. -EAGAIN: no room, until
    // one that is under way ends. Any other error: they end with it.
    status_t (*start)(void *context, const struct block_request *first);
};

struct block_geometry {
    uint16_t cylinders;
    uint8_t heads, sectors;
};

struct block_info {
    const struct block_driver *driver;
    void *context;
    uint64_t sectors;
    struct block_limits limits;
    struct block_geometry geometry;
    char serial[BLOCK_SERIAL_MAX + 1];
    const char *folder; // of the device, below /sys: "devices/…/virtio0"
};

// Boot: /proc/partitions and /proc/diskstats.
void block_init(void);
// A disk for good: takes the next name, and appears in /dev and /sys. *out is valid before `start` is first called.
// -EINVAL: limits that no disk has. -ENOSPC: too many disks.
MUST_USE status_t block_register(const struct block_info *info, struct block_device **out);

// Submits requests, which are merged where they follow each other. Each is `done` at some time, at once if it asks for
// what cannot be: -EBADF (rights), -EPERM (the disk is read-only), -EIO (beyond the end), -EINVAL (not in units of the
// disk, or more than the limits allow), -EOPNOTSUPP. Thread and dpc context. The list is left empty.
void block_submit(struct block_device *device, struct list_node *requests);
// Submits them and waits for all: the first error.
MUST_USE status_t block_run(struct block_device *device, struct list_node *requests);
MUST_USE status_t block_run_one(struct block_device *device, struct block_request *request);
// From the driver: the chain is done. Thread or dpc context, no lock held.
void block_complete(struct block_device *device, struct block_request *first, status_t status);

// sync(2): all that is dirty, on all disks.
void block_sync_all(void);
