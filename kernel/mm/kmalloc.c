// SPDX-License-Identifier: MPL-2.0
// kmalloc: small sizes from 16 slab caches, larger ones straight from the page allocator. kfree tells them apart by
// the struct page.
#include "slab_priv.h"

#include <mm/charged.h>

#include <lib/assert.h>
#include <lib/string.h>

#define SMALL_MAX 2048ul
// Alignment: the largest power of two that divides the size, up to 64.
#define ALIGNMENT(bytes) ((bytes) % 64 == 0 ? 64 : (bytes) % 32 == 0 ? 32 : (bytes) % 16 == 0 ? 16 : 8)
#define CLASS(bytes) SLAB_CACHE_INIT(classes[0], "kmalloc-" #bytes, bytes, ALIGNMENT(bytes))

#define CLASSES                                                                                                     \
    CLASS(8), CLASS(16), CLASS(24), CLASS(32), CLASS(48), CLASS(64), CLASS(96), CLASS(128), CLASS(192), CLASS(256), \
        CLASS(384), CLASS(512), CLASS(768), CLASS(1024), CLASS(1536), CLASS(2048)

static struct slab_cache classes[] = {CLASSES};
static struct slab_cache charged_classes[ARRAY_SIZE(classes)] = {CLASSES};

// The smallest class for (size + 7) / 8.
static uint8_t class_of[SMALL_MAX / 8 + 1];

static struct {
    struct spinlock lock;
    _Atomic bool done;
} setup;

static NOINLINE void set_up(void) {
    spin_lock(&setup.lock);
    if (!atomic_load_explicit(&setup.done, memory_order_relaxed)) {
        unsigned class = 0;
        for (size_t units = 0; units < ARRAY_SIZE(class_of); units++) {
            while (classes[class].size < units * 8)
                class++;
            class_of[units] = class;
        }
        for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
            list_init(&classes[i].partial);
            list_init(&charged_classes[i].partial);
            charged_classes[i].charged = true;
        }
        atomic_store_explicit(&setup.done, true, memory_order_release);
    }
    spin_unlock(&setup.lock);
}

static void *alloc_large(size_t size) {
    if (size > PAGE_SIZE << PAGE_ORDER_MAX)
        return nullptr;
    unsigned order = size <= PAGE_SIZE ? 0 : 64 - __builtin_clzl((size - 1) >> PAGE_SHIFT);
    struct page *page = page_alloc(order, 0);
    if (!page)
        return nullptr;
    void *memory = page_to_virt(page);
    kasan_poison((char *)memory + size, (PAGE_SIZE << order) - size, KASAN_LARGE_REDZONE);
    return memory;
}

ALWAYS_INLINE void make_ready(void) {
    if (UNLIKELY(!atomic_load_explicit(&setup.done, memory_order_acquire)))
        set_up();
}

void *kmalloc(size_t size) {
    if (UNLIKELY(size > SMALL_MAX))
        return alloc_large(size);
    make_ready();
    return slab_alloc_sized(&classes[class_of[(size + 7) / 8]], size);
}

void *kzalloc(size_t size) {
    void *memory = kmalloc(size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *kcalloc(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? nullptr : kzalloc(bytes);
}

// ---------------------------------------------------------------- what jobs pay for

static void *alloc_large_by(size_t size, struct memory_account *payer) {
    void *memory = alloc_large(size);
    if (!memory || !payer || !payer->above)
        return memory;
    struct page *page = virt_to_page(memory);
    if (!account_charge_bytes(payer, (int64_t)(PAGE_SIZE << page->order))) {
        page_put(page);
        return nullptr;
    }
    page->payer = payer;
    atomic_fetch_or_explicit(&page->flags, PAGE_CHARGED, memory_order_relaxed);
    return memory;
}

void *kmalloc_charged_by(size_t size, struct memory_account *payer) {
    size_t whole = size + sizeof(struct memory_account *);
    if (UNLIKELY(size > SMALL_MAX - sizeof(struct memory_account *)))
        return alloc_large_by(size, payer);
    make_ready();
    return charged_take(&charged_classes[class_of[(whole + 7) / 8]], payer);
}

void *kmalloc_charged(size_t size) {
    return kmalloc_charged_by(size, account_current());
}

void *kzalloc_charged(size_t size) {
    void *memory = kmalloc_charged(size);
    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *kcalloc_charged(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? nullptr : kzalloc_charged(bytes);
}

static bool is_charged(const struct page *page) {
    return atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_CHARGED;
}

// ---------------------------------------------------------------- freeing

static bool is_slab(const struct page *page) {
    return atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_SLAB;
}

void kfree(void *memory) {
    if (!memory)
        return;
    struct page *page = virt_to_page(memory);
    if (LIKELY(is_slab(page))) {
        struct slab_cache *cache = slab_cache_of(memory);
        if (UNLIKELY(cache->charged))
            charged_give_back(cache, memory);
        slab_free(cache, memory);
        return;
    }
    ASSERT(IS_ALIGNED((uintptr_t)memory, PAGE_SIZE));
    if (is_charged(page))
        account_uncharge_bytes(page->payer, (int64_t)(PAGE_SIZE << page->order));
    page_put(page);
}

struct memory_account *kmalloc_payer(void *memory) {
    struct page *page = virt_to_page(memory);
    if (!is_slab(page))
        return is_charged(page) ? page->payer : nullptr;
    struct slab_cache *cache = slab_cache_of(memory);
    return cache->charged ? *charged_owner(cache, memory) : nullptr;
}

void *krealloc(void *old, size_t size) {
    if (!old)
        return kmalloc(size);
    struct page *page = virt_to_page(old);
    size_t have = is_slab(page) ? slab_cache_of(old)->size : PAGE_SIZE << page->order;
    if (size <= have && size > have / 4) {
        kasan_unpoison(old, size);
        return old;
    }
    void *memory = kmalloc(size);
    if (!memory)
        return nullptr;
    kasan_unpoison(old, have);
    memcpy(memory, old, MIN(size, have));
    kfree(old);
    return memory;
}
