// SPDX-License-Identifier: MPL-2.0
// The page cache of a disk: a memory object whose pages are read when they are wanted and written back by fsync, sync,
// or when the last one closes the disk.
//
// A stretch of pages that is on its way is *claimed*, so that nobody else reads it too, and nobody who goes past the
// cache writes there. Reading is asynchronous: when the disk is done, the pages are put in, the claim goes, and whoever
// waits looks again. A page that is there already stays: somebody wrote a whole one meanwhile.
//
// A page is thrown out only if it is clean, unclaimed, and nobody has a reference to it: so none is read from the disk
// while a newer one is on its way there.
#include "block_priv.h"

#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <sched/thread.h>

#define AROUND_FAULT 8u    // pages that a fault brings in
#define DROP_STEPS 64u     // in which room is made, until there is enough
#define SHARE_OF_MEMORY 4u // the cache of a disk has at most a quarter
#define FREE_AT_LEAST 16u  // and grows no more when less than a sixteenth is free

// Pages that are being read.
struct fill {
    struct claim claim;
    struct block_device *device;
    struct block_request request;
    bool awaited; // the maker waits and frees it; else the end of the request does
    bool done;
    unsigned count;
    struct block_segment segments[REQUEST_PAGES];
    struct page *pages[REQUEST_PAGES];
};
SLAB_CACHE(fill_slab, struct fill);

// ---------------------------------------------------------------- claims

static struct claim *claim_over(struct cache *cache, uint64_t first, uint64_t end) REQUIRES(&cache->lock) {
    struct claim *claim;
    LIST_FOR_EACH(claim, &cache->claims, node)
    if (claim->first < end && first < claim->end)
        return claim;
    return nullptr;
}

static void wait_for_claims(struct cache *cache, uint64_t first, uint64_t end) REQUIRES(&cache->lock) {
    while (claim_over(cache, first, end)) // no deadline: only being woken ends a sleep
        (void)!wait_queue_sleep(&cache->moved, &cache->lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
}

static void release_locked(struct cache *cache, struct claim *claim) REQUIRES(&cache->lock) {
    list_remove(&claim->node);
    wait_queue_wake_all(&cache->moved);
}

void cache_claim(struct cache *cache, struct claim *claim) {
    spin_lock(&cache->lock);
    wait_for_claims(cache, claim->first, claim->end);
    list_push_back(&cache->claims, &claim->node);
    spin_unlock(&cache->lock);
}

void cache_release(struct cache *cache, struct claim *claim) {
    spin_lock(&cache->lock);
    release_locked(cache, claim);
    spin_unlock(&cache->lock);
}

// ---------------------------------------------------------------- bringing in

static uint64_t pages_of(const struct block_device *device) {
    return ALIGN_UP(block_size(device), PAGE_SIZE) >> PAGE_SHIFT;
}

static void fill_done(struct block_request *request) {
    struct fill *fill = request->context;
    struct cache *cache = &fill->device->cache;
    for (unsigned i = 0; i < fill->count; i++) {
        if (request->status != 0 || vmo_supply(cache->vmo, fill->claim.first + i, fill->pages[i]) != 0)
            page_put(fill->pages[i]);
    }
    bool awaited = fill->awaited;
    spin_lock(&cache->lock);
    fill->done = true;
    release_locked(cache, &fill->claim);
    spin_unlock(&cache->lock); // one who waits for it frees it now
    if (!awaited)
        slab_free(&fill_slab, fill);
}

// Pages for the fill, at most `most`; returns how many. The claim may be for more. What lies behind the end of the disk
// is zero.
static unsigned add_pages(struct fill *fill, unsigned most) {
    for (fill->count = 0; fill->count < most; fill->count++) {
        struct page *page = page_alloc_one(ALLOC_USER);
        if (!page)
            break;
        uint64_t left = block_size(fill->device) - ((fill->claim.first + fill->count) << PAGE_SHIFT);
        uint32_t size = (uint32_t)MIN(left, (uint64_t)PAGE_SIZE);
        memset((char *)page_to_virt(page) + size, 0, PAGE_SIZE - size);
        fill->pages[fill->count] = page;
        fill->segments[fill->count] = (struct block_segment){page_to_phys(page), size};
        fill->request.count += size >> BLOCK_SECTOR_SHIFT;
    }
    fill->request.segment_count = fill->count;
    return fill->count;
}

// Those from `first` on that are neither there nor on their way; the claim is made. 0: none.
static unsigned claim_absent(struct cache *cache, struct claim *claim, unsigned most) {
    unsigned count = 0;
    spin_lock(&cache->lock);
    while (count < most && !vmo_has_page(cache->vmo, claim->first + count) &&
           !claim_over(cache, claim->first + count, claim->first + count + 1))
        count++;
    claim->end = claim->first + count;
    if (count > 0)
        list_push_back(&cache->claims, &claim->node);
    spin_unlock(&cache->lock);
    return count;
}

unsigned block_request_pages(const struct block_device *device) {
    const struct block_limits *limits = &device->info.limits;
    unsigned pages = MIN(REQUEST_PAGES, limits->max_segments);
    return MIN(pages, limits->max_sectors >> (PAGE_SHIFT - BLOCK_SECTOR_SHIFT));
}

// Begins to read pages from `first` on, up to `most` and as many as one request takes, and returns how many; 0: there
// is nothing to read, the first one is there or on its way. `awaited`: gets the fill, for await_fill; null: nobody
// waits. Memory is asked for with the claim made, which is why it must not block.
static int start_fill(struct block_device *device, uint64_t first, unsigned most, struct fill **awaited) {
    struct cache *cache = &device->cache;
    struct fill *fill = slab_alloc(&fill_slab);
    if (!fill)
        return -ENOMEM;
    *fill = (struct fill){.device = device, .awaited = awaited != nullptr};
    fill->claim.first = first;
    int count = (int)claim_absent(cache, &fill->claim, MIN(most, block_request_pages(device)));
    fill->request = (struct block_request){.operation = BLOCK_READ,
                                           .priority = awaited ? block_priority(BLOCK_URGENT) : BLOCK_BACKGROUND,
                                           .rights = RIGHT_READ,
                                           .sector = first << (PAGE_SHIFT - BLOCK_SECTOR_SHIFT),
                                           .segments = fill->segments,
                                           .done = fill_done,
                                           .context = fill};
    int made = count > 0 ? (int)add_pages(fill, (unsigned)count) : 0;
    if (made == 0) {
        if (count > 0)
            cache_release(cache, &fill->claim);
        slab_free(&fill_slab, fill);
        return count > 0 ? -ENOMEM : 0;
    }
    struct list_node list = LIST_INIT(list);
    list_push_back(&list, &fill->request.node);
    if (awaited)
        *awaited = fill;
    thread_current()->io.from_disk += (uint64_t)made << PAGE_SHIFT;
    block_submit(device, &list);
    return made;
}

static status_t await_fill(struct cache *cache, struct fill *fill) {
    spin_lock(&cache->lock);
    while (!fill->done)
        (void)!wait_queue_sleep(&cache->moved, &cache->lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
    spin_unlock(&cache->lock);
    status_t status = fill->request.status;
    slab_free(&fill_slab, fill);
    return status;
}

// Reads from the page on, or waits for whoever does.
static status_t bring(struct block_device *device, uint64_t index, unsigned most) {
    struct cache *cache = &device->cache;
    struct fill *fill;
    int started = start_fill(device, index, most, &fill);
    if (started > 0)
        return await_fill(cache, fill);
    if (started == 0) {
        spin_lock(&cache->lock);
        wait_for_claims(cache, index, index + 1);
        spin_unlock(&cache->lock);
    }
    return started;
}

static status_t cache_request(struct vmo *vmo, uint64_t index, bool write) {
    struct block_device *device = vmo->pager_context;
    uint64_t pages = pages_of(device);
    if (index >= pages)
        return -ENXIO;
    cache_make_room(device);
    status_t status = bring(device, index, (unsigned)MIN((uint64_t)AROUND_FAULT, pages - index));
    if (status == -EIO && !vmo_has_page(vmo, index)) // a neighbour may be what cannot be read
        status = bring(device, index, 1);
    return status;
}

void cache_read_ahead(struct block_device *device, uint64_t first, uint64_t end) {
    end = MIN(end, pages_of(device));
    cache_make_room(device);
    while (first < end) {
        int started = start_fill(device, first, (unsigned)MIN(end - first, (uint64_t)REQUEST_PAGES), nullptr);
        if (started < 0)
            return;
        first += started > 0 ? (unsigned)started : 1;
    }
}

static status_t cache_sync_range(struct vmo *vmo, uint64_t start, uint64_t end) {
    return cache_sync(vmo->pager_context, start, end, true);
}

static const struct vmo_pager_ops cache_ops = {.request = cache_request, .sync = cache_sync_range};

// ---------------------------------------------------------------- throwing out

bool cache_drop(struct cache *cache, uint64_t first, uint64_t end) {
    spin_lock(&cache->lock);
    bool dropped = !claim_over(cache, first, end) && vmo_drop_clean(cache->vmo, first, end) == 0;
    spin_unlock(&cache->lock);
    return dropped;
}

static bool is_full(struct cache *cache) {
    struct page_stats stats;
    page_stats(&stats);
    return atomic_load_explicit(&cache->vmo->resident, memory_order_relaxed) > stats.total / SHARE_OF_MEMORY ||
           stats.free < stats.total / FREE_AT_LEAST;
}

// One round over the disk; stops when there is room.
static bool drop_round(struct block_device *device) {
    struct cache *cache = &device->cache;
    uint64_t pages = pages_of(device), step = pages / DROP_STEPS + 1;
    for (unsigned i = 0; i < DROP_STEPS && is_full(cache); i++) {
        spin_lock(&cache->lock);
        uint64_t at = cache->hand < pages ? cache->hand : 0;
        cache->hand = at + step;
        spin_unlock(&cache->lock);
        cache_drop(cache, at, at + step);
    }
    return !is_full(cache);
}

void cache_make_room(struct block_device *device) {
    struct cache *cache = &device->cache;
    if (LIKELY(!is_full(cache)) || atomic_load_explicit(&cache->vmo->resident, memory_order_relaxed) == 0)
        return;
    // What is dirty can go once it is written. If that fails, the cache stays as it is.
    if (!drop_round(device) && cache_sync(device, 0, block_size(device), false) == 0)
        drop_round(device);
}

status_t cache_init(struct block_device *device) {
    struct cache *cache = &device->cache;
    spin_init(&cache->lock);
    list_init(&cache->claims);
    wait_queue_init(&cache->moved);
    mutex_init(&cache->sync);
    cache->vmo = vmo_create_paged(block_size(device), &cache_ops, device);
    if (!cache->vmo)
        return -ENOMEM;
    status_t status = cache_sync_init(cache);
    if (status != 0)
        vmo_put(cache->vmo);
    return status;
}
