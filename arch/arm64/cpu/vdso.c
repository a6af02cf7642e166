// SPDX-License-Identifier: MPL-2.0
// The kernel's half of the vDSO: where its image is, and its data page.
#include "arm64_priv.h"
#include "vdso/vdso_data.h"
#include <arch/time.h>
#include <lib/assert.h>
#include <stdatomic.h>

extern const uint32_t arm64_vdso_start[], arm64_vdso_end[];

// The two instructions that make __kernel_rt_sigreturn known to unwinders: mov x8, #139; svc #0.
#define SIGRETURN_MOV 0xd2801168u
#define SIGRETURN_SVC 0xd4000001u

static size_t sigreturn_offset(void) {
    for (const uint32_t *word = arm64_vdso_start; word + 1 < arm64_vdso_end; word++)
        if (word[0] == SIGRETURN_MOV && word[1] == SIGRETURN_SVC)
            return (size_t)(word - arm64_vdso_start) * sizeof(*word);
    panic("the vDSO has no sigreturn");
}

const struct vdso_image *arch_vdso(void) {
    static struct vdso_image image;
    if (image.start == nullptr)
        image = (struct vdso_image){.start = arm64_vdso_start,
                                    .size = (size_t)(arm64_vdso_end - arm64_vdso_start) * sizeof(uint32_t),
                                    .sigreturn_offset = sigreturn_offset()};
    return &image;
}

static_assert(VDSO_CLOCK_SHIFT == ARM64_CLOCK_SHIFT);

void arch_vdso_update(void *page, nsec_t realtime_offset) {
    struct vdso_data *data = page;
    data->base = arm64_clock.base;
    data->mult = arm64_clock.mult;
    for (unsigned clock = 0; clock < VDSO_CLOCKS; clock++)
        if (VDSO_WALL_CLOCKS >> clock & 1)
            atomic_store_explicit(&data->offset[clock], realtime_offset, memory_order_release);
}
