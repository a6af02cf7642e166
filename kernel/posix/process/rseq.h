// SPDX-License-Identifier: MPL-2.0
// Restartable sequences: glibc registers an area in which the kernel keeps the CPU number.
#pragma once

// After a switch, before the thread enters user mode again. SIGSEGV if the area is bad.
void rseq_fix_up(void);
