// SPDX-License-Identifier: MPL-2.0
// Error numbers: Linux's, so that no translation stands between an error and the program that
// sees it. Functions return status_t: 0 or -E…. The list itself is abi/errno.h.
#pragma once

#include <abi/errno.h>
#include <lib/types.h>

// Pointers that carry an error: the last 4095 addresses are error numbers.
ALWAYS_INLINE void *error_pointer(status_t status) {
    return (void *)(intptr_t)status;
}
ALWAYS_INLINE bool is_error_pointer(const void *p) {
    return (uintptr_t)p >= (uintptr_t)-4095;
}
ALWAYS_INLINE status_t pointer_status(const void *p) {
    return (status_t)(intptr_t)p;
}
