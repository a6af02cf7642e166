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

// Takes the oldest out if there is no room for `size` more bytes. False: there is room.
static bool evict(size_t size, struct slab_cache **cache, void **object) {
    bool full = false;
    spin_lock(&quarantine.lock);
    if (quarantine.count == ENTRIES || (quarantine.count > 0 && quarantine.bytes + size > BYTES_MAX)) {
        *cache = quarantine.ring[quarantine.first].cache;
        *object = quarantine.ring[quarantine.first].object;
        quarantine.first = (quarantine.first + 1) % ENTRIES;
        quarantine.count--;
        quarantine.bytes -= (*cache)->stride;
        (*cache)->quarantined--;
        full = true;
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
    while (evict(cache->stride, &old_cache, &old_object))
        slab_free_now(old_cache, old_object);
    spin_lock(&quarantine.lock);
    unsigned at = (quarantine.first + quarantine.count) % ENTRIES;
    quarantine.ring[at].cache = cache;
    quarantine.ring[at].object = object;
    quarantine.count++;
    quarantine.bytes += cache->stride;
    cache->quarantined++;
    spin_unlock(&quarantine.lock);
}

#endif
