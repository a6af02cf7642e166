// SPDX-License-Identifier: MPL-2.0
// Deadlines: nanoseconds on CLOCK_MONOTONIC. FIPC_FOREVER is none, 0 asks not to wait at all.
#pragma once

#include <abi/fipc.h>
#include <time.h>

static inline int64_t deadline_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

static inline int64_t deadline_after_ms(int64_t milliseconds) {
    return deadline_now() + milliseconds * 1'000'000;
}
