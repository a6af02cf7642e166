// SPDX-License-Identifier: MPL-2.0
// The kernel address sanitizer's runtime (make DEBUG=1).
//
// The compiler calls __asan_load/store before each access. Memory is described by shadow bytes, one for eight bytes.
// Because every check is a call, shadow need not lie at a fixed place: it is found here by the kind of address.
//
//   direct map      one array for all RAM, taken at boot
//   kernel image    one array (globals, the boot CPU's stack)
//   kernel stacks   a page for each, made with the stack (vmap.c)
//   anything else   not checked (device memory, user memory)
//
// Until kasan_init nothing is checked, so code that runs before it may be instrumented, too. This file is not.
#ifdef TESSERA_KASAN

#include "kasan_priv.h"
#include "page_priv.h"
#include "slab_priv.h"
#include "vmap_priv.h"

#include <arch/boot.h>
#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/log.h>

#undef memcpy
#undef memmove
#undef memset
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

extern char kernel_start[], kernel_end[]; // of the image; the port's linker script

struct area {
    uintptr_t start, size;
    uint8_t *shadow;
};

static struct {
    bool ready, reporting;
    struct area direct_map, image;
    uintptr_t stacks;
    uint8_t *stack_shadow[VMAP_STACK_SLOTS];
} kasan;

// Which stack slot an address lies in, and where in it. False: in none.
ALWAYS_INLINE bool find_slot(uintptr_t address, size_t *slot, size_t *offset) {
    uintptr_t distance = address - kasan.stacks;
    *slot = distance / VMAP_SLOT_SIZE;
    *offset = distance % VMAP_SLOT_SIZE;
    return kasan.stacks && *slot < VMAP_STACK_SLOTS;
}

void kasan_stacks_are_at(vaddr_t start) {
    kasan.stacks = start;
}

ALWAYS_INLINE uint8_t *shadow_in(const struct area *area, uintptr_t address) {
    uintptr_t offset = address - area->start;
    return offset < area->size ? &area->shadow[offset / 8] : nullptr;
}

ALWAYS_INLINE uint8_t *shadow_of(uintptr_t address) {
    uint8_t *shadow = shadow_in(&kasan.direct_map, address);
    if (!shadow)
        shadow = shadow_in(&kasan.image, address);
    if (shadow)
        return shadow;
    size_t slot, offset;
    if (!find_slot(address, &slot, &offset) || !kasan.stack_shadow[slot])
        return nullptr;
    return &kasan.stack_shadow[slot][offset / 8];
}

uint8_t kasan_shadow(const void *address) {
    uint8_t *shadow = kasan.ready ? shadow_of((uintptr_t)address) : nullptr;
    return shadow ? *shadow : 0;
}

// Direct map: contiguous shadow. Stacks: ranges never leave one.
static void set_shadow(uintptr_t start, size_t size, uint8_t value) {
    uint8_t *shadow = kasan.ready && size ? shadow_of(start) : nullptr;
    if (shadow)
        memset(shadow, value, size / 8);
}

void kasan_poison(const void *start, size_t size, uint8_t why) {
    uintptr_t from = ALIGN_UP((uintptr_t)start, 8), to = ALIGN_UP((uintptr_t)start + size, 8);
    // The granule that holds the last allowed bytes says how many they are.
    size_t inner = (uintptr_t)start & 7;
    uint8_t *shadow = inner && kasan.ready ? shadow_of((uintptr_t)start) : nullptr;
    if (shadow)
        *shadow = (uint8_t)inner;
    set_shadow(from, to - from, why);
}

void kasan_unpoison(const void *start, size_t size) {
    set_shadow((uintptr_t)start, ALIGN_DOWN(size, 8ul), 0);
    uint8_t *shadow = (size & 7) && kasan.ready ? shadow_of((uintptr_t)start + size) : nullptr;
    if (shadow)
        *shadow = size & 7;
}

static struct area make_area(uintptr_t start, size_t size) {
    size_t pages = ALIGN_UP(size / 8, PAGE_SIZE) / PAGE_SIZE;
    uint8_t *shadow = arch_phys_to_virt(page_boot_alloc(pages));
    memset(shadow, 0, pages * PAGE_SIZE);
    return (struct area){start, size, shadow};
}

extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

void kasan_init(void) {
    paddr_t start = UINT64_MAX, end = 0;
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type != BOOT_MEMORY_USABLE || range->start == range->end)
            continue;
        start = MIN(start, ALIGN_DOWN(range->start, PAGE_SIZE)); // RAM may begin anywhere
        end = MAX(end, range->end);
    }
    kasan.direct_map = make_area((uintptr_t)arch_phys_to_virt(start), end - start);
    kasan.image = make_area((uintptr_t)kernel_start, (size_t)(kernel_end - kernel_start));
    kasan.ready = true;
    for (void (*const *constructor)(void) = init_array_start; constructor < init_array_end; constructor++)
        (*constructor)(); // they register globals
}

bool kasan_stack_create(const void *stack) {
    size_t slot, offset;
    if (!find_slot((uintptr_t)stack, &slot, &offset))
        return true;
    struct page *page = page_alloc_one(ALLOC_ZERO);
    static_assert(VMAP_SLOT_SIZE / 8 <= PAGE_SIZE);
    if (page)
        kasan.stack_shadow[slot] = page_to_virt(page);
    return page != nullptr;
}

void kasan_stack_destroy(const void *stack) {
    size_t slot, offset;
    if (!find_slot((uintptr_t)stack, &slot, &offset) || !kasan.stack_shadow[slot])
        return;
    struct page *page = virt_to_page(kasan.stack_shadow[slot]);
    kasan.stack_shadow[slot] = nullptr;
    page_put(page);
}

// --- reports ---

static const char *reason(uint8_t shadow) {
    switch (shadow) {
    case KASAN_FREE_PAGE:
        return "use of a free page";
    case KASAN_LARGE_REDZONE:
    case KASAN_SLAB_REDZONE:
        return "heap out of bounds";
    case KASAN_SLAB_FREE:
        return "use after free";
    case KASAN_GLOBAL_REDZONE:
        return "global out of bounds";
    case KASAN_STACK_SCOPE:
        return "stack variable out of scope";
    case 0xf1:
    case 0xf2:
    case 0xf3:
        return "stack out of bounds";
    default:
        return "out of bounds";
    }
}

static void describe(uintptr_t address) {
    if (!phys_is_ram(arch_virt_to_phys((void *)address)) || !shadow_in(&kasan.direct_map, address))
        return;
    struct page *page = virt_to_page((void *)address);
    if (!(atomic_load_explicit(&page->flags, memory_order_relaxed) & PAGE_SLAB))
        return;
    struct slab_cache *cache = slab_cache_of((void *)address);
    klog(LOG_EMERGENCY, "kasan: in slab cache %s, objects of %u bytes", cache->name, cache->size);
}

void kasan_report(const char *what, uintptr_t address, size_t size, uintptr_t pc) {
    kasan.ready = false; // one report; what follows is the panic's own business
    klog(LOG_EMERGENCY, "kasan: %s: %zu bytes at %lx by %pS", what, size, address, (void *)pc);
    describe(address);
    uint8_t *shadow = shadow_of(address);
    if (shadow)
        klog(LOG_EMERGENCY, "kasan: shadow %02x %02x %02x %02x [%02x] %02x %02x %02x", shadow[-4], shadow[-3],
             shadow[-2], shadow[-1], shadow[0], shadow[1], shadow[2], shadow[3]);
    panic("kasan: %s", what);
}

// --- what the compiler calls ---

ALWAYS_INLINE void check(uintptr_t address, size_t size, uintptr_t pc) {
    if (!kasan.ready || size == 0)
        return;
    uint8_t *shadow = shadow_of(address);
    if (!shadow)
        return;
    uintptr_t last = address + size - 1;
    size_t granules = (last >> 3) - (address >> 3);
    for (size_t i = 0; i < granules; i++)
        if (UNLIKELY(shadow[i]))
            kasan_report(reason(shadow[i]), address, size, pc);
    uint8_t end = shadow[granules];
    if (UNLIKELY(end && (end >= 8 || (last & 7) >= end)))
        kasan_report(reason(end < 8 ? shadow[granules + 1] : end), address, size, pc);
}

#define CALLER ((uintptr_t)__builtin_return_address(0))
#define ACCESS(size)                                       \
    void __asan_load##size##_noabort(uintptr_t address);   \
    void __asan_load##size##_noabort(uintptr_t address) {  \
        check(address, size, CALLER);                      \
    }                                                      \
    void __asan_store##size##_noabort(uintptr_t address);  \
    void __asan_store##size##_noabort(uintptr_t address) { \
        check(address, size, CALLER);                      \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

void __asan_loadN_noabort(uintptr_t address, size_t size);
void __asan_loadN_noabort(uintptr_t address, size_t size) {
    check(address, size, CALLER);
}
void __asan_storeN_noabort(uintptr_t address, size_t size);
void __asan_storeN_noabort(uintptr_t address, size_t size) {
    check(address, size, CALLER);
}

void *__asan_memcpy(void *to, const void *from, size_t size);
void *__asan_memcpy(void *to, const void *from, size_t size) {
    check((uintptr_t)from, size, CALLER);
    check((uintptr_t)to, size, CALLER);
    return memcpy(to, from, size);
}
void *__asan_memmove(void *to, const void *from, size_t size);
void *__asan_memmove(void *to, const void *from, size_t size) {
    check((uintptr_t)from, size, CALLER);
    check((uintptr_t)to, size, CALLER);
    return memmove(to, from, size);
}
void *__asan_memset(void *to, int byte, size_t size);
void *__asan_memset(void *to, int byte, size_t size) {
    check((uintptr_t)to, size, CALLER);
    return memset(to, byte, size);
}

// Frames: the compiler names the shadow's address as it believes it to be, (address >> 3) + 0.
#define SET_SHADOW(value)                                           \
    void __asan_set_shadow_##value(uintptr_t shadow, size_t size);  \
    void __asan_set_shadow_##value(uintptr_t shadow, size_t size) { \
        set_shadow(shadow << 3, size << 3, 0x##value);              \
    }
SET_SHADOW(00)
SET_SHADOW(01)
SET_SHADOW(02)
SET_SHADOW(03)
SET_SHADOW(04)
SET_SHADOW(05)
SET_SHADOW(06)
SET_SHADOW(07)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)

void __asan_poison_stack_memory(const void *start, size_t size);
void __asan_poison_stack_memory(const void *start, size_t size) {
    kasan_poison(start, size, KASAN_STACK_SCOPE);
}
void __asan_unpoison_stack_memory(const void *start, size_t size);
void __asan_unpoison_stack_memory(const void *start, size_t size) {
    kasan_unpoison(start, size);
}

// The frames above will never return: nothing of this stack stays poisoned.
void __asan_handle_no_return(void);
void __asan_handle_no_return(void) {
    uintptr_t here = ALIGN_DOWN((uintptr_t)__builtin_frame_address(0), 8);
    size_t slot, offset;
    if (kasan.ready && find_slot(here, &slot, &offset))
        set_shadow(here, VMAP_SLOT_SIZE - offset, 0);
}

struct asan_global {
    uintptr_t start, size, size_with_redzone;
    const char *name, *module;
    uintptr_t dynamic_init, location, odr_indicator;
};

void __asan_register_globals(const struct asan_global *globals, size_t count);
void __asan_register_globals(const struct asan_global *globals, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct asan_global *g = &globals[i];
        kasan_poison((void *)(g->start + g->size), g->size_with_redzone - g->size, KASAN_GLOBAL_REDZONE);
    }
}
void __asan_unregister_globals(const struct asan_global *globals, size_t count);
void __asan_unregister_globals(const struct asan_global *globals, size_t count) {} // only at the program's end

#endif
