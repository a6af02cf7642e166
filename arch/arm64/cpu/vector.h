// SPDX-License-Identifier: MPL-2.0
// Vector state in memory, and its way into and out of the registers. What the switch calls is in cpu_priv.h.
#pragma once

#include <lib/types.h>

// Linux's user_fpsimd_state; signal frames and core dumps have it, too.
struct vector_state {
    alignas(16) uint64_t v[32][2];
    uint32_t fpsr, fpcr;
    uint32_t reserved[2]; // zero
};
static_assert(sizeof(struct vector_state) == 528);

// All registers at once: vector_registers.S.
void vector_registers_save(struct vector_state *to);
void vector_registers_load(const struct vector_state *from);

// The current thread's state, all zero if it has none, into kernel memory; and back. write: -ENOMEM; does not block.
void vector_read(struct vector_state *to);
MUST_USE status_t vector_write(const struct vector_state *from);
