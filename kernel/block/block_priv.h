// SPDX-License-Identifier: MPL-2.0
// Between the files of kernel/block.
//
//   queue.c       requests: checks, merging, priorities, completion, counters
//   wait.c        waiting for requests
//   cache.c       the page cache: bringing pages in, throwing them out
//   cache_sync.c  writing pages back
//   file.c        what open makes: read, write, seek, mmap, fsync
//   direct.c      O_DIRECT, discarding and zeroing: past the page cache
//   ioctl.c       BLK…
//   device.c      registering, names, opening
//   sysfs.c, proc.c  what is shown
//
// Locks: moving, file.lock, sync mutex, then cache.lock, then vmo->lock. The queue's lock is taken with none of these
// spinlocks held; the driver's own lock comes after it.
#pragma once

#include <block/block.h>
#include <mm/vmo.h>
#include <object/object.h>
#include <sched/mutex.h>
#include <vfs/vnode.h>

// --- queue.c ---
enum block_counter { COUNT_READ, COUNT_WRITE, COUNT_DISCARD, COUNT_FLUSH, BLOCK_COUNTERS };
struct block_counters {
    struct {
        uint64_t requests, merged, sectors;
        nsec_t time; // from being submitted to being done, of all together
    } by[BLOCK_COUNTERS];
    unsigned open, open_reads; // submitted and not done
    nsec_t busy_time;          // with something open
};
struct block_queue {
    struct spinlock lock; // protects what follows
    struct list_node waiting[BLOCK_PRIORITIES];
    unsigned passed[BLOCK_PRIORITIES]; // how often others went first
    unsigned started;                  // chains that the driver has
    bool full;                         // it takes no more until one ends
    struct block_counters counters;
    nsec_t counted; // when busy_time was last brought up to date
};
void queue_init(struct block_queue *queue);
void queue_read_counters(struct block_queue *queue, struct block_counters *out);

// --- wait.c ---
// Which queue a request of the current thread belongs in that would usually be in `usual`: its I/O class (ioprio_set)
// may say otherwise.
enum block_priority block_priority(enum block_priority usual);

// --- cache.c ---
// A stretch of pages that is being read, or written past the cache: nobody else brings them in meanwhile.
struct claim {
    struct list_node node;
    uint64_t first, end;
};
struct writer; // cache_sync.c
struct cache {
    struct vmo *vmo;
    struct spinlock lock;    // protects what follows
    struct list_node claims; // struct claim.node
    struct wait_queue moved; // a claim went
    uint64_t hand;           // where the search for pages to throw out goes on
    struct mutex sync;       // one writes back at a time
    struct writer *writer;   // its memory
};
MUST_USE status_t cache_init(struct block_device *device);
// Begins to read those of [first, end) that are absent. Nobody waits: errors show when they are asked for again.
void cache_read_ahead(struct block_device *device, uint64_t first, uint64_t end);
// Waits until no other claim overlaps, and has it.
void cache_claim(struct cache *cache, struct claim *claim);
void cache_release(struct cache *cache, struct claim *claim);
// Throws out the pages of [first, end) that are clean and that nobody holds. True: none is left.
bool cache_drop(struct cache *cache, uint64_t first, uint64_t end);
// Before pages are added: throws out others if there are many.
void cache_make_room(struct block_device *device);

// --- cache_sync.c ---
MUST_USE status_t cache_sync_init(struct cache *cache);
// Writes back what is dirty in bytes [start, end). `flush`: and has the disk put it on its medium.
MUST_USE status_t cache_sync(struct block_device *device, uint64_t start, uint64_t end, bool flush);

// --- device.c ---
struct block_device {
    struct block_queue queue;
    struct cache cache;
    char name[16];
    unsigned index;
    uint32_t number; // Linux's encoding of major and minor
    struct block_info info;
    _Atomic bool read_only;      // the disk is, or BLKROSET
    _Atomic uint32_t read_ahead; // sectors
    _Atomic unsigned open_count; // the last one to close it writes back
    struct device_ops node;
};
extern struct block_devices {
    struct block_device *_Atomic all[64];
    _Atomic unsigned count;
} block_devices;

ALWAYS_INLINE unsigned block_major(const struct block_device *device) {
    return device->number >> 8 & 0xfff;
}
ALWAYS_INLINE unsigned block_minor(const struct block_device *device) {
    return (device->number & 0xff) | (device->number >> 12 & 0xfff00);
}
ALWAYS_INLINE uint64_t block_size(const struct block_device *device) {
    return device->info.sectors << BLOCK_SECTOR_SHIFT;
}
ALWAYS_INLINE bool block_is_read_only(const struct block_device *device) {
    return atomic_load_explicit(&device->read_only, memory_order_relaxed);
}
// Pages of which one request can be made.
#define REQUEST_PAGES 32u
unsigned block_request_pages(const struct block_device *device);

// --- file.c ---
struct block_file {
    struct object object; // first
    struct block_device *device;
    bool may_read, may_write;
    _Atomic uint32_t flags; // O_DIRECT, O_DSYNC
    struct mutex moving;    // held for as long as a read or write at the position goes on
    uint64_t position;
    struct mutex lock;    // protects what follows
    uint64_t next, ahead; // pages: where a sequential reader goes on, and what was read ahead
};
MUST_USE status_t block_open(const struct device_ops *ops, uint32_t flags, struct object **out);

// --- direct.c ---
ssize_t direct_read(struct block_device *device, struct uio *uio, uint64_t position);
ssize_t direct_write(struct block_device *device, struct uio *uio, uint64_t position);
// BLOCK_DISCARD or BLOCK_ZERO of bytes, which are whole units of the disk and within it.
MUST_USE status_t direct_clear(struct block_device *device, enum block_operation operation, uint64_t start,
                               uint64_t size);

// --- ioctl.c ---
long block_ioctl(struct object *object, unsigned command, unsigned long argument);
uint32_t block_ioctl_rights(struct object *object, unsigned command);

// --- sysfs.c, proc.c ---
MUST_USE status_t block_list(struct block_device *device);
void block_proc_init(void);
// The numbers of /sys/block/*/stat (`aligned`, as there) and of /proc/diskstats, with the newline.
struct text_buffer;
void block_show_counters(struct text_buffer *text, struct block_device *device, bool aligned);
