// SPDX-License-Identifier: MPL-2.0
// Host port: a clock that stands still; port/clock.h moves it.
#pragma once

#include <lib/types.h>

extern nsec_t host_clock;

#define ARCH_CLOCK_NAME "host"

ALWAYS_INLINE nsec_t arch_clock_now(void) {
    return host_clock;
}
