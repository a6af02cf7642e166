// SPDX-License-Identifier: MPL-2.0
// Writing dirty pages back. One thread at a time does: a second fsync must not return while pages that it is to cover
// are still on their way for the first.
//
// The memory for it is set aside with the disk: pages are written back when memory is short, too. A page that cannot be
// written stays dirty, and the next one to ask hears of it again.
#include "block_priv.h"

#include <mm/page.h>
#include <mm/slab.h>

#define RUNS 16u
#define REQUESTS 8u

struct writer {
    struct vmo_run runs[RUNS];
    struct part {
        struct block_request request;
        uint64_t first;
        unsigned count;
        struct block_segment segments[REQUEST_PAGES];
        struct page *pages[REQUEST_PAGES];
    } parts[REQUESTS];
    unsigned used;
    struct list_node list;
};

status_t cache_sync_init(struct cache *cache) {
    cache->writer = kmalloc(sizeof(struct writer));
    return cache->writer ? 0 : -ENOMEM;
}

// Pages that are being stored stay, so they are there.
static void fill_part(struct block_device *device, struct part *part, uint64_t first, unsigned count) {
    *part = (struct part){.first = first};
    uint32_t sectors = 0;
    for (; part->count < count; part->count++) {
        struct page *page;
        if (vmo_get_page(device->cache.vmo, first + part->count, false, &page) != 0)
            break;
        uint64_t left = block_size(device) - ((first + part->count) << PAGE_SHIFT);
        uint32_t size = (uint32_t)MIN(left, (uint64_t)PAGE_SIZE);
        part->pages[part->count] = page;
        part->segments[part->count] = (struct block_segment){page_to_phys(page), size};
        sectors += size >> BLOCK_SECTOR_SHIFT;
    }
    part->request = (struct block_request){.operation = BLOCK_WRITE,
                                           .priority = block_priority(BLOCK_NORMAL),
                                           .rights = RIGHT_WRITE,
                                           .sector = first << (PAGE_SHIFT - BLOCK_SECTOR_SHIFT),
                                           .count = sectors,
                                           .segments = part->segments,
                                           .segment_count = part->count};
}

// Writes the parts that are ready.
static status_t write_parts(struct block_device *device, struct writer *writer) {
    status_t status = block_run(device, &writer->list);
    for (unsigned i = 0; i < writer->used; i++) {
        struct part *part = &writer->parts[i];
        vmo_end_writing(device->cache.vmo, part->first, part->first + part->count, part->request.status != 0);
        for (unsigned page = 0; page < part->count; page++)
            page_put(part->pages[page]);
    }
    writer->used = 0;
    return status;
}

static status_t write_run(struct block_device *device, struct writer *writer, const struct vmo_run *run) {
    unsigned most = block_request_pages(device);
    status_t result = 0;
    for (uint64_t done = 0; done < run->count;) {
        if (writer->used == REQUESTS) {
            status_t status = write_parts(device, writer);
            result = result != 0 ? result : status;
        }
        struct part *part = &writer->parts[writer->used++];
        unsigned count = (unsigned)MIN(run->count - done, (uint64_t)most);
        fill_part(device, part, run->first + done, count);
        list_push_back(&writer->list, &part->request.node);
        done += count;
    }
    return result;
}

static status_t write_dirty(struct block_device *device, uint64_t at, uint64_t end) {
    struct writer *writer = device->cache.writer;
    status_t result = 0, status;
    list_init(&writer->list);
    writer->used = 0;
    while (at < end) {
        unsigned found = vmo_dirty_runs(device->cache.vmo, &at, end, writer->runs, RUNS, true);
        for (unsigned i = 0; i < found; i++) {
            status = write_run(device, writer, &writer->runs[i]);
            result = result != 0 ? result : status;
        }
        if (writer->used == 0)
            continue;
        status = write_parts(device, writer);
        result = result != 0 ? result : status;
    }
    return result;
}

static status_t flush(struct block_device *device) {
    struct block_request request = {.operation = BLOCK_FLUSH, .priority = BLOCK_NORMAL, .rights = RIGHT_WRITE};
    return block_run_one(device, &request);
}

status_t cache_sync(struct block_device *device, uint64_t start, uint64_t end, bool medium) {
    struct cache *cache = &device->cache;
    end = MIN(end, block_size(device));
    mutex_lock(&cache->sync);
    status_t status = write_dirty(device, start >> PAGE_SHIFT, ALIGN_UP(end, PAGE_SIZE) >> PAGE_SHIFT);
    mutex_unlock(&cache->sync);
    if (status == 0 && medium && !block_is_read_only(device))
        status = flush(device);
    return status;
}

void block_sync_all(void) {
    unsigned count = atomic_load_explicit(&block_devices.count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++) {
        struct block_device *device = block_devices.all[i];
        (void)!cache_sync(device, 0, block_size(device), true); // sync(2) tells nobody
    }
}
