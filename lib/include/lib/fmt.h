// SPDX-License-Identifier: MPL-2.0
// Formatted output to memory: %d %i %u %x %X %o %c %s %p %% with flags, width, precision and the
// length modifiers hh h l ll z j t; no floating point. %pS: a kernel address as symbol+offset.
#pragma once

#include <lib/types.h>
#include <stdarg.h>

// As in C: returns the length that the whole text would have; terminates if size > 0.
int fmt_snprintf(char *to, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
int fmt_vsnprintf(char *to, size_t size, const char *format, va_list args) PRINTF_LIKE(3, 0);

// Names a kernel address for %pS: writes "symbol+0x12" and returns its length, 0 if unknown. Set by kernel/init.
extern int (*fmt_symbol_hook)(uintptr_t address, char *to, size_t size);
