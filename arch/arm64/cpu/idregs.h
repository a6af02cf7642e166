// SPDX-License-Identifier: MPL-2.0
// What is known of the CPUs beyond arm64_features. What the port's start and traps call is in cpu_priv.h.
#pragma once

#include <lib/types.h>

// Names of the bits of AT_HWCAP (0-31) and AT_HWCAP2 (32-63), nullptr for those that are never set.
extern const char *const hwcap_names[64];
// MIDR_EL1: maker and model. 0: that CPU has not come up.
uint32_t idregs_midr(unsigned cpu);
