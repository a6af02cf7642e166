// SPDX-License-Identifier: MPL-2.0
// Host port: a panic ends the test; a debugger or ASan shows where.
#include <lib/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void panic(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("panic: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}
