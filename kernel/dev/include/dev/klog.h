// SPDX-License-Identifier: MPL-2.0
// Control of the kernel log (its use: lib/log.h).
#pragma once

#include <lib/types.h>

// Records with a level below or equal to this reach the console. Linux's loglevel= and syslog(8) are one more.
void klog_set_level(int level);
int klog_level(void);
// For panic: forgets who was printing, prints what is not yet printed; from now on every record goes to
// the early console at once, whatever its level. The other CPUs are stopped.
void klog_panic_flush(void);
