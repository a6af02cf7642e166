// SPDX-License-Identifier: MPL-2.0
// x86-64: user registers, and the machine part of a thread. See arch/thread.h.
#pragma once

#include <port/percpu.h>

#define SAVES_NOTHING __attribute__((preserve_none))
// The convention's first four parameters are in r12-r15, the others as anywhere.
#define ARCH_PARKS SAVES_NOTHING
#define ARCH_PARKS_FIRST                                                                               \
    [[maybe_unused]] long parks_r12, [[maybe_unused]] long parks_r13, [[maybe_unused]] long parks_r14, \
        [[maybe_unused]] long parks_r15,

// The user registers at the top of the kernel stack: Linux's order, so that user_regs_struct of
// ptrace and core dumps is a copy. The processor pushes the last five on a trap; the entry code the rest.
struct arch_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
    uint64_t rax, rcx, rdx, rsi, rdi;
    uint64_t orig_rax; // system call number, or -1 after a trap or interrupt
    uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct arch_frame) == 168);

struct arch_thread {
    uint64_t stack_pointer; // while it does not run; first: cpu/switch.S
    uintptr_t stack_top;    // end of the kernel stack; the user frame ends here
    void *fpu;              // XSAVE area, 64-byte aligned; null: has not used the vector unit
    uint64_t fs_base;       // while it does not run
    uint64_t gs_base;       // user's
    uint64_t fault_address; // of the last page fault, exception number and error code: for signal frames
    uint32_t trap_number;
    uint32_t trap_error;
    int32_t fpu_cpu;        // whose registers hold `fpu`'s contents, or -1
    uint32_t step;          // enum step_state
    uint64_t syscall_limit; // numbers below it are called at once; 0 while calls are traced
    void *debug;            // struct debug_state: cpu/debug.c; null: no tracer has set any register
};
// Does a tracer single-step it, and whose is the trap flag in the frame then? cpu/regset.c.
enum step_state { STEP_OFF, STEP_FLAG_IS_OURS, STEP_FLAG_IS_USERS };

ALWAYS_INLINE struct thread *arch_current(void) {
    return x86_gs_current;
}

extern const struct switch_frame x86_parked_frame; // cpu/thread.c
ALWAYS_INLINE void arch_thread_park(struct thread *self) {
    ((struct arch_thread *)self)->stack_pointer = (uint64_t)&x86_parked_frame;
}

// cpu/entry.S
[[noreturn]] ALWAYS_INLINE void arch_thread_resume_words(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                         uint64_t badge, long result) {
    __asm__ volatile("jmp x86_resume_words" ::"d"(prev), "S"(next), "c"(left), "D"(badge), "a"(result) : "memory");
    __builtin_unreachable();
}

ALWAYS_INLINE struct arch_frame *arch_thread_frame(struct thread *thread) {
    return (struct arch_frame *)((struct arch_thread *)thread)->stack_top - 1;
}

ALWAYS_INLINE vaddr_t arch_frame_pc(const struct arch_frame *frame) {
    return frame->rip;
}
ALWAYS_INLINE vaddr_t arch_frame_sp(const struct arch_frame *frame) {
    return frame->rsp;
}
void arch_frame_changed(void);
ALWAYS_INLINE void arch_frame_set_pc(struct arch_frame *frame, vaddr_t pc) {
    frame->rip = pc;
    arch_frame_changed();
}
ALWAYS_INLINE void arch_frame_set_sp(struct arch_frame *frame, vaddr_t sp) {
    frame->rsp = sp;
}
ALWAYS_INLINE long arch_frame_result(const struct arch_frame *frame) {
    return (long)frame->rax;
}
ALWAYS_INLINE void arch_frame_set_result(struct arch_frame *frame, long value) {
    frame->rax = (uint64_t)value;
}
ALWAYS_INLINE long arch_frame_syscall_number(const struct arch_frame *frame) {
    return (long)frame->orig_rax;
}

ALWAYS_INLINE unsigned long arch_frame_syscall_arg(const struct arch_frame *frame, unsigned i) {
    const uint64_t args[] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    return args[i];
}

ALWAYS_INLINE void arch_frame_set_words(struct arch_frame *frame, uint64_t badge, uint64_t type,
                                        const uint64_t words[static 4]) {
    frame->rdi = badge;
    frame->rsi = type;
    frame->rdx = words[0];
    frame->r10 = words[1];
    frame->r8 = words[2];
    frame->r9 = words[3];
}

// Back over the two bytes of the syscall instruction.
ALWAYS_INLINE void arch_frame_restart_syscall(struct arch_frame *frame, long number) {
    frame->rip -= 2;
    frame->rax = (uint64_t)number;
    frame->orig_rax = (uint64_t)-1;
}

ALWAYS_INLINE void arch_frame_undo_call(struct arch_frame *frame) {
    arch_frame_set_result(frame, arch_frame_syscall_number(frame));
}
ALWAYS_INLINE void arch_frame_reload_call(struct arch_frame *frame) {
    (void)frame; // the call is read from the registers that a tracer sees
}
