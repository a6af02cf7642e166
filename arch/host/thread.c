// SPDX-License-Identifier: MPL-2.0
// Host port: user registers are a plain structure; nothing ever enters user mode.
#include <abi/ptrace.h>
#include <arch/core.h>
#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/status.h>
#include <lib/string.h>

void arch_frame_changed(void) {}

void arch_frame_init_user(struct arch_frame *frame, vaddr_t pc, vaddr_t sp) {
    *frame = (struct arch_frame){.pc = pc, .sp = sp};
}

status_t arch_thread_clone_user(struct thread *child) {
    *arch_thread_frame(child) = *arch_thread_frame(arch_current());
    arch_thread_frame(child)->result = 0;
    return 0;
}

void arch_thread_reset_user(void) {
    arch_thread_set_tls(arch_current(), 0);
}
void arch_thread_set_tls(struct thread *thread, vaddr_t tls) {
    ((struct arch_thread *)(void *)thread)->tls = tls;
}
vaddr_t arch_thread_tls(struct thread *thread) {
    return ((struct arch_thread *)(void *)thread)->tls;
}
void arch_enter_user(void) {
    panic("host: there is no user mode");
}
void arch_syscall_return(long result) {
    panic("host: there is no user mode to return %ld to", result);
}

ssize_t arch_regset_get(struct thread *thread, unsigned note, void *to) {
    if (note != NT_PRSTATUS)
        return -EINVAL;
    memcpy(to, arch_thread_frame(thread), sizeof(struct arch_frame));
    return sizeof(struct arch_frame);
}

status_t arch_regset_set(struct thread *thread, unsigned note, const void *from) {
    if (note != NT_PRSTATUS)
        return -EINVAL;
    memcpy(arch_thread_frame(thread), from, sizeof(struct arch_frame));
    return 0;
}
const unsigned arch_core_notes[] = {0};

unsigned arch_regset_of_request(long request, bool *set) {
    return 0;
}
status_t arch_user_word_get(struct thread *thread, unsigned long offset, unsigned long *value) {
    return -EIO;
}
status_t arch_user_word_set(struct thread *thread, unsigned long offset, unsigned long value) {
    return -EIO;
}
void arch_thread_set_step(struct thread *thread, bool on) {}

long arch_prctl(int code, unsigned long address) {
    return -ENOSYS;
}
unsigned arch_backtrace(uintptr_t start, uintptr_t *addresses, unsigned max) {
    return 0;
}
