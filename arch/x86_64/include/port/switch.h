// SPDX-License-Identifier: MPL-2.0
// x86-64: the usual way through a switch, inline. What is rare, and why it is right, is in cpu/tlb.c, cpu/vector.c and
// cpu/thread.c.
#pragma once

#include <arch/percpu.h>
#include <arch/user_fault.h>
#include <port/mmu.h>
#include <port/thread.h>

struct x86_tss {
    uint32_t reserved0;
    uint64_t rsp[3]; // rsp[0]: the kernel stack on entry from user mode
    uint64_t reserved1;
    uint64_t ist[7]; // ist[n - 1]
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed, aligned(8)));
static_assert(sizeof(struct x86_tss) == 104);
extern struct x86_tss x86_tss X86_HIDDEN; // PER_CPU
extern struct x86_tss X86_GS x86_gs_tss __asm__("x86_tss") X86_HIDDEN;

// --- address spaces: cpu/tlb.c ---

// One that this CPU remembers under a PCID.
struct x86_tlb_slot {
    uint64_t id;                 // arch_aspace.id, 0: none
    _Atomic uint64_t generation; // arch_aspace.tlb_generation that has been seen
    uint64_t cr3;                // that loads it and flushes nothing
};
enum { X86_TLB_SLOTS = 6 };
// Written by its CPU only; flushers read all but the last two.
struct x86_tlb {
    struct x86_tlb_slot slots[X86_TLB_SLOTS]; // first: see arch_aspace.tlb_slot
    struct arch_aspace *_Atomic loading;      // `loaded`, or what is just going to be
    struct arch_aspace *_Atomic loaded;       // null: the kernel's root
    struct x86_tlb_slot *_Atomic slot;        // of `loaded`
    _Atomic uint64_t kernel_generation;
    unsigned victim;
};
extern struct x86_tlb x86_tlb X86_HIDDEN; // PER_CPU

void x86_aspace_switch_slow(struct arch_aspace *next);

ALWAYS_INLINE void arch_aspace_exchange(struct arch_aspace *next) {
    struct x86_tlb *tlb = &this_cpu(x86_tlb);
    uintptr_t offset = atomic_load_explicit(&next->tlb_slot, memory_order_relaxed);
    struct x86_tlb_slot *slot = (struct x86_tlb_slot *)((uintptr_t)tlb + offset);
    if (LIKELY(slot->id == atomic_load_explicit(&next->id, memory_order_relaxed))) {
        atomic_store_explicit(&tlb->loading, next, memory_order_seq_cst);
        if (LIKELY(slot->generation == atomic_load_explicit(&next->tlb_generation, memory_order_seq_cst))) {
            __asm__ volatile("mov %0, %%cr3" ::"r"(slot->cr3) : "memory");
            atomic_store_explicit(&tlb->slot, slot, memory_order_relaxed);
            atomic_store_explicit(&tlb->loaded, next, memory_order_release);
            return;
        }
    }
    x86_aspace_switch_slow(next);
}

ALWAYS_INLINE void arch_aspace_switch(struct arch_aspace *next) {
    if (LIKELY(next != nullptr) &&
        LIKELY(next != atomic_load_explicit(&this_cpu(x86_tlb).loaded, memory_order_relaxed)))
        arch_aspace_exchange(next);
}

// --- threads ---

extern bool x86_has_short_switch X86_HIDDEN; // FSGSBASE and XSAVEOPT are there
extern uint32_t x86_vector_features X86_HIDDEN;

void x86_thread_load_slow(struct arch_thread *prev, struct arch_thread *next);

// The user's GS base is the inactive one. It is null nearly always.
ALWAYS_INLINE void x86_segment_bases_switch(struct arch_thread *prev, const struct arch_thread *next) {
    uint64_t fs, gs, new_gs;
    __asm__ volatile("rdfsbase %[fs]\n\t"
                     "wrfsbase %[new_fs]\n\t"
                     "swapgs\n\t"
                     "rdgsbase %[gs]\n\t"
                     "cmpq %[next_gs], %[gs]\n\t"
                     "je 1f\n\t"
                     "movq %[next_gs], %[new_gs]\n\t"
                     "wrgsbase %[new_gs]\n"
                     "1:\tswapgs"
                     : [fs] "=&r"(fs), [gs] "=&r"(gs), [new_gs] "=&r"(new_gs)
                     : [new_fs] "r"(next->fs_base), [next_gs] "m"(next->gs_base)
                     : "memory", "cc");
    prev->fs_base = fs;
    prev->gs_base = gs;
}

// The unit is on, and the registers are the first one's.
ALWAYS_INLINE void x86_vector_exchange(void *save, const void *load) {
    __asm__ volatile("xsaveopt64 (%0)\n\txrstor64 (%1)" ::"r"(save), "r"(load), "a"(x86_vector_features), "d"(0)
                     : "memory");
}

ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next) {
    struct arch_thread *from = (struct arch_thread *)(void *)prev, *to = (struct arch_thread *)(void *)next;
    if (LIKELY(x86_has_short_switch) && LIKELY(from->fpu != nullptr) && LIKELY(to->fpu != nullptr)) {
        x86_segment_bases_switch(from, to);
        x86_vector_exchange(from->fpu, to->fpu);
        to->fpu_cpu = -1; // the saved copy is no longer what it has
    } else {
        x86_thread_load_slow(from, to);
    }
    x86_gs_tss.rsp[0] = to->stack_top;
    x86_gs_current = next;
}

// --- cargo: in xmm0-xmm3, while the state of the thread whose registers they are is in its area ---
struct arch_cargo {};

ALWAYS_INLINE bool arch_cargo_begin(struct thread *self) {
    void *area = ((struct arch_thread *)(void *)self)->fpu;
    if (UNLIKELY(!x86_has_short_switch) || UNLIKELY(!area))
        return false;
    __asm__ volatile("cli\n\txsaveopt64 (%0)" ::"r"(area), "a"(x86_vector_features), "d"(0) : "memory");
    return true;
}
#define X86_CARGO_LOAD(at, address, register, bad)                                 \
    __asm__ goto("1: movups %0, %%" register "\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                                 \
                 : "m"(*(const volatile char (*)[16])((address) + (at)))           \
                 : "memory"                                                        \
                 : bad)
#define X86_CARGO_STORE(at, address, register, bad)                                \
    __asm__ goto("1: movups %%" register ", %0\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                                 \
                 : "m"(*(volatile char (*)[16])((address) + (at)))                 \
                 : "memory"                                                        \
                 : bad)
#define ARCH_CARGO_LOAD(cargo, address, at, bad)         \
    do {                                                 \
        X86_CARGO_LOAD((at) + 0, address, "xmm0", bad);  \
        X86_CARGO_LOAD((at) + 16, address, "xmm1", bad); \
        X86_CARGO_LOAD((at) + 32, address, "xmm2", bad); \
        X86_CARGO_LOAD((at) + 48, address, "xmm3", bad); \
        (void)(cargo);                                   \
    } while (0)
#define ARCH_CARGO_STORE_32(cargo, address, at, bad)      \
    do {                                                  \
        X86_CARGO_STORE((at) + 0, address, "xmm0", bad);  \
        X86_CARGO_STORE((at) + 16, address, "xmm1", bad); \
        (void)(cargo);                                    \
    } while (0)
#define ARCH_CARGO_STORE_64(cargo, address, at, bad)      \
    do {                                                  \
        ARCH_CARGO_STORE_32(cargo, address, at, bad);     \
        X86_CARGO_STORE((at) + 32, address, "xmm2", bad); \
        X86_CARGO_STORE((at) + 48, address, "xmm3", bad); \
    } while (0)
#define ARCH_CARGO_STORE_HEAD(first, second, address, at, bad)         \
    do {                                                               \
        ARCH_USER_STORE(ARCH_USER_64, first, address, at, bad);        \
        ARCH_USER_STORE(ARCH_USER_64, second, address, (at) + 8, bad); \
    } while (0)
ALWAYS_INLINE bool arch_cargo_suits(const struct thread *next) {
    return ((const struct arch_thread *)(const void *)next)->fpu != nullptr;
}
ALWAYS_INLINE void arch_cargo_copy(const struct arch_cargo *cargo, uint64_t *words) {
    (void)cargo;
    __asm__ volatile(
        "movups %%xmm0, (%0)\n\tmovups %%xmm1, 16(%0)\n\tmovups %%xmm2, 32(%0)\n\tmovups %%xmm3, 48(%0)" ::"r"(words)
        : "memory");
}
ALWAYS_INLINE void x86_vector_load(const void *area) {
    __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(x86_vector_features), "d"(0) : "memory");
}
ALWAYS_INLINE void arch_cargo_drop(struct thread *self) {
    x86_vector_load(((struct arch_thread *)(void *)self)->fpu);
}
ALWAYS_INLINE void arch_cargo_thread_load(struct thread *prev, struct thread *next) {
    struct arch_thread *from = (struct arch_thread *)(void *)prev, *to = (struct arch_thread *)(void *)next;
    x86_segment_bases_switch(from, to);
    x86_vector_load(to->fpu);
    to->fpu_cpu = -1; // the saved copy is no longer what it has
    x86_gs_tss.rsp[0] = to->stack_top;
    x86_gs_current = next;
}

// A call that every other register is lost in: what the compiler needs of them afterwards it keeps on the stack.
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next) {
    __asm__ volatile("call x86_switch_stacks"
                     : "+D"(prev), "+S"(next)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc",
                       "memory");
    return prev;
}

// cpu/entry.S
ALWAYS_INLINE struct thread *arch_stack_switch_user(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                    long result) {
    struct thread *before = next;
    __asm__ volatile("call x86_switch_to_user"
                     : "+D"(before), "+S"(left), "+d"(prev), "+a"(result)
                     :
                     : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
    return before;
}
