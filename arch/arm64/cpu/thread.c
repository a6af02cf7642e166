// SPDX-License-Identifier: MPL-2.0
// Threads: kernel stacks, the switch, TLS, and what exec and fork do to user registers.
#include "arm64_priv.h"
#include "cpu/asm.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <arch/cpu.h>
#include <arch/switch.h>
#include <arch/upcall.h>
#include <lib/assert.h>
#include <lib/status.h>
#include <lib/string.h>

void arm64_thread_first_code(void);
void arm64_thread_parked_code(void);

// What arm64_switch_stacks loads.
struct switch_frame {
    uint64_t x29, x30;
};
static_assert(sizeof(struct switch_frame) == 16);

// `address` as paciasp would have left it in x30 with that stack pointer. The hint does nothing where there are no
// keys.
static uint64_t signed_for_stack(uint64_t address, uint64_t sp) {
    register uint64_t value __asm__("x17") = address;
    register uint64_t modifier __asm__("x16") = sp;
    __asm__("hint #8" : "+r"(value) : "r"(modifier)); // pacia1716
    return value;
}

// All parked threads have this one for a stack until they run, and their own from then on.
struct switch_frame arm64_parked_frame __attribute__((aligned(16)));

void arm64_threads_init(void) {
    arm64_parked_frame.x30 = signed_for_stack((uint64_t)arm64_thread_parked_code, (uint64_t)(&arm64_parked_frame + 1));
}

static struct arch_thread initial(struct thread *thread, void *stack) {
    uintptr_t top = (uintptr_t)stack + KERNEL_STACK_SIZE - STACK_OWNER_SIZE;
    *(struct thread **)top = thread;
    return (struct arch_thread){
        .stack_top = top, .syscall_limit = SYSCALL_TABLE_SIZE, .syscall_table = syscall_table, .fpu_cpu = -1};
}

void arch_thread_init(struct thread *thread, void *stack) {
    struct arch_thread *arch = arch_of(thread);
    *arch = initial(thread, stack);
    // Below the place of the user frame, so that the thread's own code never overwrites it.
    uint64_t start = arch->stack_top - sizeof(struct arch_frame);
    struct switch_frame *first = (struct switch_frame *)start - 1;
    *first = (struct switch_frame){.x30 = signed_for_stack((uint64_t)arm64_thread_first_code, start)};
    arch->stack_pointer = (uint64_t)first;
    *arch_work_of(thread) = 0;
    *arch_thread_frame(thread) = (struct arch_frame){.syscall = -1};
}

// The boot CPU's first thread names no stack: it has ours.
void arch_thread_adopt(struct thread *thread, void *stack) {
    if (stack == nullptr)
        stack = boot_stack;
    *arch_of(thread) = initial(thread, stack);
    *arch_work_of(thread) = 0;
    sysreg_write(SP_EL0, thread);
}

void arch_thread_fini(struct thread *thread) {
    vector_free(arch_of(thread));
    debug_drop(arch_of(thread));
}

// --- user registers ---

void arch_frame_changed(void) {
    *arch_work_of(arch_current()) = 1;
}

void arch_frame_init_user(struct arch_frame *frame, vaddr_t pc, vaddr_t sp) {
    *frame = (struct arch_frame){.pc = pc, .sp = sp, .syscall = -1};
    if (frame == arch_thread_frame(arch_current()))
        arch_frame_changed();
}

// The call came through WHOLE_FRAME of vectors.S.
status_t arch_thread_clone_user(struct thread *child) {
    ASSERT(*arch_work_of(arch_current()) != 0);
    struct arch_frame *frame = arch_thread_frame(child);
    *frame = *arch_thread_frame(arch_current());
    frame->regs[0] = 0;
    arch_of(child)->tls = sysreg_read(TPIDR_EL0);
    pauth_clone(arch_of(child));
    return vector_clone(arch_of(child));
}

void arch_thread_reset_user(void) {
    unsigned long irq = arch_irq_save();
    sysreg_write(TPIDR_EL0, 0);
    pauth_reset();
    vector_drop(arch_of(arch_current()));
    debug_drop(arch_of(arch_current()));
    arch_irq_restore(irq);
}

void arch_thread_set_tls(struct thread *thread, vaddr_t tls) {
    arch_of(thread)->tls = tls;
    if (thread == arch_current())
        sysreg_write(TPIDR_EL0, tls);
}

vaddr_t arch_thread_tls(struct thread *thread) {
    return thread == arch_current() ? sysreg_read(TPIDR_EL0) : arch_of(thread)->tls;
}
