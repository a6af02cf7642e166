// SPDX-License-Identifier: MPL-2.0
// Memory for vector registers (arch/upcall.h): one size a machine, 64-byte aligned, from a slab cache of that size.
// And for debug registers, which few threads have.
#include <arch/upcall.h>
#include <lib/assert.h>
#include <mm/slab.h>

static struct slab_cache areas = SLAB_CACHE_INIT(areas, "vector_area", 0, 64);

void *arch_vector_area_alloc(size_t size) {
    size = ALIGN_UP(size, 64ul);
    if (areas.size == 0)
        areas.size = size;
    ASSERT(areas.size == size);
    return slab_alloc(&areas);
}

void arch_vector_area_free(void *area, size_t size) {
    slab_free(&areas, area);
}

void *arch_debug_area_alloc(size_t size) {
    return kmalloc(size);
}

void arch_debug_area_free(void *area) {
    kfree(area);
}
