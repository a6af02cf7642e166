// SPDX-License-Identifier: MPL-2.0
// Porting guide: threads.
//
// System call entry: switch to the thread's stack, save a struct arch_frame at its top, enable interrupts, call
// syscall_table[number] with the six arguments (syscall_traced(frame) if work has THREAD_WORK_TRACE, syscall_unknown
// beyond the table), disable interrupts, test `work` and `arch_work` as one word: not zero, user_return_work(frame) and
// look again. The result goes to the result register. Trap entry: trap_user_page_fault / trap_user_exception with
// interrupts on, then the same exit. A fault in the kernel: if the instruction is in the exception table and the
// address the user's, trap_kernel_page_fault, and its fixup if that says no; all else is a panic. Nothing that a user
// register holds may fault in the kernel.
#include <arch/core.h>
#include <arch/thread.h>
#include <arch/upcall.h>
#include <lib/assert.h>
#include <lib/status.h>

// Below the place of the user frame put what the switch pops, so that it "returns" to code which calls
// sched_thread_start(prev). Clear the frame: what a kernel thread never had must not leak when it goes to user mode.
void arch_thread_init(struct thread *thread, void *stack) {}
void arch_thread_adopt(struct thread *thread, void *stack) {}
void arch_thread_fini(struct thread *thread) {}

// What a parked thread needs. A port that has no code before fipc_call and the like which jumps to their straight
// forms parks no thread, and none of these is called.
void arch_thread_resume_user(struct thread *next, _Atomic bool *left) {
    panic("stub: no user mode");
}
void arch_thread_resume_words(struct thread *prev, struct thread *next, _Atomic bool *left, uint64_t badge,
                              long result) {
    panic("stub: no user mode");
}
void arch_thread_resume(struct thread *prev, struct thread *next) {
    panic("stub: no threads");
}
void arch_syscall_return(long result) {
    panic("stub: no user mode");
}

// arch_work of the current thread = 1, if the exit has a fast way that leaves registers out.
void arch_frame_changed(void) {}
void arch_frame_init_user(struct arch_frame *frame, vaddr_t pc, vaddr_t sp) {}
status_t arch_thread_clone_user(struct thread *child) {
    return 0;
}
void arch_thread_reset_user(void) {}
void arch_thread_set_tls(struct thread *thread, vaddr_t tls) {}
vaddr_t arch_thread_tls(struct thread *thread) {
    return 0;
}
void arch_enter_user(void) {
    panic("stub: no user mode");
}

// NT_PRSTATUS, NT_PRFPREG and what else Linux has here. The saved vector state of a thread that does not run is
// current.
ssize_t arch_regset_get(struct thread *thread, unsigned note, void *to) {
    return -EINVAL;
}
// Privileged bits of the flags are ignored, never an error. A vector state that the processor would refuse to load is
// refused here.
status_t arch_regset_set(struct thread *thread, unsigned note, const void *from) {
    return -EINVAL;
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
// Set the flag that makes the processor trap, in the frame; get_regs and signal frames need not show it.
void arch_thread_set_step(struct thread *thread, bool on) {}
long arch_prctl(int code, unsigned long address) {
    return -EINVAL;
}
// Arguments that must be zero are checked here, too.
long arch_thread_prctl(int option, const unsigned long args[static 4]) {
    return -EINVAL;
}
// Follow frame pointers only while they stay within the thread's stack and go up.
unsigned arch_backtrace(uintptr_t start, uintptr_t *addresses, unsigned max) {
    return 0;
}
