// SPDX-License-Identifier: MPL-2.0
// AT_HWCAP and AT_HWCAP2: a bit for each thing that programs may use, from the ID registers as user mode sees them.
// Linux's bits and names. Those that we never offer (SVE, SME, tagging) are not in the table.
#include "cpu/idregs.h"
#include <arch/elf.h>
#include <sched/spinlock.h>

unsigned long arm64_hwcap, arm64_hwcap2;

// Present if a field is at least `least`. Without a name: another way to have the one before (pointer authentication
// has a field for each algorithm).
struct hwcap {
    const char *name;
    uint8_t word, bit; // of AT_HWCAP (0) or AT_HWCAP2 (1)
    uint8_t id, shift;
    int8_t least;
};

#define ALWAYS ID_REGISTERS // whatever the registers say

static const struct hwcap hwcaps[] = {
    {"fp", 0, 0, ID_PFR0, 16, 0},         {"asimd", 0, 1, ID_PFR0, 20, 0},      {"evtstrm", 0, 2, ALWAYS, 0, 0},
    {"aes", 0, 3, ID_ISAR0, 4, 1},        {"pmull", 0, 4, ID_ISAR0, 4, 2},      {"sha1", 0, 5, ID_ISAR0, 8, 1},
    {"sha2", 0, 6, ID_ISAR0, 12, 1},      {"crc32", 0, 7, ID_ISAR0, 16, 1},     {"atomics", 0, 8, ID_ISAR0, 20, 2},
    {"fphp", 0, 9, ID_PFR0, 16, 1},       {"asimdhp", 0, 10, ID_PFR0, 20, 1},   {"cpuid", 0, 11, ALWAYS, 0, 0},
    {"asimdrdm", 0, 12, ID_ISAR0, 28, 1}, {"jscvt", 0, 13, ID_ISAR1, 12, 1},    {"fcma", 0, 14, ID_ISAR1, 16, 1},
    {"lrcpc", 0, 15, ID_ISAR1, 20, 1},    {"dcpop", 0, 16, ID_ISAR1, 0, 1},     {"sha3", 0, 17, ID_ISAR0, 32, 1},
    {"sm3", 0, 18, ID_ISAR0, 36, 1},      {"sm4", 0, 19, ID_ISAR0, 40, 1},      {"asimddp", 0, 20, ID_ISAR0, 44, 1},
    {"sha512", 0, 21, ID_ISAR0, 12, 2},   {"asimdfhm", 0, 23, ID_ISAR0, 48, 1}, {"dit", 0, 24, ID_PFR0, 48, 1},
    {"uscat", 0, 25, ID_MMFR2, 32, 1},    {"ilrcpc", 0, 26, ID_ISAR1, 20, 2},   {"flagm", 0, 27, ID_ISAR0, 52, 1},
    {"ssbs", 0, 28, ID_PFR1, 4, 2},       {"sb", 0, 29, ID_ISAR1, 36, 1},       {"paca", 0, 30, ID_ISAR1, 4, 1},
    {"", 0, 30, ID_ISAR1, 8, 1},          {"", 0, 30, ID_ISAR2, 12, 1},         {"pacg", 0, 31, ID_ISAR1, 24, 1},
    {"", 0, 31, ID_ISAR1, 28, 1},         {"", 0, 31, ID_ISAR2, 8, 1},          {"dcpodp", 1, 0, ID_ISAR1, 0, 2},
    {"flagm2", 1, 7, ID_ISAR0, 52, 2},    {"frint", 1, 8, ID_ISAR1, 32, 1},     {"i8mm", 1, 13, ID_ISAR1, 52, 1},
    {"bf16", 1, 14, ID_ISAR1, 44, 1},     {"dgh", 1, 15, ID_ISAR1, 48, 1},      {"rng", 1, 16, ID_ISAR0, 60, 1},
    {"bti", 1, 17, ID_PFR1, 0, 1},        {"ecv", 1, 19, ID_MMFR0, 60, 1},      {"afp", 1, 20, ID_MMFR1, 44, 1},
    {"rpres", 1, 21, ID_ISAR2, 4, 1},     {"wfxt", 1, 31, ID_ISAR2, 0, 2},      {"ebf16", 1, 32, ID_ISAR1, 44, 2},
};

// Of several CPUs the last one to be let in finds what all have put in.
void hwcaps_update(void) {
    static struct spinlock lock = SPINLOCK_INIT;
    unsigned long caps[2] = {};
    spin_lock(&lock);
    for (unsigned i = 0; i < ARRAY_SIZE(hwcaps); i++) {
        const struct hwcap *h = &hwcaps[i];
        if (h->id == ALWAYS || idregs_field(h->id, h->shift) >= h->least)
            caps[h->word] |= 1ul << h->bit;
    }
    arm64_hwcap = caps[0];
    arm64_hwcap2 = caps[1];
    spin_unlock(&lock);
}

const char *hwcap_name(unsigned i, bool *present) {
    if (i >= ARRAY_SIZE(hwcaps))
        return nullptr;
    *present = (hwcaps[i].word == 0 ? arm64_hwcap : arm64_hwcap2) >> hwcaps[i].bit & 1;
    return hwcaps[i].name;
}
