// SPDX-License-Identifier: MPL-2.0
// Random numbers fit for keys. Works from the first C line on, with the seed that the boot code found; more entropy
// is mixed in as the machine runs (kernel/dev/crng.c).
#pragma once

#include <lib/types.h>

// Thread and dpc context; never blocks, never fails.
void random_bytes(void *to, size_t size);
// Stirs in something that an attacker may not know. It can only help. Thread and dpc context.
void random_mix(const void *from, size_t size);

ALWAYS_INLINE uint64_t random_u64(void) {
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}
