// SPDX-License-Identifier: MPL-2.0
// Between slab.c, kmalloc.c and the sanitizer's quarantine.
#pragma once

#include "kasan_priv.h"
#include "page_priv.h"

#include <mm/slab.h>

// The cache that a slab object came from.
struct slab_cache *slab_cache_of(const void *object);
// As slab_alloc, but only the first `size` bytes are the caller's (KASAN).
void *slab_alloc_sized(struct slab_cache *cache, size_t size);
// Puts the object back at once, past the quarantine.
void slab_free_now(struct slab_cache *cache, void *object);
// --- charged.c ---
// Where the account is that pays for the object; null in it: nobody.
ALWAYS_INLINE struct memory_account **charged_owner(const struct slab_cache *cache, void *object) {
    return (struct memory_account **)(void *)((char *)object + cache->size - sizeof(struct memory_account *));
}
void *charged_take(struct slab_cache *cache, struct memory_account *payer);
// Gives back what was paid for the object, which is freed next.
void charged_give_back(struct slab_cache *cache, void *object);
#ifdef TESSERA_KASAN
// Poisons the object and frees it some time later.
void kasan_quarantine(struct slab_cache *cache, void *object);
#endif
