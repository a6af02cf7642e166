// SPDX-License-Identifier: MPL-2.0
// Host port: kernel threads are ucontexts on stacks of their own, so scheduler tests run real threads.
#pragma once

#include <lib/types.h>

struct arch_frame {
    uint64_t pc, sp, result, number, args[6];
};

struct arch_thread {
    struct host_context *context; // null: the thread that main() runs on, until it first switches
    struct arch_frame frame;
    vaddr_t tls;
};

struct thread;

#define SAVES_NOTHING
#define ARCH_PARKS
#define ARCH_PARKS_FIRST
extern struct thread *host_current;

ALWAYS_INLINE struct thread *arch_current(void) {
    return host_current;
}
ALWAYS_INLINE struct arch_frame *arch_thread_frame(struct thread *thread) {
    return &((struct arch_thread *)thread)->frame;
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
    return (long)frame->result;
}
ALWAYS_INLINE void arch_frame_set_result(struct arch_frame *frame, long value) {
    frame->result = (uint64_t)value;
}
ALWAYS_INLINE long arch_frame_syscall_number(const struct arch_frame *frame) {
    return (long)frame->number;
}
ALWAYS_INLINE unsigned long arch_frame_syscall_arg(const struct arch_frame *frame, unsigned i) {
    return frame->args[i];
}
ALWAYS_INLINE void arch_frame_set_words(struct arch_frame *frame, uint64_t badge, uint64_t type,
                                        const uint64_t words[static 4]) {
    frame->args[0] = badge;
    frame->args[1] = type;
    for (unsigned i = 0; i < 4; i++)
        frame->args[2 + i] = words[i];
}
ALWAYS_INLINE void arch_frame_restart_syscall(struct arch_frame *frame, long number) {
    frame->pc -= 2;
    frame->result = (uint64_t)number;
    frame->number = (uint64_t)-1;
}
ALWAYS_INLINE void arch_frame_undo_call(struct arch_frame *frame) {
    arch_frame_set_result(frame, arch_frame_syscall_number(frame));
}
ALWAYS_INLINE void arch_frame_reload_call(struct arch_frame *frame) {
    (void)frame;
}
// No thread here comes from user mode, so none gives its stack up on the way to sleep.
ALWAYS_INLINE void arch_thread_park(struct thread *self) {
    (void)self;
    __builtin_trap();
}
