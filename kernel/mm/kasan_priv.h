// SPDX-License-Identifier: MPL-2.0
// What the allocators tell the address sanitizer. Nothing at all in builds without it.
#pragma once

#include <lib/types.h>

// Shadow bytes: why memory may not be touched. 0: all eight bytes may be; 1 … 7: only so many.
enum {
    KASAN_FREE_PAGE = 0xff,
    KASAN_LARGE_REDZONE = 0xfe,
    KASAN_SLAB_REDZONE = 0xfc,
    KASAN_SLAB_FREE = 0xfb,
    KASAN_GLOBAL_REDZONE = 0xf9,
    KASAN_STACK_SCOPE = 0xf8,
};

#ifdef TESSERA_KASAN
#define KASAN_REDZONE 32ul // bytes kept poisoned after each slab object
// Once the page array is there: from now on accesses are checked.
void kasan_init(void);
void kasan_poison(const void *start, size_t size, uint8_t why);
void kasan_unpoison(const void *start, size_t size);
// The shadow byte of an address, 0 if it has none.
uint8_t kasan_shadow(const void *address);
[[noreturn]] void kasan_report(const char *what, uintptr_t address, size_t size, uintptr_t pc);
// Where the slots of kernel stacks begin.
void kasan_stacks_are_at(vaddr_t start);
// Kernel stacks get shadow when they are made (nullptr: no memory) and lose it when they are unmapped.
MUST_USE bool kasan_stack_create(const void *stack);
void kasan_stack_destroy(const void *stack);
#else
#define KASAN_REDZONE 0ul
ALWAYS_INLINE void kasan_init(void) {}
ALWAYS_INLINE void kasan_poison(const void *start, size_t size, uint8_t why) {}
ALWAYS_INLINE void kasan_unpoison(const void *start, size_t size) {}
ALWAYS_INLINE void kasan_stacks_are_at(vaddr_t start) {}
ALWAYS_INLINE bool kasan_stack_create(const void *stack) {
    return true;
}
ALWAYS_INLINE void kasan_stack_destroy(const void *stack) {}
#endif
