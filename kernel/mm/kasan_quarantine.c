// SPDX-License-Identifier: MPL-2.0
// Freed slab objects wait here, poisoned, so that a late access is caught instead of hitting the next owner.
#ifdef TESSERA_KASAN

#include "slab_priv.h"

#include <lib/assert.h>

#define ENTRIES 4096u
#define BYTES_MAX (1ul << 20)

static struct {
    struct spinlock lock;
    struct {
        struct slab_cache *cache;
        void *object;
    } ring[ENTRIES] GUARDED_BY(&lock);
    unsigned first GUARDED_BY(&lock), count GUARDED_BY(&lock);
    size_t bytes GUARDED_BY(&lock);
} quarantine;

// Puts an object in, or, if there is no room, takes the oldest out instead (true: try again). Both under one lock: were
// the ring to overflow, its oldest slot would be overwritten and later given out twice.
static bool put_or_evict(struct slab_cache *cache, void *object, struct slab_cache **old_cache, void **old_object) {
    spin_lock(&quarantine.lock);
    bool full = quarantine.count == ENTRIES || (quarantine.count > 0 && quarantine.bytes + cache->stride > BYTES_MAX);
    if (full) {
        *old_cache = quarantine.ring[quarantine.first].cache;
        *old_object = quarantine.ring[quarantine.first].object;
        quarantine.first = (quarantine.first + 1) % ENTRIES;
        quarantine.count--;
        quarantine.bytes -= (*old_cache)->stride;
        (*old_cache)->quarantined--;
    } else {
        unsigned at = (quarantine.first + quarantine.count++) % ENTRIES;
        quarantine.ring[at].cache = cache;
        quarantine.ring[at].object = object;
        quarantine.bytes += cache->stride;
        cache->quarantined++;
    }
    spin_unlock(&quarantine.lock);
    return full;
}

void kasan_quarantine(struct slab_cache *cache, void *object) {
    if (kasan_shadow(object) == KASAN_SLAB_FREE)
        kasan_report("double free", (uintptr_t)object, cache->size, (uintptr_t)__builtin_return_address(0));
    ASSERT(slab_cache_of(object) == cache);
    kasan_poison(object, cache->size, KASAN_SLAB_FREE);
    struct slab_cache *old_cache;
    void *old_object;
    while (put_or_evict(cache, object, &old_cache, &old_object))
        slab_free_now(old_cache, old_object);
}

#endif
