// SPDX-License-Identifier: MPL-2.0
// Slabs with per-CPU magazines.
//
//   magazine   up to 31 free objects for one CPU: alloc and free are a load, a store and a count; no lock
//   cache      slabs of 1 … 8 pages with free objects chained through them; one lock; half a magazine moves at a time
//   pages      page_alloc
//
// A slab begins with its header; the struct page of each of its pages points there, so that kfree finds the cache.
// Magazines are objects of a cache of their own, which has none itself.
//
// In debug builds with KASAN freed objects wait in a quarantine (kasan_quarantine.c) before they come here.
#include "slab_priv.h"

#include <lib/assert.h>
#include <lib/string.h>

struct slab {
    struct slab_cache *cache;
    struct list_node node; // cache->partial, unless full; under cache->lock, as all below
    void *free;            // chain of free objects
    uint32_t used;         // objects handed out
    uint32_t untouched;    // objects at the end that were never handed out: not in the chain
};

#define SLAB_HEADER 64ul
static_assert(sizeof(struct slab) <= SLAB_HEADER);
#define SLAB_ORDER_MAX 3
#define SLAB_KEEP_EMPTY 1 // empty slabs that a cache keeps

static struct slab_cache magazine_cache = SLAB_CACHE_INIT(magazine_cache, "magazine", sizeof(struct slab_magazine), 8);

static struct {
    struct spinlock lock;
    struct list_node caches GUARDED_BY(&lock); // struct slab_cache.all
} all = {.caches = LIST_INIT(all.caches)};

static size_t slab_bytes(unsigned order) {
    return PAGE_SIZE << order;
}

// Chooses slab order and batch. Under the cache's lock.
static void set_up(struct slab_cache *cache) REQUIRES(&cache->lock) {
    if (cache->align < 8)
        cache->align = 8;
    ASSERT(cache->align <= SLAB_HEADER);
    size_t stride = ALIGN_UP(cache->size + KASAN_REDZONE, (size_t)cache->align);
    unsigned order = 0;
    while (order < SLAB_ORDER_MAX && (slab_bytes(order) - SLAB_HEADER) / stride < 8)
        order++;
    cache->stride = stride;
    cache->order = order;
    size_t count = (slab_bytes(order) - SLAB_HEADER) / stride;
    ASSERT(count > 0 && count < UINT16_MAX);
    cache->capacity = stride <= 512 ? SLAB_MAGAZINE_OBJECTS : stride <= 2048 ? 16 : 4;
    if (cache != &magazine_cache)
        cache->batch = cache->capacity / 2;
    spin_lock(&all.lock);
    list_push_back(&all.caches, &cache->all);
    spin_unlock(&all.lock);
    cache->objects_per_slab = count;
}

static struct slab *slab_create(struct slab_cache *cache) REQUIRES(&cache->lock) {
    struct page *page = page_alloc(cache->order, ALLOC_ATOMIC);
    if (!page)
        return nullptr;
    struct slab *slab = page_to_virt(page);
    *slab = (struct slab){.cache = cache, .untouched = cache->objects_per_slab};
    for (unsigned i = 0; i < 1u << cache->order; i++) {
        page[i].slab = slab;
        unsigned flags = atomic_load_explicit(&page[i].flags, memory_order_relaxed);
        atomic_store_explicit(&page[i].flags, flags | PAGE_SLAB, memory_order_relaxed);
    }
    kasan_poison((char *)slab + SLAB_HEADER, slab_bytes(cache->order) - SLAB_HEADER, KASAN_SLAB_REDZONE);
    this_cpu(page_counters).slab += 1 << cache->order;
    list_push_front(&cache->partial, &slab->node);
    cache->slabs++;
    cache->empty_slabs++;
    return slab;
}

static void slab_destroy(struct slab_cache *cache, struct slab *slab) REQUIRES(&cache->lock) {
    struct page *page = virt_to_page(slab);
    list_remove(&slab->node);
    cache->slabs--;
    cache->empty_slabs--;
    kasan_unpoison(slab, slab_bytes(cache->order));
    for (unsigned i = 0; i < 1u << cache->order; i++) {
        unsigned flags = atomic_load_explicit(&page[i].flags, memory_order_relaxed);
        atomic_store_explicit(&page[i].flags, flags & ~PAGE_SLAB, memory_order_relaxed);
    }
    this_cpu(page_counters).slab -= 1 << cache->order;
    page_put(page);
}

// One object from the slabs; nullptr: no memory.
static void *take_locked(struct slab_cache *cache) REQUIRES(&cache->lock) {
    struct slab *slab = LIST_FIRST(&cache->partial, struct slab, node);
    if (list_is_empty(&cache->partial)) {
        slab = slab_create(cache);
        if (!slab)
            return nullptr;
    }
    void *object = slab->free;
    if (object)
        slab->free = *(void **)object;
    else
        object = (char *)slab + SLAB_HEADER + (cache->objects_per_slab - slab->untouched--) * (size_t)cache->stride;
    if (slab->used++ == 0)
        cache->empty_slabs--;
    if (slab->used == cache->objects_per_slab)
        list_remove(&slab->node);
    cache->taken++;
    return object;
}

static struct slab *slab_of(const void *object) {
    return virt_to_page(object)->slab;
}

static void give_locked(struct slab_cache *cache, void *object) REQUIRES(&cache->lock) {
    struct slab *slab = slab_of(object);
    ASSERT(slab->cache == cache);
    if (slab->used-- == cache->objects_per_slab)
        list_push_front(&cache->partial, &slab->node);
    *(void **)object = slab->free;
    slab->free = object;
    cache->taken--;
    if (slab->used != 0)
        return;
    cache->empty_slabs++;
    if (cache->empty_slabs > SLAB_KEEP_EMPTY) {
        slab_destroy(cache, slab);
    } else { // used last, so that it can go when another becomes empty
        list_remove(&slab->node);
        list_push_back(&cache->partial, &slab->node);
    }
}

// This CPU's magazine, made if need be; nullptr: the cache has none, or no memory.
static struct slab_magazine *magazine_get(struct slab_cache *cache) REQUIRES(&cache->lock) {
    struct slab_magazine **slot = &cache->magazines[arch_cpu_id()];
    if (*slot || cache->batch == 0)
        return *slot;
    spin_lock(&magazine_cache.lock);
    if (magazine_cache.objects_per_slab == 0)
        set_up(&magazine_cache);
    *slot = take_locked(&magazine_cache);
    spin_unlock(&magazine_cache.lock);
    if (*slot) {
        kasan_unpoison(*slot, sizeof(**slot));
        (*slot)->count = 0;
    }
    return *slot;
}

static NOINLINE void *alloc_slow(struct slab_cache *cache) {
    spin_lock(&cache->lock);
    if (cache->objects_per_slab == 0)
        set_up(cache);
    void *object = take_locked(cache);
    struct slab_magazine *magazine = object ? magazine_get(cache) : nullptr;
    for (unsigned i = 1; magazine && i < cache->batch; i++) {
        void *more = take_locked(cache);
        if (!more)
            break;
        magazine->objects[magazine->count++] = more;
    }
    spin_unlock(&cache->lock);
    return object;
}

ALWAYS_INLINE void *take_now(struct slab_cache *cache) {
    struct slab_magazine *magazine = cache->magazines[arch_cpu_id()];
    if (LIKELY(magazine && magazine->count > 0))
        return magazine->objects[--magazine->count];
    return alloc_slow(cache);
}

// By itself, so that an allocation has nothing to save for the call.
static NOINLINE void *take_unless_it_must_fail(struct slab_cache *cache) {
    return alloc_fail_now() ? nullptr : take_now(cache);
}

ALWAYS_INLINE void *take(struct slab_cache *cache) {
    return LIKELY(!alloc_fail_armed) ? take_now(cache) : take_unless_it_must_fail(cache);
}

void *slab_alloc(struct slab_cache *cache) {
    void *object = take(cache);
    if (object)
        kasan_unpoison(object, cache->size);
    return object;
}

void *slab_alloc_sized(struct slab_cache *cache, size_t size) {
    void *object = take(cache);
    if (object)
        kasan_unpoison(object, size);
    return object;
}

void *slab_alloc_zero(struct slab_cache *cache) {
    void *object = slab_alloc(cache);
    if (object)
        memset(object, 0, cache->size);
    return object;
}

static NOINLINE void free_slow(struct slab_cache *cache, void *object) {
    spin_lock(&cache->lock);
    struct slab_magazine *magazine = magazine_get(cache);
    give_locked(cache, object);
    // The oldest go; what was freed last is likely to be in the cache still.
    unsigned count = magazine ? MIN(magazine->count, (uint64_t)cache->batch) : 0;
    for (unsigned i = 0; i < count; i++)
        give_locked(cache, magazine->objects[i]);
    if (count > 0) {
        magazine->count -= count;
        memmove(magazine->objects, magazine->objects + count, magazine->count * sizeof(void *));
    }
    spin_unlock(&cache->lock);
}

void slab_free_now(struct slab_cache *cache, void *object) {
    struct slab_magazine *magazine = cache->magazines[arch_cpu_id()];
    if (LIKELY(magazine && magazine->count < cache->capacity))
        magazine->objects[magazine->count++] = object;
    else
        free_slow(cache, object);
}

void slab_free(struct slab_cache *cache, void *object) {
#ifdef TESSERA_KASAN
    kasan_quarantine(cache, object);
#else
    slab_free_now(cache, object);
#endif
}

struct slab_cache *slab_cache_of(const void *object) {
    return slab_of(object)->cache;
}

uint64_t slab_in_use(struct slab_cache *cache) {
    spin_lock(&cache->lock);
    uint64_t count = cache->taken;
    spin_unlock(&cache->lock);
    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
        if (cache->magazines[cpu])
            count -= cache->magazines[cpu]->count;
#ifdef TESSERA_KASAN
    count -= cache->quarantined;
#endif
    return count;
}

void slab_for_each(void (*visit)(const struct slab_cache *cache, void *context), void *context) {
    struct slab_cache *cache;
    spin_lock(&all.lock);
    struct list_node *node = all.caches.next;
    spin_unlock(&all.lock);
    // Caches are never removed, so the list may be followed without the lock.
    for (; node != &all.caches; node = node->next) {
        cache = LIST_ENTRY(node, struct slab_cache, all);
        visit(cache, context);
    }
}
