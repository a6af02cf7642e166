// SPDX-License-Identifier: MPL-2.0
// Functions and answers of PSCI 0.2 and later.
#pragma once

#define PSCI_CPU_ON 0xc4000003u // MPIDR, physical address, what it finds in x0
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

enum { PSCI_NOT_SUPPORTED = -1 };
