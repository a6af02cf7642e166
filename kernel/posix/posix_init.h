// SPDX-License-Identifier: MPL-2.0
// The parts of posix_init.
#pragma once

#include <sched/realtime.h>

void sleep_init(void);
void cpu_timers_init(void);
