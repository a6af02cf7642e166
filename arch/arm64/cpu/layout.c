// SPDX-License-Identifier: MPL-2.0
// Checks that the offsets in asm.h are those of the C structures.
#include "arm64_priv.h"
#include "cpu/asm.h"
#include "cpu/cpu_priv.h"
#include <arch/upcall.h>

static_assert(offsetof(struct arch_frame, regs[30]) == FRAME_X(30) && offsetof(struct arch_frame, sp) == FRAME_SP);
static_assert(offsetof(struct arch_frame, pc) == FRAME_PC && offsetof(struct arch_frame, pstate) == FRAME_PC + 8);
static_assert(offsetof(struct arch_frame, orig_x0) == FRAME_ORIG_X0);
static_assert(offsetof(struct arch_frame, syscall) == FRAME_SYSCALL && sizeof(struct arch_frame) == FRAME_SIZE);
static_assert(FRAME_ORIG_X0 + 8 == FRAME_SYSCALL && FRAME_SIZE % 16 == 0); // stored as a pair; the stack's alignment
static_assert(offsetof(struct arch_thread, stack_pointer) == THREAD_STACK_POINTER);
static_assert(offsetof(struct arch_thread, stack_top) == THREAD_STACK_TOP);
static_assert(SYSCALL_COUNT == SYSCALL_TABLE_SIZE);
static_assert(offsetof(struct arch_thread, syscall_limit) == THREAD_SYSCALL_LIMIT);
static_assert(offsetof(struct arch_thread, syscall_table) == THREAD_SYSCALL_LIMIT + 8);
static_assert(offsetof(struct arch_thread, keys.ia) == THREAD_KEYS_IA);
static_assert(offsetof(struct arch_thread, keys_off) == THREAD_KEYS_OFF);
static_assert(sizeof(struct arch_thread) == THREAD_WORK);
// Two are in port/patch.h.
static_assert(offsetof(struct arm64_features, pan) == FEATURES_PAN);
static_assert(offsetof(struct arm64_features, pauth) == FEATURES_PAUTH);
static_assert(offsetof(struct arm64_features, zva) == FEATURES_ZVA);
