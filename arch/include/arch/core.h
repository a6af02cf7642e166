// SPDX-License-Identifier: MPL-2.0
// What a core file has of the architecture.
#pragma once

// The sets of registers (arch_regset_get) of each thread beside NT_PRSTATUS, with a 0 at the end. Some may not be
// there.
extern const unsigned arch_core_notes[];
