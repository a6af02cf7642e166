// SPDX-License-Identifier: MPL-2.0
// Threads: kernel stacks, the switch, TLS bases, and what exec, fork and ptrace do to user registers.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <abi/prctl.h>
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <lib/assert.h>
#include <lib/status.h>
#include <lib/string.h>

void x86_thread_first_code(void);
void x86_thread_parked_code(void);

// What x86_switch_stacks pops.
struct switch_frame {
    uint64_t rbp, rip;
};

// All parked threads have this one for a stack until they run, and their own from then on.
const struct switch_frame x86_parked_frame = {.rip = (uint64_t)x86_thread_parked_code};

// --- FS and GS base of user mode ---

static uint64_t fs_base_read(void) {
    if (!x86_features.fsgsbase)
        return read_msr(MSR_FS_BASE);
    uint64_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

static void fs_base_write(uint64_t base) {
    if (x86_features.fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(base));
    else
        write_msr(MSR_FS_BASE, base);
}

// The user's GS base is the inactive one. Interrupts off: they must not see it swapped in.
static uint64_t user_gs_base_read(void) {
    if (!x86_features.fsgsbase)
        return read_msr(MSR_KERNEL_GS_BASE);
    uint64_t base;
    __asm__ volatile("swapgs\n\trdgsbase %0\n\tswapgs" : "=r"(base)::"memory");
    return base;
}

static void user_gs_base_write(uint64_t base) {
    if (x86_features.fsgsbase)
        __asm__ volatile("swapgs\n\twrgsbase %0\n\tswapgs" ::"r"(base) : "memory");
    else
        write_msr(MSR_KERNEL_GS_BASE, base);
}

void x86_thread_load_slow(struct arch_thread *prev, struct arch_thread *next) {
    if (x86_features.fsgsbase) {
        x86_segment_bases_switch(prev, next);
    } else {
        prev->fs_base = fs_base_read();
        fs_base_write(next->fs_base);
        prev->gs_base = user_gs_base_read();
        user_gs_base_write(next->gs_base);
    }
    vector_switch(prev, next);
}

// --- switch ---

void arch_thread_init(struct thread *thread, void *stack) {
    struct arch_thread *arch = arch_of(thread);
    *arch = (struct arch_thread){
        .stack_top = (uintptr_t)stack + KERNEL_STACK_SIZE, .fpu_cpu = -1, .syscall_limit = SYSCALL_TABLE_SIZE};
    // Below the place of the user frame, so that the thread's own code never overwrites it.
    struct switch_frame *first = (struct switch_frame *)(arch->stack_top - sizeof(struct arch_frame) - 8) - 1;
    *first = (struct switch_frame){.rip = (uint64_t)x86_thread_first_code};
    arch->stack_pointer = (uint64_t)first;
    *arch_work_of(thread) = 0;
    memset(arch_thread_frame(thread), 0, sizeof(struct arch_frame));
    frame_sanitise(arch_thread_frame(thread));
}

void arch_thread_adopt(struct thread *thread, void *stack) {
    *arch_of(thread) = (struct arch_thread){
        .stack_top = (uintptr_t)stack + KERNEL_STACK_SIZE, .fpu_cpu = -1, .syscall_limit = SYSCALL_TABLE_SIZE};
    *arch_work_of(thread) = 0;
    this_cpu(x86_tss).rsp[0] = arch_of(thread)->stack_top;
    x86_gs_current = thread;
}

void arch_thread_fini(struct thread *thread) {
    struct arch_thread *arch = arch_of(thread);
    if (arch->fpu != nullptr)
        arch_vector_area_free(arch->fpu, vector_area_size);
    arch->fpu = nullptr;
    arch->fpu_cpu = -1;
    debug_drop(arch);
}

// --- user registers ---

void arch_frame_changed(void) {
    *arch_work_of(arch_current()) = 1;
}

void arch_frame_init_user(struct arch_frame *frame, vaddr_t pc, vaddr_t sp) {
    // A tracer sees which call brought the new program, as on Linux; its result is not one that restarts it.
    *frame = (struct arch_frame){.rip = pc, .rsp = sp, .orig_rax = frame->orig_rax};
    frame_sanitise(frame);
    if (frame == arch_thread_frame(arch_current()))
        arch_frame_changed();
}

status_t arch_thread_clone_user(struct thread *child) {
    struct thread *self = arch_current();
    struct arch_frame *frame = arch_thread_frame(child);
    *frame = *arch_thread_frame(self);
    frame->rax = 0;
    unsigned long irq = arch_irq_save();
    arch_of(child)->fs_base = fs_base_read();
    arch_of(child)->gs_base = user_gs_base_read();
    arch_irq_restore(irq);
    return vector_clone(arch_of(child));
}

void arch_thread_reset_user(void) {
    unsigned long irq = arch_irq_save();
    fs_base_write(0);
    user_gs_base_write(0);
    // Selectors too: a program starts with null data segments.
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs" ::"r"(0));
    vector_drop(arch_of(arch_current()));
    debug_drop(arch_of(arch_current()));
    arch_irq_restore(irq);
}

void arch_thread_set_tls(struct thread *thread, vaddr_t tls) {
    arch_of(thread)->fs_base = tls;
    if (thread == arch_current())
        fs_base_write(tls);
}

vaddr_t arch_thread_tls(struct thread *thread) {
    return thread == arch_current() ? fs_base_read() : arch_of(thread)->fs_base;
}

long arch_prctl(int code, unsigned long address) {
    enum { SET_GS = 0x1001, SET_FS = 0x1002, GET_FS = 0x1003, GET_GS = 0x1004, GET_CPUID = 0x1011, SET_CPUID = 0x1012 };
    unsigned long irq, base;
    switch (code) {
    case SET_FS:
    case SET_GS:
        if (address >= ARCH_USER_TOP)
            return -EPERM;
        irq = arch_irq_save();
        if (code == SET_FS)
            fs_base_write(address);
        else
            user_gs_base_write(address);
        arch_irq_restore(irq);
        return 0;
    case GET_FS:
    case GET_GS:
        irq = arch_irq_save();
        base = code == GET_FS ? fs_base_read() : user_gs_base_read();
        arch_irq_restore(irq);
        return put_user(base, (unsigned long __user *)address);
    case GET_CPUID: // the instruction works
        return 1;
    case SET_CPUID: // and cannot be made to fault
        return -ENODEV;
    default:
        return -EINVAL;
    }
}

long arch_thread_prctl(int option, const unsigned long args[static 4]) {
    switch (option) {
    case PR_GET_TSC:
        return put_user(1, (int __user *)args[0]); // PR_TSC_ENABLE
    case PR_SET_TSC:
        return args[0] == 1 ? 0 : -EINVAL; // it cannot be made to fault
    default:
        return -EINVAL;
    }
}
