// SPDX-License-Identifier: MPL-2.0
// The kernel log. Lines go to a ring (read as /dev/kmsg) and, up to a level set by `loglevel=` on
// the command line, to the console. Any context, interrupt handlers included; never blocks.
#pragma once

#include <lib/types.h>

enum log_level {
    LOG_EMERGENCY = 0,
    LOG_ERROR = 3,
    LOG_WARNING = 4,
    LOG_NOTICE = 5,
    LOG_INFO = 6,
    LOG_DEBUG = 7,
};

// One call is one line; a newline is added.
void klog(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
