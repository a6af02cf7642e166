// SPDX-License-Identifier: MPL-2.0
// What is known of the CPUs beyond arm64_features. What the port's start and traps call is in cpu_priv.h.
#pragma once

#include <lib/types.h>

// The ID registers that show programs anything. Those ending in _32 are about 32-bit code.
enum id_register {
    ID_ISAR0,
    ID_ISAR1,
    ID_ISAR2,
    ID_MMFR0,
    ID_MMFR1,
    ID_MMFR2,
    ID_PFR0,
    ID_PFR1,
    ID_DFR0,
    ID_ISAR5_32,
    ID_MVFR0_32,
    ID_MVFR1_32,
    ID_REGISTERS
};

// --- idregs.c ---
// The field of four bits at `shift`, as user mode sees it. Signed where the architecture has it so (FP and ASIMD: -1 is
// none).
int idregs_field(enum id_register id, unsigned shift);
// MIDR_EL1: maker and model. 0: that CPU has not come up.
uint32_t idregs_midr(unsigned cpu);

// --- hwcap.c ---
// Computes AT_HWCAP and AT_HWCAP2 from the fields. Each CPU, once its registers are in the fields.
void hwcaps_update(void);
// The name in /proc/cpuinfo of capability `i`, in Linux's order, or nullptr beyond the last. *present: all CPUs have it
// and we offer it. One of several ways to have a capability may have an empty name.
const char *hwcap_name(unsigned i, bool *present);
