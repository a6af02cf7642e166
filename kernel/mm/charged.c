// SPDX-License-Identifier: MPL-2.0
// Objects that jobs pay for: mm/charged.h. (kmalloc's are in kmalloc.c.)
#include <mm/charged.h>

#include "slab_priv.h"

#include <lib/string.h>

void *charged_take(struct slab_cache *cache, struct memory_account *payer) {
    payer = payer && payer->above ? payer : nullptr;
    if (UNLIKELY(payer != nullptr) && !account_charge_bytes(payer, cache->size))
        return nullptr;
    void *object = slab_alloc(cache);
    if (LIKELY(object != nullptr))
        *charged_owner(cache, object) = payer;
    else if (payer)
        account_uncharge_bytes(payer, cache->size);
    return object;
}

void charged_give_back(struct slab_cache *cache, void *object) {
    struct memory_account *payer = *charged_owner(cache, object);
    if (UNLIKELY(payer != nullptr))
        account_uncharge_bytes(payer, cache->size);
}

void *charged_alloc(struct slab_cache *cache) {
    return charged_take(cache, account_current());
}

void *charged_alloc_zero_by(struct slab_cache *cache, struct memory_account *payer) {
    void *object = charged_take(cache, payer);
    if (object)
        memset(object, 0, cache->size - sizeof payer);
    return object;
}

void *charged_alloc_zero(struct slab_cache *cache) {
    return charged_alloc_zero_by(cache, account_current());
}

void charged_free(struct slab_cache *cache, void *object) {
    charged_give_back(cache, object);
    slab_free(cache, object);
}
