// SPDX-License-Identifier: MPL-2.0
// Porting guide: user registers and the machine part of a thread.
#pragma once

#include <lib/types.h>

struct thread;

// Nothing is always right.
#define SAVES_NOTHING
#define ARCH_PARKS
#define ARCH_PARKS_FIRST

// All user registers, saved at the top of the kernel stack on every entry from user mode, in the order of Linux's
// user_regs_struct for this architecture if entry code can produce it.
struct arch_frame {
    uint64_t registers[31];
    uint64_t sp, pc, flags;
    int64_t syscall;         // number, or -1 outside a call
    uint64_t first_argument; // if the result register is also the first argument's
};

// Kernel stack pointer while it does not run, end of the stack, vector area (null until first use), TLS base, what the
// last fault was. sizeof must be a multiple of 8: struct thread.work follows and is tested together with arch_work.
struct arch_thread {
    uint64_t stack_pointer;
    uintptr_t stack_top;
    void *vector_area;
    uint64_t tls;
};

// One load, as arch_cpu_id.
ALWAYS_INLINE struct thread *arch_current(void) {
    return nullptr;
}

// stack_pointer = a frame that all share, from which the switch "returns" to code that sets the stack pointer to the
// current thread's empty stack and calls sched_thread_continue(prev).
ALWAYS_INLINE void arch_thread_park(struct thread *self) {}

ALWAYS_INLINE struct arch_frame *arch_thread_frame(struct thread *thread) {
    return (struct arch_frame *)((struct arch_thread *)(void *)thread)->stack_top - 1;
}

ALWAYS_INLINE vaddr_t arch_frame_pc(const struct arch_frame *frame) {
    return frame->pc;
}
// Anything that the fast way out does not restore must be announced.
void arch_frame_changed(void);
ALWAYS_INLINE void arch_frame_set_pc(struct arch_frame *frame, vaddr_t pc) {
    frame->pc = pc;
    arch_frame_changed();
}
ALWAYS_INLINE vaddr_t arch_frame_sp(const struct arch_frame *frame) {
    return frame->sp;
}
ALWAYS_INLINE void arch_frame_set_sp(struct arch_frame *frame, vaddr_t sp) {
    frame->sp = sp;
}
ALWAYS_INLINE long arch_frame_result(const struct arch_frame *frame) {
    return (long)frame->registers[0];
}
ALWAYS_INLINE void arch_frame_set_result(struct arch_frame *frame, long value) {
    frame->registers[0] = (uint64_t)value;
}
ALWAYS_INLINE long arch_frame_syscall_number(const struct arch_frame *frame) {
    return frame->syscall;
}
// Argument 0 as it was at entry, even after the result has been set.
ALWAYS_INLINE unsigned long arch_frame_syscall_arg(const struct arch_frame *frame, unsigned i) {
    return i == 0 ? frame->first_argument : frame->registers[i];
}
ALWAYS_INLINE void arch_frame_set_words(struct arch_frame *frame, uint64_t badge, uint64_t type,
                                        const uint64_t words[static 4]) {
    frame->registers[1] = type;
    for (unsigned i = 0; i < 4; i++)
        frame->registers[2 + i] = words[i];
    frame->registers[6] = badge;
}
// Back to the call instruction (4 bytes here); restore the first argument; syscall = -1, for the call is over.
ALWAYS_INLINE void arch_frame_restart_syscall(struct arch_frame *frame, long number) {
    frame->pc -= 4;
    frame->registers[0] = frame->first_argument;
    frame->registers[8] = (uint64_t)number;
    frame->syscall = -1;
}
ALWAYS_INLINE void arch_frame_undo_call(struct arch_frame *frame) {
    arch_frame_set_result(frame, (long)arch_frame_syscall_arg(frame, 0));
}
ALWAYS_INLINE void arch_frame_reload_call(struct arch_frame *frame) {
    frame->first_argument = frame->registers[0];
}
