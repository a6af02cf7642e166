// SPDX-License-Identifier: MPL-2.0
// Three strengths: static_assert first; ASSERT, always on and cheap; DEBUG_ASSERT, may be slow.
// User input may never reach one of them.
#pragma once

#include <lib/types.h>

// Stops the machine (kernel) or the test (host) with a message and a backtrace. Any context.
[[noreturn]] void panic(const char *format, ...) PRINTF_LIKE(1, 2);

#define ASSERT(cond) (LIKELY(cond) ? (void)0 : panic("%s:%d: assertion failed: %s", __FILE_NAME__, __LINE__, #cond))

#ifdef TESSERA_DEBUG
#define DEBUG_ASSERT(cond) ASSERT(cond)
#else
#define DEBUG_ASSERT(cond) ((void)sizeof((cond) ? 1 : 0))
#endif
