// SPDX-License-Identifier: MPL-2.0
// Turns the marked no-ops into stac and clac on processors with SMAP (port/uaccess.h, asm.h). Code is mapped read-only,
// so it is written through the direct map.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/mmu.h>

struct patch {
    int32_t code; // distance from this field
    uint32_t last_byte;
};
extern const struct patch smap_patches_start[], smap_patches_end[];

void smap_patch(void) {
    if (!x86_features.smap)
        return;
    for (const struct patch *p = smap_patches_start; p < smap_patches_end; p++) {
        uintptr_t code = (uintptr_t)&p->code + (uintptr_t)p->code;
        uint8_t *bytes = arch_phys_to_virt(code - image_offset);
        bytes[0] = 0x0f;
        bytes[1] = 0x01;
        bytes[2] = (uint8_t)p->last_byte;
    }
    // A serializing instruction, before the changed code runs.
    cpuid(0, 0);
}
