// SPDX-License-Identifier: MPL-2.0
// The system-call table's own.
#pragma once

#include <lib/types.h>

// The name of a call, or null.
const char *syscall_name(unsigned long number);
// `trace_calls` on the command line: every call goes to the log.
bool syscalls_are_logged(void);
// Calls `line` for every unknown number that was called, with how often (SYSCALL_TABLE_SIZE: all beyond the table).
void unknown_syscalls_show(void (*line)(void *context, unsigned long number, unsigned count), void *context);
