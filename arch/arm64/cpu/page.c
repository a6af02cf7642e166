// SPDX-License-Identifier: MPL-2.0
// Whole pages: zeroing, copying, and making instructions that were written to a page visible to fetches.
//
// Without vector registers, which are the user's. DC ZVA clears a cache line without reading it first; firmware or a
// hypervisor may forbid it (arm64_features.zva is 0 then).
#include "arm64_priv.h"
#include "cpu/sysreg.h"
#include <arch/mmu.h>

// 64 bytes a step, by pairs of registers.
static void zero_by_stores(char *at, const char *end) {
    do
        __asm__ volatile("stp xzr, xzr, [%0], #64\n\t"
                         "stp xzr, xzr, [%0, #-48]\n\t"
                         "stp xzr, xzr, [%0, #-32]\n\t"
                         "stp xzr, xzr, [%0, #-16]"
                         : "+r"(at)::"memory");
    while (at != end);
}

void arm64_page_zero(void *page) {
    char *at = page;
    const char *end = at + PAGE_SIZE;
    size_t line = arm64_features.zva; // a power of two, at most 2048
    if (line == 0) {
        zero_by_stores(at, end);
        return;
    }
    for (; at != end; at += line)
        __asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
}

void arm64_page_copy(void *to, const void *from) {
    const char *end = (const char *)from + PAGE_SIZE;
    uint64_t a, b, c, d, e, f, g, h;
    do
        __asm__ volatile("ldp %[a], %[b], [%[from]], #64\n\t"
                         "ldp %[c], %[d], [%[from], #-48]\n\t"
                         "ldp %[e], %[f], [%[from], #-32]\n\t"
                         "ldp %[g], %[h], [%[from], #-16]\n\t"
                         "stp %[a], %[b], [%[to]], #64\n\t"
                         "stp %[c], %[d], [%[to], #-48]\n\t"
                         "stp %[e], %[f], [%[to], #-32]\n\t"
                         "stp %[g], %[h], [%[to], #-16]"
                         : [to] "+r"(to), [from] "+r"(from), [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d),
                           [e] "=&r"(e), [f] "=&r"(f), [g] "=&r"(g), [h] "=&r"(h)::"memory");
    while (from != end);
}

// CTR_EL0: log2 of the smallest cache lines in words; IDC (no cleaning needed), DIC (no invalidation needed).
#define CTR_IMIN(ctr) (4ul << ((ctr) & 15))
#define CTR_DMIN(ctr) (4ul << ((ctr) >> 16 & 15))
#define CTR_IDC (1ul << 28)
#define CTR_DIC (1ul << 29)

// Cleans the data cache to where fetches of all CPUs read from, then invalidates their instruction caches; both
// instructions are broadcast. (An instruction cache that is indexed by virtual address would keep other aliases: there
// the whole is invalidated, as CTR_EL0.L1Ip says.) Other CPUs' pipelines are flushed by their return to user mode.
void arm64_page_sync_code(const void *page) {
    if (!arm64_features.icache_sync)
        return;
    uint64_t ctr = sysreg_read(CTR_EL0);
    uintptr_t start = (uintptr_t)page, end = start + PAGE_SIZE;
    for (uintptr_t at = start; !(ctr & CTR_IDC) && at < end; at += CTR_DMIN(ctr))
        __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
    dsb_ish();
    bool physical = (ctr >> 14 & 3) == 3; // PIPT
    if (!physical && !(ctr & CTR_DIC))
        __asm__ volatile("ic ialluis" ::: "memory");
    for (uintptr_t at = start; physical && !(ctr & CTR_DIC) && at < end; at += CTR_IMIN(ctr))
        __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
    dsb_ish();
    isb();
}
