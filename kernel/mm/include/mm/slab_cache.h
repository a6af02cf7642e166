// SPDX-License-Identifier: MPL-2.0
// What a slab cache looks like, so that caches can be defined statically: SLAB_CACHE(name, type) makes a static one.
#pragma once

#include <arch/cpu.h>
#include <lib/list.h>
#include <sched/spinlock.h>

#define SLAB_MAGAZINE_OBJECTS 31

// Free objects at hand for one CPU.
struct slab_magazine {
    uint64_t count;
    void *objects[SLAB_MAGAZINE_OBJECTS];
};

struct slab_cache {
    struct slab_magazine *magazines[CPU_MAX]; // each touched by its own CPU only; null until first used there
    const char *name;
    uint32_t size; // of an object, bytes
    uint32_t align;
    uint32_t stride; // from one object to the next
    struct spinlock lock;
    struct list_node partial GUARDED_BY(&lock); // slabs with free objects, struct slab.node
    uint64_t taken GUARDED_BY(&lock);           // objects not in slabs: in use, or in magazines
    uint32_t slabs GUARDED_BY(&lock), empty_slabs GUARDED_BY(&lock);
    uint16_t objects_per_slab; // 0: not set up yet; then constant
    uint8_t order;             // pages of a slab: 1 << order
    uint8_t batch;             // objects moved between a magazine and the slabs at a time; 0: no magazines
    uint8_t capacity;          // of a magazine
    bool charged;              // objects end with the account that pays for them (mm/charged.h)
    struct list_node all;      // list of caches; under the list's lock
#ifdef TESSERA_KASAN
    uint64_t quarantined; // freed, but kept poisoned for a while; under the quarantine's lock
#endif
};

#define SLAB_CACHE_INIT(variable, text, bytes, alignment) \
    {.name = (text), .size = (bytes), .align = (alignment), .partial = LIST_INIT((variable).partial)}
#define SLAB_CACHE(variable, type) \
    static struct slab_cache variable = SLAB_CACHE_INIT(variable, #type, sizeof(type), alignof(type))
