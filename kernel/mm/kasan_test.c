// SPDX-License-Identifier: MPL-2.0
// In-kernel tests of what the address sanitizer believes: that allocated memory is allowed to the byte, and that what
// is around it, and what was freed, is not. (A real violation would stop the machine.)
#ifdef TESSERA_KASAN

#include "kasan_priv.h"

#include <lib/ktest.h>
#include <mm/page.h>
#include <mm/slab.h>

KTEST(kasan_knows_objects_to_the_byte) {
    char *object = kmalloc(13);
    KTEST_REQUIRE(object != nullptr);
    KTEST_CHECK(kasan_shadow(object) == 0);
    KTEST_CHECK(kasan_shadow(object + 8) == 5);
    KTEST_CHECK(kasan_shadow(object + 16) == KASAN_SLAB_REDZONE);
    kfree(object);
    KTEST_CHECK(kasan_shadow(object) == KASAN_SLAB_FREE);
}

KTEST(kasan_knows_free_pages) {
    struct page *page = page_alloc_one(0);
    KTEST_REQUIRE(page != nullptr);
    const char *memory = page_to_virt(page);
    KTEST_CHECK(kasan_shadow(memory) == 0 && kasan_shadow(memory + PAGE_SIZE - 1) == 0);
    page_put(page);
    KTEST_CHECK(kasan_shadow(memory) == KASAN_FREE_PAGE);
}

static char global[13];

// The shadow at a distance from a variable; by number, since the undefined-behaviour sanitizer minds such pointers.
static uint8_t shadow_at(const volatile char *variable, size_t distance) {
    return kasan_shadow((const void *)((uintptr_t)variable + distance));
}

KTEST(kasan_knows_globals_and_frames) {
    volatile char local[13] = {0};
    KTEST_CHECK(shadow_at(global, 8) == 5 && shadow_at(global, 16) == KASAN_GLOBAL_REDZONE);
    KTEST_CHECK(shadow_at(local, 8) == 5);
    KTEST_CHECK(shadow_at(local, 16) != 0);
}

#endif
