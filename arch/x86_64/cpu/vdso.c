// SPDX-License-Identifier: MPL-2.0
// The kernel's half of the vDSO: where its image is, and its data page.
#include "cpu/cpu_priv.h"
#include "vdso/vdso_data.h"
#include "x86_64_priv.h"
#include <arch/time.h>
#include <stdatomic.h>

extern const char x86_vdso_start[], x86_vdso_end[];

const struct vdso_image *arch_vdso(void) {
    static struct vdso_image image;
    image = (struct vdso_image){.start = x86_vdso_start, .size = (size_t)(x86_vdso_end - x86_vdso_start)};
    return &image;
}

void arch_vdso_update(void *page, nsec_t realtime_offset) {
    struct vdso_data *data = page;
    uint32_t sequence = atomic_load_explicit(&data->sequence, memory_order_relaxed);
    atomic_store_explicit(&data->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    data->has_rdtscp = cpuid(0x80000001u, 0).d >> 27 & 1;
    data->base = x86_clock.base;
    data->mult = x86_clock.mult;
    data->shift = x86_clock.shift;
    data->realtime_offset = realtime_offset;
    atomic_store_explicit(&data->sequence, sequence + 2, memory_order_release);
}
