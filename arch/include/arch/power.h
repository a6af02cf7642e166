// SPDX-License-Identifier: MPL-2.0
// The end.
#pragma once

#include <lib/types.h>

[[noreturn]] void arch_power_off(void);
[[noreturn]] void arch_reset(void);

// Early console: polled, works from the first C line on and after a panic. Any context.
void arch_early_write(const char *text, size_t size);
