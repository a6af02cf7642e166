// SPDX-License-Identifier: MPL-2.0
// Host port: the test's hold on the clock.
#pragma once

#include <lib/types.h>

// Moves arch_clock_now forward. Timer interrupts are the test's to call (or host_cpu_idle's).
void host_clock_advance(nsec_t by);
// What arch_timer_set was told last.
nsec_t host_timer_deadline(void);
