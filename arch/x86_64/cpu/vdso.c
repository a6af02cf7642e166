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

static_assert(VDSO_CLOCK_SHIFT == X86_CLOCK_SHIFT);

void arch_vdso_update(void *page, nsec_t realtime_offset) {
    struct vdso_data *data = page;
    data->has_cpu_number = cpuid(0x80000001u, 0).d >> 27 & 1;
    data->base = x86_clock.base;
    data->mult = x86_clock.mult;
    for (unsigned clock = 0; clock < VDSO_CLOCKS; clock++)
        if (VDSO_WALL_CLOCKS >> clock & 1)
            atomic_store_explicit(&data->offset[clock], realtime_offset, memory_order_release);
}
