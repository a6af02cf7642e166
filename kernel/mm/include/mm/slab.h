// SPDX-License-Identifier: MPL-2.0
// Objects smaller than a page: slabs with per-CPU magazines. kmalloc for odd sizes.
#pragma once

#include <lib/types.h>

struct slab_cache;

// Statically defined caches: SLAB_CACHE(thread_cache, struct posix_thread); initialised at first use.
// (the implementation defines the struct; see mm/slab_cache.h)
#include <mm/slab_cache.h>

// nullptr if there is no memory. Contents are undefined. Thread and dpc context, never blocks.
void *slab_alloc(struct slab_cache *cache);
void *slab_alloc_zero(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);
// Allocated objects, for leak checks.
uint64_t slab_in_use(struct slab_cache *cache);
// Calls `visit` for every cache (/proc/slabinfo).
void slab_for_each(void (*visit)(const struct slab_cache *cache, void *context), void *context);

// Any size up to 4 MiB; nullptr: no memory. kfree(nullptr) is allowed.
void *kmalloc(size_t size);
void *kzalloc(size_t size);
// Fails on overflow of count*size.
void *kcalloc(size_t count, size_t size);
void *krealloc(void *old, size_t size);
void kfree(void *memory);

// Fault injection (tests): every `interval`-th allocation of the current thread fails; 0: off.
void alloc_fail_every(unsigned interval);
void alloc_fail_once(unsigned number); // that one alone; 0: off
unsigned alloc_fail_count(void);       // how many have failed since
