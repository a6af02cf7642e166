// SPDX-License-Identifier: MPL-2.0
// What the allocators tell the address sanitizer. Nothing at all in builds without it.
#pragma once

#include <lib/types.h>

#ifdef TESSERA_KASAN
#define KASAN_REDZONE 32ul // bytes kept poisoned after each slab object
void kasan_poison(const void *start, size_t size, uint8_t why);
void kasan_unpoison(const void *start, size_t size);
#else
#define KASAN_REDZONE 0ul
ALWAYS_INLINE void kasan_poison(const void *start, size_t size, uint8_t why) {}
ALWAYS_INLINE void kasan_unpoison(const void *start, size_t size) {}
#endif

// Shadow bytes: why memory may not be touched.
enum { KASAN_FREE_PAGE = 0xff, KASAN_SLAB_REDZONE = 0xfc, KASAN_SLAB_FREE = 0xfb, KASAN_LARGE_REDZONE = 0xfe };
