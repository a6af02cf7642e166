// SPDX-License-Identifier: MPL-2.0
// What the processor can do, and this CPU's system control register to match. The boot CPU decides: code was chosen and
// programs were told by what it has, so another that lacks some of it cannot run beside it.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"

#define SCTLR_SPAN (1ul << 23) // clear: PSTATE.PAN is set when the kernel is entered
#define SCTLR_BT0 (1ul << 35)  // user: a signing instruction is no landing pad for a jump …
#define SCTLR_BT1 (1ul << 36)  // … and kernel
#define CTR_IDC (1ul << 28)
#define CTR_DIC (1ul << 29)
#define DCZID_PROHIBITED (1ul << 4)

struct arm64_features arm64_features;

static unsigned field(uint64_t reg, unsigned shift) {
    return (unsigned)(reg >> shift) & 0xf;
}

static uint32_t zva_bytes(void) {
    uint64_t id = sysreg_read(DCZID_EL0);
    return id & DCZID_PROHIBITED ? 0 : 4u << (id & 0xf);
}

static struct arm64_features here(void) {
    uint64_t isar0 = sysreg_read(ID_AA64ISAR0_EL1), isar1 = sysreg_read(ID_AA64ISAR1_EL1);
    uint64_t mmfr0 = sysreg_read(ID_AA64MMFR0_EL1), mmfr1 = sysreg_read(ID_AA64MMFR1_EL1);
    uint64_t pfr0 = sysreg_read(ID_AA64PFR0_EL1), pfr1 = sysreg_read(ID_AA64PFR1_EL1);
    uint64_t isar2 = sysreg_read(S3_0_C0_C6_2), ctr = sysreg_read(CTR_EL0); // ID_AA64ISAR2_EL1
    return (struct arm64_features){
        .pan = field(mmfr1, 20) != 0,
        .bti = field(pfr1, 0) != 0,
        // Three algorithms each.
        .pauth = field(isar1, 4) != 0 || field(isar1, 8) != 0 || field(isar2, 12) != 0,
        .pauth_data = field(isar1, 24) != 0 || field(isar1, 28) != 0 || field(isar2, 8) != 0,
        .lse = field(isar0, 20) != 0,
        .asid16 = field(mmfr0, 4) != 0,
        .rng = field(isar0, 60) != 0,
        .sys_gic = field(pfr0, 24) != 0,
        .icache_sync = (ctr & CTR_IDC) == 0 || (ctr & CTR_DIC) == 0,
        .zva = zva_bytes(),
    };
}

const char *features_missing(void) {
    const struct arm64_features mine = here(), *need = &arm64_features;
    if (need->pan && !mine.pan)
        return "PAN";
    if (need->bti && !mine.bti)
        return "BTI";
    if ((need->pauth && !mine.pauth) || (need->pauth_data && !mine.pauth_data))
        return "pointer authentication";
    if (need->lse && !mine.lse)
        return "atomic instructions";
    if (need->asid16 && !mine.asid16)
        return "16-bit ASIDs";
    if (need->rng && !mine.rng)
        return "random numbers";
    if (need->sys_gic && !mine.sys_gic)
        return "the interrupt controller's registers";
    if (mine.icache_sync && !need->icache_sync)
        return "coherent instruction caches";
    if (mine.zva != need->zva)
        return "DC ZVA of the same size";
    return nullptr;
}

void features_read(void) {
    arm64_features = here();
}

void features_enable(void) {
    uint64_t control = sysreg_read(SCTLR_EL1);
    if (arm64_features.pan) {
        control &= ~SCTLR_SPAN;
        __asm__ volatile("msr s0_0_c4_c1_4, xzr"); // PAN = 1 (msr pan, #1)
    }
    if (arm64_features.bti)
        control |= SCTLR_BT0 | SCTLR_BT1;
    sysreg_write(SCTLR_EL1, control);
    isb();
}
