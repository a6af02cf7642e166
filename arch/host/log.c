// SPDX-License-Identifier: MPL-2.0
// Host port: the log goes to stderr as TAP comments.
#include <lib/log.h>
#include <stdarg.h>
#include <stdio.h>

void klog(enum log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "# <%d> ", (int)level);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}
