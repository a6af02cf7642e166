// SPDX-License-Identifier: MPL-2.0
// What this processor has, and switching on what the kernel uses of it. All CPUs are taken to be like the
// first one, as on every machine there is.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"

#define MSR_EFER 0xc0000080u
#define EFER_NXE (1ul << 11)

enum : uint64_t {
    CR0_MP = 1u << 1,
    CR0_EM = 1u << 2,
    CR0_TS = 1u << 3,
    CR0_NE = 1u << 5,
    CR0_WP = 1u << 16, // read-only holds for the kernel too
};
enum : uint64_t {
    CR4_PGE = 1u << 7,
    CR4_UMIP = 1u << 11,
    CR4_FSGSBASE = 1u << 16,
    CR4_PCIDE = 1u << 17,
    CR4_SMEP = 1u << 20,
    CR4_SMAP = 1u << 21,
};

struct x86_features x86_features;

static bool bit(uint32_t word, unsigned n) {
    return (word >> n & 1) != 0;
}

static void features_read(void) {
    struct x86_features *f = &x86_features;
    uint32_t last = cpuid_read(0, 0).eax;
    struct cpuid one = cpuid_read(1, 0);
    f->pge = bit(one.edx, 13);
    f->pcid = bit(one.ecx, 17);
    f->x2apic = bit(one.ecx, 21);
    f->tsc_deadline = bit(one.ecx, 24);
    f->xsave = bit(one.ecx, 26);
    f->rdrand = bit(one.ecx, 30);
    f->hypervisor = bit(one.ecx, 31);
    if (last >= 7) {
        struct cpuid seven = cpuid_read(7, 0);
        f->fsgsbase = bit(seven.ebx, 0);
        f->smep = bit(seven.ebx, 7);
        f->erms = bit(seven.ebx, 9);
        f->invpcid = bit(seven.ebx, 10);
        f->rdseed = bit(seven.ebx, 18);
        f->smap = bit(seven.ebx, 20);
        f->umip = bit(seven.ecx, 2);
        f->fsrm = bit(seven.edx, 4);
    }
    if (last >= 0xd && f->xsave)
        f->xsaveopt = bit(cpuid_read(0xd, 1).eax, 0);
    uint32_t last_extended = cpuid_read(0x80000000, 0).eax;
    if (last_extended >= 0x80000001) {
        struct cpuid extended = cpuid_read(0x80000001, 0);
        f->nx = bit(extended.edx, 20);
        f->gb_pages = bit(extended.edx, 26);
    }
    if (last_extended >= 0x80000007)
        f->tsc_invariant = bit(cpuid_read(0x80000007, 0).edx, 8);
}

void features_init(void) {
    static bool read;
    if (!read) {
        features_read();
        read = true;
    }
    const struct x86_features *f = &x86_features;
    uint64_t cr0, cr4;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = (cr0 | CR0_MP | CR0_NE | CR0_WP) & ~(CR0_EM | CR0_TS);
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    cr4 |= (f->pge ? CR4_PGE : 0) | (f->umip ? CR4_UMIP : 0) | (f->fsgsbase ? CR4_FSGSBASE : 0) |
           (f->pcid ? CR4_PCIDE : 0) | (f->smep ? CR4_SMEP : 0) | (f->smap ? CR4_SMAP : 0);
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
    if (f->nx)
        msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE);
}
