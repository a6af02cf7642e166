// SPDX-License-Identifier: MPL-2.0
// Puts the instructions in place that this machine's CPUs are better served with (port/patch.h). Each has a record:
// where it goes, which feature must be there, and the instruction as it would be at the record's own place, which
// matters for branches: they reach as far from here as from there.
//
// The boot CPU does it once, before others start and before any such place is executed: these are on the ways to and
// from user mode. Code is mapped read-only, so it is written through the window on physical memory.
#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <arch/mmu.h>
#include <port/patch.h>

#define BRANCH_MASK 0xfc000000u
#define BRANCH 0x14000000u

struct patch {
    int32_t place; // from here
    uint32_t feature;
    uint32_t instruction;
};
extern const struct patch patches_start[], patches_end[];

static uint32_t instruction_at(uintptr_t place, const struct patch *patch) {
    uint32_t instruction = patch->instruction;
    if ((instruction & BRANCH_MASK) != BRANCH)
        return instruction;
    intptr_t closer = (intptr_t)((uintptr_t)&patch->instruction - place);
    return BRANCH | ((instruction + (uint32_t)(closer / 4)) & ~BRANCH_MASK);
}

void patches_apply(void) {
    char *writable = paging_window(image_phys(kernel_start), (size_t)(kernel_text_end - kernel_start));
    const uint8_t *features = (const uint8_t *)&arm64_features;
    for (const struct patch *patch = patches_start; patch < patches_end; patch++) {
        if (features[patch->feature] == 0)
            continue;
        uintptr_t place = (uintptr_t)&patch->place + (uintptr_t)(intptr_t)patch->place;
        uint32_t *word = (uint32_t *)(void *)(writable + (place - (uintptr_t)kernel_start));
        *word = instruction_at(place, patch);
        __asm__ volatile("dc cvau, %0" ::"r"(word) : "memory");
    }
    dsb_ish();
    __asm__ volatile("ic ialluis" ::: "memory");
    dsb_ish();
    isb();
}
