// SPDX-License-Identifier: MPL-2.0
// Host port: user registers are a plain structure; nothing ever enters user mode.
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

size_t arch_thread_get_regs(struct thread *thread, void *to, size_t size) {
    size = MIN(size, sizeof(struct arch_frame));
    memcpy(to, arch_thread_frame(thread), size);
    return size;
}

status_t arch_thread_set_regs(struct thread *thread, const void *from, size_t size) {
    if (size != sizeof(struct arch_frame))
        return -EINVAL;
    memcpy(arch_thread_frame(thread), from, size);
    return 0;
}

long arch_prctl(int code, unsigned long address) {
    return -ENOSYS;
}
unsigned arch_backtrace(uintptr_t start, uintptr_t *addresses, unsigned max) {
    return 0;
}
