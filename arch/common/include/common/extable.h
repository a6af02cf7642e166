// SPDX-License-Identifier: MPL-2.0
// The exception table, for who handles faults. Its entries: arch/user_fault.h.
#pragma once

#include <lib/types.h>

// Sorts it. Once, before the first access that may fault.
void extable_init(void);
// The fixup address of an instruction, or 0.
uintptr_t extable_find(uintptr_t instruction);
