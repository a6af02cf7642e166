// SPDX-License-Identifier: MPL-2.0
// ARM64: user registers, and the machine part of a thread. See arch/thread.h.
#pragma once

#include <port/percpu.h>

struct thread;

// preserve_none would give up D8-D15 too: callers would store and load them around the switch, kernel or not, and so
// overwrite half of the vector registers of the thread they return to.
#define SAVES_NOTHING
// What never returns has no such callers. The convention's first nine parameters are in x20-x28, the others as
// anywhere. Only direct branches lead there (cpu/vectors.S), and no return address is worth a signature.
#define ARCH_PARKS __attribute__((preserve_none, target("branch-protection=none")))
#define ARCH_PARKS_FIRST                                                                                   \
    [[maybe_unused]] long parks_x20, [[maybe_unused]] long parks_x21, [[maybe_unused]] long parks_x22,     \
        [[maybe_unused]] long parks_x23, [[maybe_unused]] long parks_x24, [[maybe_unused]] long parks_x25, \
        [[maybe_unused]] long parks_x26, [[maybe_unused]] long parks_x27, [[maybe_unused]] long parks_x28,

// The user registers at the top of the kernel stack. All but the last two is Linux's user_pt_regs, so that ptrace and
// core dumps get a copy.
struct arch_frame {
    uint64_t regs[31]; // x0-x30
    uint64_t sp, pc, pstate;
    uint64_t orig_x0; // of the system call: regs[0] becomes the result
    int64_t syscall;  // its number (the low half of x8), or -1 after a trap or interrupt
};
static_assert(sizeof(struct arch_frame) == 288);

// User mode's pointer authentication keys, the low word of each first: cpu/pauth.c.
struct pauth_keys {
    uint64_t ia[2], ib[2], da[2], db[2], ga[2];
};

struct arch_thread {
    uint64_t stack_pointer; // while it does not run; first: cpu/switch.S
    uintptr_t stack_top;    // the user frame ends here; the word there is the thread's address, for the entry code
    // What the system call entry loads as a pair.
    uint64_t syscall_limit;    // numbers below it are called at once; 0 while calls are traced
    const void *syscall_table; // always the same
    uint64_t tls;              // TPIDR_EL0 while it does not run
    uint64_t fault_address;    // of the last fault in user mode and its syndrome (ESR_EL1, 0: none to tell) …
    uint64_t fault_esr;        // … for signal frames
    struct pauth_keys keys;
    uint64_t keys_id;  // 0: has none
    uint64_t keys_off; // bits of SCTLR_EL1 (EnIA, EnIB, EnDA, EnDB) that it has switched off
    void *fpu;         // struct vector_state; null: has not used the vector unit. cpu/vector.c
    int32_t fpu_cpu;   // whose registers hold `fpu`'s contents, or -1
    // How many more switches load the state at once; 0: not before the next use.
    uint32_t vector_turns;
    void *debug;   // struct debug_state: cpu/debug.c; null: no tracer has set any point
    uint32_t step; // a tracer single-steps it: cpu/regset.c
    uint32_t reserved;
};
static_assert(sizeof(struct arch_thread) % 8 == 0);

// SP_EL0 while in the kernel. Not kept across calls: arch_thread_adopt changes it under a running function.
ALWAYS_INLINE struct thread *arch_current(void) {
    struct thread *thread;
    __asm__("mrs %0, sp_el0" : "=r"(thread) : ARM64_SOME_MEMORY);
    return thread;
}

extern struct switch_frame arm64_parked_frame; // cpu/thread.c
ALWAYS_INLINE void arch_thread_park(struct thread *self) {
    ((struct arch_thread *)(void *)self)->stack_pointer = (uint64_t)&arm64_parked_frame;
}

// cpu/vectors.S
[[noreturn]] ALWAYS_INLINE void arch_thread_resume_user(struct thread *next, _Atomic bool *left) {
    register struct thread *x9 __asm__("x9") = next;
    register _Atomic bool *x10 __asm__("x10") = left;
    __asm__ volatile("b arm64_resume_user" ::"r"(x9), "r"(x10) : "memory");
    __builtin_unreachable();
}

[[noreturn]] ALWAYS_INLINE void arch_thread_resume_words(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                         uint64_t badge, long result) {
    register long x0 __asm__("x0") = result;
    register uint64_t x6 __asm__("x6") = badge;
    register struct thread *x9 __asm__("x9") = next, *x12 __asm__("x12") = prev;
    register _Atomic bool *x10 __asm__("x10") = left;
    __asm__ volatile("b arm64_resume_words" ::"r"(x0), "r"(x6), "r"(x9), "r"(x10), "r"(x12) : "memory");
    __builtin_unreachable();
}

ALWAYS_INLINE struct arch_frame *arch_thread_frame(struct thread *thread) {
    return (struct arch_frame *)((struct arch_thread *)(void *)thread)->stack_top - 1;
}

ALWAYS_INLINE vaddr_t arch_frame_pc(const struct arch_frame *frame) {
    return frame->pc;
}
ALWAYS_INLINE vaddr_t arch_frame_sp(const struct arch_frame *frame) {
    return frame->sp;
}
void arch_frame_changed(void);
ALWAYS_INLINE void arch_frame_set_pc(struct arch_frame *frame, vaddr_t pc) {
    frame->pc = pc;
    arch_frame_changed();
}
ALWAYS_INLINE void arch_frame_set_sp(struct arch_frame *frame, vaddr_t sp) {
    frame->sp = sp;
}
ALWAYS_INLINE long arch_frame_result(const struct arch_frame *frame) {
    return (long)frame->regs[0];
}
ALWAYS_INLINE void arch_frame_set_result(struct arch_frame *frame, long value) {
    frame->regs[0] = (uint64_t)value;
}

// The entry code stores all of x8; as on Linux only the low half counts.
ALWAYS_INLINE long arch_frame_syscall_number(const struct arch_frame *frame) {
    return (int32_t)frame->syscall;
}

ALWAYS_INLINE unsigned long arch_frame_syscall_arg(const struct arch_frame *frame, unsigned i) {
    return i == 0 ? frame->orig_x0 : frame->regs[i];
}

ALWAYS_INLINE void arch_frame_set_words(struct arch_frame *frame, uint64_t badge, uint64_t type,
                                        const uint64_t words[static 4]) {
    frame->regs[1] = type;
    for (unsigned i = 0; i < 4; i++)
        frame->regs[2 + i] = words[i];
    frame->regs[6] = badge;
}

// Back to the svc instruction, with the argument that the result has overwritten.
ALWAYS_INLINE void arch_frame_restart_syscall(struct arch_frame *frame, long number) {
    frame->pc -= 4;
    frame->regs[0] = frame->orig_x0;
    frame->regs[8] = (uint64_t)number;
    frame->syscall = -1;
}

ALWAYS_INLINE void arch_frame_undo_call(struct arch_frame *frame) {
    arch_frame_set_result(frame, (long)arch_frame_syscall_arg(frame, 0));
}
ALWAYS_INLINE void arch_frame_reload_call(struct arch_frame *frame) {
    frame->orig_x0 = frame->regs[0];
}
