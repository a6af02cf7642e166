// SPDX-License-Identifier: MPL-2.0
// In-kernel tests that need several CPUs at once: a crew of threads that run the same body for a while.
#pragma once

#include <lib/types.h>

#define MSEC 1000000ll
#define LOST (10000 * MSEC) // no wake-up takes that long, on a CPU that stands still now and then
enum { CREW_MAX = 4 };

// Runs the body `count` times at once, as far as possible on CPUs of their own. True: all came to their end, and
// nothing was wrong.
bool crew_run(unsigned count, void (*body)(unsigned number));
// The bodies' time is up.
bool crew_is_over(void);
// Counts a round of a body's, right or wrong.
void crew_verify(bool good);
