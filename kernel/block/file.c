// SPDX-License-Identifier: MPL-2.0
// What open makes of /dev/vda: a position and a way to the page cache, or, with O_DIRECT, past it. The handle's rights
// were asked for by whoever calls: READ for reading, WRITE for writing, and what block_ioctl_rights says.
#include "block_priv.h"

#include <abi/fcntl.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define CHUNK_PAGES 64u // read or written at a time

SLAB_CACHE(block_file_slab, struct block_file);

static struct block_file *file_of_object(struct object *object) {
    return (struct block_file *)object;
}

static bool has_flag(const struct block_file *file, uint32_t flag) {
    return atomic_load_explicit(&file->flags, memory_order_relaxed) & flag;
}

// ---------------------------------------------------------------- reading

// A reader who goes on where he stopped is read ahead for: as much as read_ahead says, begun again when half is used.
static void read_ahead(struct block_file *file, uint64_t position, size_t size) {
    struct block_device *device = file->device;
    uint64_t first = position >> PAGE_SHIFT, end = ALIGN_UP(position + size, PAGE_SIZE) >> PAGE_SHIFT;
    uint64_t window =
        atomic_load_explicit(&device->read_ahead, memory_order_relaxed) >> (PAGE_SHIFT - BLOCK_SECTOR_SHIFT);
    bool sequential = first == file->next || first + 1 == file->next;
    if (!sequential)
        file->ahead = first;
    uint64_t wanted = sequential ? end + window : end;
    if (file->ahead < end || file->ahead < end + window / 2) {
        uint64_t from = MAX(file->ahead, first);
        if (from < wanted)
            cache_read_ahead(device, from, wanted);
        file->ahead = MAX(file->ahead, wanted);
    }
    file->next = end;
}

static ssize_t cached_read(struct block_file *file, struct uio *uio, uint64_t position, size_t size) {
    size_t done = 0;
    while (done < size) {
        size_t step = MIN(size - done, CHUNK_PAGES * PAGE_SIZE);
        mutex_lock(&file->lock);
        read_ahead(file, position + done, step);
        mutex_unlock(&file->lock);
        ssize_t part = vmo_read(file->device->cache.vmo, position + done, uio, step);
        if (part < 0)
            return done > 0 ? (ssize_t)done : part;
        done += (size_t)part;
        if ((size_t)part < step || thread_is_killed())
            break;
        sched_preempt_point();
    }
    return (ssize_t)done;
}

static ssize_t read_at(struct block_file *file, struct uio *uio, uint64_t position) {
    uint64_t size = block_size(file->device);
    if (uio->resid == 0 || position >= size)
        return 0;
    if (has_flag(file, O_DIRECT))
        return direct_read(file->device, uio, position);
    return cached_read(file, uio, position, MIN(uio->resid, size - position));
}

// ---------------------------------------------------------------- writing

// A whole page that is not there need not be read. Returns the bytes written; 0: it is there, or there is no memory.
static ssize_t write_new_page(struct cache *cache, struct uio *uio, uint64_t position) {
    if (vmo_has_page(cache->vmo, position >> PAGE_SHIFT))
        return 0;
    struct page *page = page_alloc_one(ALLOC_USER);
    if (!page)
        return 0;
    size_t copied = uio_read(uio, page_to_virt(page), PAGE_SIZE);
    if (copied == PAGE_SIZE) {
        atomic_fetch_or_explicit(&page->flags, PAGE_DIRTY, memory_order_relaxed);
        if (vmo_supply(cache->vmo, position >> PAGE_SHIFT, page) == 0)
            return (ssize_t)copied;
    }
    // Part of a page, or somebody was faster: as any other write, with the bytes that we have by now.
    struct uio rest;
    uio_init_kernel(&rest, page_to_virt(page), copied);
    ssize_t done = copied > 0 ? vmo_write(cache->vmo, position, &rest, copied) : -EFAULT;
    page_put(page);
    return done;
}

static ssize_t write_step(struct block_device *device, struct uio *uio, uint64_t position, size_t size) {
    size_t step = MIN(PAGE_SIZE - (position & PAGE_MASK), size);
    ssize_t done = step == PAGE_SIZE ? write_new_page(&device->cache, uio, position) : 0;
    return done != 0 ? done : vmo_write(device->cache.vmo, position, uio, step);
}

static ssize_t cached_write(struct block_device *device, struct uio *uio, uint64_t position, size_t size) {
    size_t done = 0;
    while (done < size) {
        if (done % (CHUNK_PAGES * PAGE_SIZE) < PAGE_SIZE)
            cache_make_room(device);
        size_t step = MIN(PAGE_SIZE - ((position + done) & PAGE_MASK), size - done);
        ssize_t part = write_step(device, uio, position + done, size - done);
        if (part < 0)
            return done > 0 ? (ssize_t)done : part;
        done += (size_t)part;
        if ((size_t)part < step || thread_is_killed())
            break;
        sched_preempt_point();
    }
    return (ssize_t)done;
}

static ssize_t write_at(struct block_file *file, struct uio *uio, uint64_t position) {
    struct block_device *device = file->device;
    uint64_t size = block_size(device);
    if (block_is_read_only(device))
        return -EPERM;
    if (uio->resid == 0)
        return 0;
    if (position >= size)
        return -ENOSPC;
    if (has_flag(file, O_DIRECT))
        return direct_write(device, uio, position);
    ssize_t done = cached_write(device, uio, position, MIN(uio->resid, size - position));
    thread_current()->io.to_disk += done > 0 ? (uint64_t)done : 0;
    if (done > 0 && has_flag(file, O_DSYNC)) {
        status_t status = cache_sync(device, position, position + (uint64_t)done, true);
        if (status != 0)
            return status;
    }
    return done;
}

// ---------------------------------------------------------------- the operations

static ssize_t at_position(struct block_file *file, struct uio *uio, const loff_t *pos, bool write) {
    if (pos)
        return *pos < 0 ? -EINVAL : write ? write_at(file, uio, (uint64_t)*pos) : read_at(file, uio, (uint64_t)*pos);
    mutex_lock(&file->moving);
    ssize_t done = write ? write_at(file, uio, file->position) : read_at(file, uio, file->position);
    if (done > 0)
        file->position += (uint64_t)done;
    mutex_unlock(&file->moving);
    return done;
}

static ssize_t block_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    (void)flags;
    return at_position(file_of_object(object), uio, pos, false);
}

static ssize_t block_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    (void)flags;
    return at_position(file_of_object(object), uio, pos, true);
}

static loff_t block_seek(struct object *object, loff_t offset, int whence) {
    struct block_file *file = file_of_object(object);
    loff_t size = (loff_t)block_size(file->device), to = -EINVAL;
    mutex_lock(&file->moving);
    loff_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (loff_t)file->position : whence == SEEK_END ? size : -1;
    if (from >= 0 && !__builtin_add_overflow(from, offset, &to) && to >= 0 && to <= size)
        file->position = (uint64_t)to;
    else
        to = -EINVAL;
    mutex_unlock(&file->moving);
    return to;
}

static status_t block_map(struct object *object, struct map_request *request) {
    struct block_file *file = file_of_object(object);
    if (request->flags & REGION_SHARED && (!file->may_write || block_is_read_only(file->device))) {
        if (request->flags & REGION_WRITE)
            return file->may_write ? -EINVAL : -EACCES;
        request->flags &= ~(uint32_t)REGION_MAY_WRITE;
    }
    request->vmo = file->device->cache.vmo;
    vmo_get(request->vmo); // the caller drops it
    return 0;
}

static status_t block_sync(struct object *object, bool data_only) {
    (void)data_only;
    struct block_device *device = file_of_object(object)->device;
    return cache_sync(device, 0, block_size(device), true);
}

static status_t block_set_flags(struct object *object, uint32_t flags) {
    struct block_file *file = file_of_object(object);
    if (flags & O_DIRECT)
        atomic_fetch_or_explicit(&file->flags, O_DIRECT, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&file->flags, ~(uint32_t)O_DIRECT, memory_order_relaxed);
    return 0;
}

// The last one who could have written sees to it that it is on the disk.
static void block_closed(struct object *object) {
    struct block_device *device = file_of_object(object)->device;
    if (atomic_fetch_sub_explicit(&device->open_count, 1, memory_order_acq_rel) == 1)
        (void)!cache_sync(device, 0, block_size(device), false); // close(2) tells nobody
}

static void block_destroy(struct object *object) {
    slab_free(&block_file_slab, file_of_object(object));
}

static const struct object_ops block_ops = {
    .type = OBJECT_BLOCK,
    .name = "block",
    .destroy = block_destroy,
    .closed = block_closed,
    .read = block_read,
    .write = block_write,
    .seek = block_seek,
    .ioctl = block_ioctl,
    .ioctl_rights = block_ioctl_rights,
    .map = block_map,
    .sync = block_sync,
    .set_flags = block_set_flags,
};

status_t block_open(const struct device_ops *ops, uint32_t flags, struct object **out) {
    struct block_device *device = ops->context;
    struct block_file *file = slab_alloc_zero(&block_file_slab);
    if (!file)
        return -ENOMEM;
    uint32_t access = flags & O_ACCMODE;
    object_init(&file->object, &block_ops, SIGNALS_FILE);
    mutex_init(&file->moving);
    mutex_init(&file->lock);
    file->device = device;
    file->may_read = access != O_WRONLY;
    file->may_write = access != O_RDONLY;
    atomic_init(&file->flags, flags & (O_DIRECT | O_DSYNC));
    atomic_fetch_add_explicit(&device->open_count, 1, memory_order_relaxed);
    *out = &file->object;
    return 0;
}
