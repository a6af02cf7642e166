// SPDX-License-Identifier: MPL-2.0
// Between the files of cpu/.
#pragma once

#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/thread.h>
#include <lib/types.h>

// --- special registers ---
#define MSR_EFER 0xc0000080u
#define MSR_STAR 0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_CSTAR 0xc0000083u
#define MSR_SYSCALL_MASK 0xc0000084u
#define MSR_FS_BASE 0xc0000100u
#define MSR_GS_BASE 0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u // user's, while in the kernel
#define MSR_TSC_AUX 0xc0000103u
#define MSR_PAT 0x277u

ALWAYS_INLINE uint64_t read_msr(uint32_t msr) {
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
ALWAYS_INLINE void write_msr(uint32_t msr, uint64_t value) {
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
ALWAYS_INLINE uint64_t read_cr0(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}
ALWAYS_INLINE void write_cr0(uint64_t value) {
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}
ALWAYS_INLINE uint64_t read_cr2(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
ALWAYS_INLINE uint64_t read_cr3(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
ALWAYS_INLINE void write_cr3(uint64_t value) {
    __asm__ volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}
ALWAYS_INLINE uint64_t read_cr4(void) {
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
ALWAYS_INLINE void write_cr4(uint64_t value) {
    __asm__ volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}

struct cpuid_result {
    uint32_t a, b, c, d;
};
ALWAYS_INLINE struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf) {
    struct cpuid_result r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(subleaf));
    return r;
}

// --- exceptions ---
enum {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_BOUND = 5,
    TRAP_OPCODE = 6,
    TRAP_NO_VECTOR_UNIT = 7,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_TSS = 10,
    TRAP_SEGMENT = 11,
    TRAP_STACK = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_X87 = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_MACHINE_CHECK = 18,
    TRAP_SIMD = 19,
    TRAP_COUNT = 32,
};
enum { IST_NMI = 1, IST_DOUBLE_FAULT = 2, IST_MACHINE_CHECK = 3, IST_DEBUG = 4 };

// C half of entry.S; see trap.c.
void x86_trap_user(struct arch_frame *frame, unsigned trap);
void x86_trap_kernel(struct arch_frame *frame, unsigned trap);
void x86_trap_paranoid(struct arch_frame *frame, unsigned trap);
bool x86_exit_slow(struct arch_frame *frame);
void x86_traps_init(void);     // once
void x86_traps_init_cpu(void); // each CPU

// --- debug registers: debug.c. Interrupts off, but for the last three ---
#define TRACE_WORK 8u  // THREAD_WORK_TRACE: a mode, not something to be done
void debug_load(void); // those of the current thread, which has some
// What a debug trap in user mode is to the thread: TRAP_TRACE, TRAP_HWBKPT, TRAP_BRKPT; 0: nothing.
int debug_trap_user(struct arch_frame *frame);
void debug_trap_kernel(struct arch_frame *frame);
// Of a thread that does not run, or the current one.
uint64_t debug_get(const struct thread *thread, unsigned number);
MUST_USE status_t debug_set(struct thread *thread, unsigned number, uint64_t value);
void debug_drop(struct arch_thread *arch);

// Writes stac and clac into the code if the processor has SMAP. Once.
void smap_patch(void);

// --- flags that user mode may have set as it likes ---
#define FLAG_CF 0x1ul
#define FLAG_TF 0x100ul
#define FLAG_IF 0x200ul
#define FLAG_DF 0x400ul
#define FLAG_RF 0x10000ul
#define FLAG_AC 0x40000ul
#define USER_FLAGS 0x50dd5ul // CF PF AF ZF SF TF DF OF RF AC
#define CODE_USER 0x33u
#define DATA_USER 0x2bu

// Cleans what user space wrote into a frame: selectors and flags that give nothing away.
ALWAYS_INLINE void frame_sanitise(struct arch_frame *frame) {
    frame->rflags = (frame->rflags & USER_FLAGS) | FLAG_IF | 2;
    frame->cs = CODE_USER;
    frame->ss = DATA_USER;
}

ALWAYS_INLINE struct arch_thread *arch_of(struct thread *thread) {
    return (struct arch_thread *)(void *)thread;
}
// struct thread.arch_work (sched/thread.h): non-zero makes the way out restore all registers.
ALWAYS_INLINE uint32_t *arch_work_of(struct thread *thread) {
    return (uint32_t *)(void *)(arch_of(thread) + 1) + 1;
}
ALWAYS_INLINE _Atomic uint32_t *work_of(struct thread *thread) {
    return (_Atomic uint32_t *)(void *)(arch_of(thread) + 1);
}

// --- vector state: vector.c ---
extern uint32_t vector_area_size;               // bytes of an XSAVE area here
void vector_init(void);                         // once
void vector_init_cpu(void);                     // each CPU
void vector_first_use(void);                    // #NM in user mode
bool vector_attach(struct arch_thread *thread); // gives it an area with initial values; false: no memory
void vector_switch(struct arch_thread *prev, struct arch_thread *next); // in general; interrupts off
MUST_USE status_t vector_clone(struct arch_thread *child);
void vector_drop(struct arch_thread *thread); // forgets the state of the current thread
// The current thread's state to and from a signal frame; -EFAULT if the user memory is bad. load may refuse
// contents that the processor refuses.
MUST_USE status_t vector_store_user(void __user *area);
MUST_USE status_t vector_load_user(const void __user *area, uint64_t features);
void vector_reset(void); // initial values in the registers

// --- tlb.c ---
void x86_tlb_interrupt(void);
void tlb_init_cpu(void);

// --- cache.c ---
void cache_init_cpu(void); // each CPU
