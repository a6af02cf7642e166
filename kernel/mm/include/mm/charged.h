// SPDX-License-Identifier: MPL-2.0
// Small objects that programs can pile up in the kernel: the job of who makes one pays, until it is gone, whoever has
// it by then. (What is made of pages has charges of its own, see mm/account.h.)
//
// An object has the account that pays for it behind its last byte. Nobody pays for what the kernel's own threads and
// the processes of the root job make: that has no limit.
#pragma once

#include <mm/account.h>
#include <mm/slab.h>

// As SLAB_CACHE; for these functions only.
#define CHARGED_CACHE(variable, type)                                                                           \
    static struct slab_cache variable = {.name = #type,                                                         \
                                         .size = ALIGN_UP(sizeof(type), 8ul) + sizeof(struct memory_account *), \
                                         .align = alignof(type),                                                \
                                         .charged = true,                                                       \
                                         .partial = LIST_INIT((variable).partial)}

// nullptr: no memory, or the job is at its limit. Contents are undefined. Thread context, never blocks.
void *charged_alloc(struct slab_cache *cache);
void *charged_alloc_zero(struct slab_cache *cache);
// This one pays. Null: nobody.
void *charged_alloc_zero_by(struct slab_cache *cache, struct memory_account *payer);
void charged_free(struct slab_cache *cache, void *object);

// As kmalloc, and for kfree; not for krealloc.
void *kmalloc_charged(size_t size);
void *kzalloc_charged(size_t size);
void *kcalloc_charged(size_t count, size_t size);
void *kmalloc_charged_by(size_t size, struct memory_account *payer);
// Who pays for what one of these four gave; null: nobody.
struct memory_account *kmalloc_payer(void *memory);
