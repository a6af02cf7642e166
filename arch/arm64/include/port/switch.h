// SPDX-License-Identifier: MPL-2.0
// ARM64: the usual way through a switch, inline. What is rare, and why it is right, is in cpu/aspace.c, cpu/vector.c
// and cpu/pauth.c.
#pragma once

#include <arch/percpu.h>
#include <port/mmu.h>
#include <port/thread.h>

// In place of an ASID that a roll-over has taken away: of no space's generation.
#define ARM64_ASID_TAKEN (~0ul << 16)

// What this CPU's registers hold that a switch exchanges.
struct arm64_loaded {
    _Atomic uint64_t asid;            // as arch_aspace.asid; ASID 0: the empty table; or ARM64_ASID_TAKEN
    uint64_t keys_id;                 // whose authentication keys (cpu/pauth.c); 0: nobody's
    struct arch_thread *vector_owner; // whose state was in the vector unit last (cpu/vector.c)
    uint32_t vector_off;              // user mode would trap: a word, which tests in one instruction
};
extern struct arm64_loaded arm64_loaded ARM64_HIDDEN; // PER_CPU; cpu/aspace.c

// --- address spaces ---

void arm64_aspace_load_slow(struct arch_aspace *next);

ALWAYS_INLINE void arm64_ttbr0_load(paddr_t root, uint64_t asid) {
    __asm__ volatile("msr ttbr0_el1, %0\n\tisb" ::"r"(root | asid << ARM64_TTBR_ASID_SHIFT) : "memory");
}

// Exchanges the ASID if both are of one generation.
ALWAYS_INLINE bool arm64_asid_exchange(struct arm64_loaded *loaded, uint64_t asid) {
    uint64_t different;
    uint32_t failed;
    __asm__ goto volatile("0:\tldxr %x[different], %[at]\n\t"
                          "eor %x[different], %x[different], %x[asid]\n\t"
                          "lsr %x[different], %x[different], #16\n\t"
                          "cbnz %x[different], %l[other]\n\t"
                          "stxr %w[failed], %x[asid], %[at]\n\t"
                          "cbnz %w[failed], 0b"
                          : [different] "=&r"(different), [failed] "=&r"(failed), [at] "+Q"(loaded->asid)
                          : [asid] "r"(asid)
                          : "memory"
                          : other);
    return true;
other:
    return false;
}

ALWAYS_INLINE void arch_aspace_exchange(struct arch_aspace *next) {
    uint64_t asid = atomic_load_explicit(&next->asid, memory_order_relaxed);
    if (LIKELY(arm64_asid_exchange(&this_cpu(arm64_loaded), asid)))
        arm64_ttbr0_load(next->root, asid);
    else
        arm64_aspace_load_slow(next);
}

ALWAYS_INLINE void arch_aspace_switch(struct arch_aspace *next) {
    if (LIKELY(next != nullptr))
        arch_aspace_exchange(next);
    else
        arm64_aspace_load_slow(next);
}

// --- threads ---

void arm64_vector_switch(struct arch_thread *prev, struct arch_thread *next);
void arm64_keys_load(const struct arch_thread *next);

ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next) {
    struct arch_thread *from = (struct arch_thread *)(void *)prev, *to = (struct arch_thread *)(void *)next;
    struct arm64_loaded *loaded = &this_cpu(arm64_loaded);
    uint64_t tls;
    // The user's cache maintenance (SCTLR.UCI) is finished here, though its DSB may be executed on another CPU.
    __asm__ volatile("dsb ish\n\tmrs %0, tpidr_el0\n\tmsr tpidr_el0, %1" : "=&r"(tls) : "r"(to->tls) : "memory");
    from->tls = tls;
    if (!loaded->vector_off || to->vector_turns != 0)
        arm64_vector_switch(from, to);
    if (to->keys_id != 0 && UNLIKELY(to->keys_id != loaded->keys_id))
        arm64_keys_load(to);
    __asm__ volatile("msr sp_el0, %0" ::"r"(next) : "memory");
}

// A call that every other register is lost in: what the compiler needs of them afterwards it keeps on the stack.
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next) {
    register struct thread *from __asm__("x0") = prev;
    register struct thread *to __asm__("x1") = next;
    __asm__ volatile("bl arm64_switch_stacks"
                     : "+r"(from), "+r"(to)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "cc",
                       "memory");
    return from;
}

// cpu/vectors.S
ALWAYS_INLINE struct thread *arch_stack_switch_user(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                    long result) {
    register long x0 __asm__("x0") = result;
    register struct thread *x1 __asm__("x1") = prev, *x9 __asm__("x9") = next;
    register _Atomic bool *x10 __asm__("x10") = left;
    __asm__ volatile("bl arm64_switch_to_user"
                     : "+r"(x0), "+r"(x1), "+r"(x9), "+r"(x10)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18",
                       "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "cc", "memory");
    return (struct thread *)x0;
}

#include <port/cargo.h>
