// SPDX-License-Identifier: MPL-2.0
// Checks that the offsets in asm.h are those of the C structures, and defines the per-CPU variables of the entry code.
#include "cpu/asm.h"
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/percpu.h>
#include <arch/upcall.h>
#include <lib/status.h>

struct thread *x86_current PER_CPU; // arch_current()
uint64_t x86_user_sp PER_CPU;       // scratch of the system call entry

static_assert(offsetof(struct arch_frame, r15) == FRAME_R15 && offsetof(struct arch_frame, r12) == FRAME_R12);
static_assert(offsetof(struct arch_frame, rbp) == FRAME_RBP && offsetof(struct arch_frame, rbx) == FRAME_RBX);
static_assert(offsetof(struct arch_frame, r11) == FRAME_R11 && offsetof(struct arch_frame, r10) == FRAME_R10);
static_assert(offsetof(struct arch_frame, r9) == FRAME_R9 && offsetof(struct arch_frame, r8) == FRAME_R8);
static_assert(offsetof(struct arch_frame, rax) == FRAME_RAX && offsetof(struct arch_frame, rcx) == FRAME_RCX);
static_assert(offsetof(struct arch_frame, rdx) == FRAME_RDX && offsetof(struct arch_frame, rsi) == FRAME_RSI);
static_assert(offsetof(struct arch_frame, rdi) == FRAME_RDI && offsetof(struct arch_frame, orig_rax) == FRAME_ORIG_RAX);
static_assert(offsetof(struct arch_frame, rip) == FRAME_RIP && offsetof(struct arch_frame, cs) == FRAME_CS);
static_assert(offsetof(struct arch_frame, rflags) == FRAME_RFLAGS && offsetof(struct arch_frame, rsp) == FRAME_RSP);
static_assert(offsetof(struct arch_frame, ss) == FRAME_SS && sizeof(struct arch_frame) == FRAME_SIZE);
static_assert(offsetof(struct arch_thread, stack_pointer) == THREAD_STACK_POINTER);
static_assert(offsetof(struct arch_thread, stack_top) == THREAD_STACK_TOP);
static_assert(offsetof(struct arch_thread, syscall_limit) == THREAD_SYSCALL_LIMIT);
static_assert(sizeof(struct arch_thread) == THREAD_WORK);
static_assert(USER_CS == CODE_USER && USER_DS == DATA_USER);
static_assert(SYSCALL_COUNT == SYSCALL_TABLE_SIZE);
static_assert(ENOSYS_RESULT == -ENOSYS);
