// SPDX-License-Identifier: MPL-2.0
// Past the page cache: O_DIRECT, discarding, zeroing. What the cache has of the stretch is written back before a read
// and thrown out before a write, and the stretch is claimed while the disk is written to, so that no old page comes in.
// A page that somebody holds (a reader, for a moment; a pipe, for as long as it likes) cannot be thrown out: then what
// is written goes into the cache, too, and from there to the disk.
//
// The bytes go through pages of the kernel's: user memory may be changed, unmapped or shared while the disk works.
#include "block_priv.h"

#include <mm/page.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define ADDRESS_UNIT 512u // of user memory, as on Linux
#define DROP_TRIES 100u

struct bounce {
    struct block_request request;
    unsigned count;
    struct block_segment segments[REQUEST_PAGES];
    struct page *pages[REQUEST_PAGES];
};

static void bounce_destroy(struct bounce *bounce) {
    while (bounce->count > 0)
        page_put(bounce->pages[--bounce->count]);
    kfree(bounce);
}

// Pages for `size` bytes. nullptr: no memory.
static struct bounce *bounce_create(size_t size) {
    struct bounce *bounce = kzalloc(sizeof *bounce);
    for (size_t done = 0; bounce && done < size; done += PAGE_SIZE) {
        struct page *page = page_alloc_one(ALLOC_USER);
        if (!page) {
            bounce_destroy(bounce);
            return nullptr;
        }
        bounce->segments[bounce->count].address = page_to_phys(page);
        bounce->pages[bounce->count++] = page;
    }
    return bounce;
}

static status_t transfer(struct block_device *device, struct bounce *bounce, uint64_t position, size_t size) {
    bool read = bounce->request.operation == BLOCK_READ;
    unsigned used = 0;
    for (size_t done = 0; done < size; done += PAGE_SIZE)
        bounce->segments[used++].size = (uint32_t)MIN(size - done, (size_t)PAGE_SIZE);
    bounce->request = (struct block_request){.operation = bounce->request.operation,
                                             .priority = block_priority(read ? BLOCK_URGENT : BLOCK_NORMAL),
                                             .rights = read ? RIGHT_READ : RIGHT_WRITE,
                                             .sector = position >> BLOCK_SECTOR_SHIFT,
                                             .count = (uint32_t)(size >> BLOCK_SECTOR_SHIFT),
                                             .segments = bounce->segments,
                                             .segment_count = used};
    struct io_counts *io = &thread_current()->io;
    *(read ? &io->from_disk : &io->to_disk) += size;
    return block_run_one(device, &bounce->request);
}

// Bytes moved between the bounce pages and the user's memory.
static size_t copy(struct bounce *bounce, struct uio *uio, size_t size) {
    size_t done = 0;
    for (unsigned i = 0; done < size; i++) {
        size_t step = MIN(size - done, (size_t)PAGE_SIZE);
        void *page = page_to_virt(bounce->pages[i]);
        size_t part = bounce->request.operation == BLOCK_READ ? uio_write(uio, page, step) : uio_read(uio, page, step);
        done += part;
        if (part < step)
            break;
    }
    return done;
}

static status_t check_units(const struct block_device *device, const struct uio *uio, uint64_t position) {
    uint64_t unit = device->info.limits.logical_size;
    if (position % unit != 0)
        return -EINVAL;
    for (unsigned i = 0; i < uio->count; i++) {
        if (uio->vec[i].base % ADDRESS_UNIT != 0 || uio->vec[i].size % unit != 0)
            return -EINVAL;
    }
    return 0;
}

// Claims the stretch with nothing of it in the cache. -EBUSY: somebody holds a page for long (it is being used for
// something else in the kernel); nothing is claimed.
static status_t take_stretch(struct block_device *device, uint64_t start, uint64_t end, struct claim *claim) {
    struct cache *cache = &device->cache;
    claim->first = start >> PAGE_SHIFT;
    claim->end = ALIGN_UP(end, PAGE_SIZE) >> PAGE_SHIFT;
    cache_claim(cache, claim);
    for (unsigned i = 0; i < DROP_TRIES; i++) {
        status_t status = cache_sync(device, start, end, false);
        if (status != 0) {
            cache_release(cache, claim);
            return status;
        }
        if (vmo_drop_clean(cache->vmo, claim->first, claim->end) == 0)
            return 0;
        sched_yield();
    }
    cache_release(cache, claim);
    return -EBUSY;
}

static ssize_t read_part(struct block_device *device, struct bounce *bounce, struct uio *uio, uint64_t position) {
    size_t size = MIN(uio->resid, (size_t)bounce->count << PAGE_SHIFT);
    status_t status = transfer(device, bounce, position, size);
    return status != 0 ? status : (ssize_t)copy(bounce, uio, size);
}

static status_t write_through_cache(struct block_device *device, struct bounce *bounce, uint64_t position,
                                    size_t size) {
    for (size_t done = 0; done < size; done += PAGE_SIZE) {
        struct uio uio;
        size_t step = MIN(size - done, (size_t)PAGE_SIZE);
        uio_init_kernel(&uio, page_to_virt(bounce->pages[done >> PAGE_SHIFT]), step);
        ssize_t part = vmo_write(device->cache.vmo, position + done, &uio, step);
        if (part < 0)
            return (status_t)part;
    }
    return cache_sync(device, position, position + size, false);
}

static ssize_t write_part(struct block_device *device, struct bounce *bounce, struct uio *uio, uint64_t position) {
    size_t size = MIN(uio->resid, (size_t)bounce->count << PAGE_SHIFT);
    size_t copied = copy(bounce, uio, size) & ~(size_t)(device->info.limits.logical_size - 1);
    struct claim claim;
    status_t status = copied > 0 ? take_stretch(device, position, position + copied, &claim) : -EFAULT;
    if (status == -EBUSY) {
        status = write_through_cache(device, bounce, position, copied);
    } else if (status == 0) {
        status = transfer(device, bounce, position, copied);
        cache_release(&device->cache, &claim);
    }
    return status != 0 ? status : (ssize_t)copied;
}

static ssize_t move(struct block_device *device, struct uio *uio, uint64_t position, enum block_operation operation) {
    uint64_t left = block_size(device) - position;
    size_t size = MIN(uio->resid, left), done = 0, hidden = uio->resid - size;
    struct bounce *bounce = bounce_create(MIN(size, (size_t)block_request_pages(device) << PAGE_SHIFT));
    if (!bounce)
        return -ENOMEM;
    ssize_t part = 0;
    bounce->request.operation = operation;
    uio->resid = size; // what lies behind the end of the disk is not for now
    while (done < size) {
        size_t step = MIN(size - done, (size_t)bounce->count << PAGE_SHIFT);
        part = operation == BLOCK_READ ? read_part(device, bounce, uio, position + done)
                                       : write_part(device, bounce, uio, position + done);
        done += part > 0 ? (size_t)part : 0;
        if (part < (ssize_t)step || thread_is_killed()) {
            part = part == 0 ? -EFAULT : part;
            break;
        }
    }
    uio->resid += hidden;
    bounce_destroy(bounce);
    return done > 0 ? (ssize_t)done : part;
}

ssize_t direct_read(struct block_device *device, struct uio *uio, uint64_t position) {
    status_t status = check_units(device, uio, position);
    if (status == 0)
        status = cache_sync(device, position, position + MIN(uio->resid, block_size(device) - position), false);
    return status != 0 ? status : move(device, uio, position, BLOCK_READ);
}

ssize_t direct_write(struct block_device *device, struct uio *uio, uint64_t position) {
    status_t status = check_units(device, uio, position);
    return status != 0 ? status : move(device, uio, position, BLOCK_WRITE);
}

// ---------------------------------------------------------------- discarding and zeroing

// Zeros by hand, for a disk that cannot by itself.
static status_t write_zeros(struct block_device *device, uint64_t start, uint64_t size) {
    size_t most = (size_t)block_request_pages(device) << PAGE_SHIFT;
    struct bounce *bounce = kzalloc(sizeof *bounce);
    status_t status = bounce ? 0 : -ENOMEM;
    if (!bounce)
        return status;
    bounce->request.operation = BLOCK_WRITE;
    for (unsigned i = 0; i < REQUEST_PAGES; i++) // all of them the page of zeros; none is counted, none is put
        bounce->segments[i].address = page_to_phys(page_zero);
    for (uint64_t done = 0; done < size && status == 0; done += most)
        status = transfer(device, bounce, start + done, (size_t)MIN(size - done, (uint64_t)most));
    kfree(bounce);
    return status;
}

static status_t clear(struct block_device *device, enum block_operation operation, uint64_t start, uint64_t size) {
    const struct block_limits *limits = &device->info.limits;
    uint32_t most = operation == BLOCK_DISCARD ? limits->discard_max : limits->zero_max;
    status_t status = 0;
    uint32_t unit = limits->logical_size >> BLOCK_SECTOR_SHIFT;
    uint64_t sector = start >> BLOCK_SECTOR_SHIFT, left = size >> BLOCK_SECTOR_SHIFT;
    while (left > 0 && status == 0) {
        uint32_t count = (uint32_t)MIN(left, (uint64_t)(most - most % unit));
        struct block_request request = {
            .operation = operation, .priority = BLOCK_NORMAL, .rights = RIGHT_WRITE, .sector = sector, .count = count};
        status = block_run_one(device, &request);
        sector += count;
        left -= count;
    }
    return status;
}

status_t direct_clear(struct block_device *device, enum block_operation operation, uint64_t start, uint64_t size) {
    struct claim claim;
    if (block_is_read_only(device))
        return -EPERM;
    status_t status = take_stretch(device, start, start + size, &claim);
    if (status != 0)
        return status;
    if (operation == BLOCK_ZERO && device->info.limits.zero_max == 0)
        status = write_zeros(device, start, size);
    else
        status = clear(device, operation, start, size);
    cache_release(&device->cache, &claim);
    return status;
}
