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
// V0-V31 alone, 512 bytes of user memory; false: a fault. Some registers may have been loaded then.
bool vector_registers_store_user(void *to);
bool vector_registers_load_user(const void *from);
void vector_control_load(uint32_t fpsr, uint32_t fpcr);

// As in a signal frame.
struct vector_record {
    uint32_t fpsr, fpcr;
    uint64_t v[32][2];
};
// The current thread's state, all zero if it has none, to user memory at `to`; and back, -ENOMEM: no room for a state
// where there was none. -EFAULT: bad memory. May fault and block.
MUST_USE status_t vector_store_user(struct vector_record __user *to);
MUST_USE status_t vector_load_user(const struct vector_record __user *from);
