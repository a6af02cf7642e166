// SPDX-License-Identifier: MPL-2.0
// The machine's part of a switch from one thread to another. Inline, since a hand-off is little more than this: for the
// scheduler, and for what hands the CPU over itself (sched/handoff.h).
#pragma once

#include <arch/mmu.h>
#include <arch/thread.h>
#include <port/switch.h>

// All with interrupts off.

// Loads `next` on this CPU (at once if it is loaded already); nullptr, for a kernel thread: any kernel-only space will
// do, what is loaded may stay. Uses PCID/ASID so that nothing is flushed that need not be.
ALWAYS_INLINE void arch_aspace_switch(struct arch_aspace *next);
// The same if `next` is not null, and neither is what is loaded, which is another one.
ALWAYS_INLINE void arch_aspace_exchange(struct arch_aspace *next);
// All of a thread's machine state but its kernel stack: TLS base, vector state (only of threads that used it), where
// the next entry from user mode begins. `next` is arch_current() from here on, though the stack still is that of
// `prev`.
ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next);
// --- cargo: 64 bytes that change address spaces together with the CPU ---
// A port may carry them in vector registers, which a switch exchanges anyway. Interrupts are off from `begin` on.
// struct arch_cargo is the port's.
//
// The current thread wants to. False: it has to do without; nothing has happened.
MUST_USE ALWAYS_INLINE bool arch_cargo_begin(struct thread *self);
// #define ARCH_CARGO_LOAD(cargo, address, at, bad)   64 bytes of user memory, in an open window (arch/user_access.h)
// #define ARCH_CARGO_STORE_64(cargo, address, at, bad), ARCH_CARGO_STORE_32   likewise, to it
// #define ARCH_CARGO_STORE_HEAD(first, second, address, at, bad)   two words that come along
// Can this one be handed cargo?
ALWAYS_INLINE bool arch_cargo_suits(const struct thread *next);
ALWAYS_INLINE void arch_cargo_copy(const struct arch_cargo *cargo, uint64_t *words); // to kernel memory
// Nothing comes of it: the registers are the thread's own again.
ALWAYS_INLINE void arch_cargo_drop(struct thread *self);
// Instead of arch_thread_load: the cargo is gone.
ALWAYS_INLINE void arch_cargo_thread_load(struct thread *prev, struct thread *next);

// Goes on where `next` was left, on its stack. Returns, when somebody switches back to the stack of `prev`, the thread
// that ran just before. The compiler is told that every register is lost.
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next);
// As that for `prev`. But `next`, whose frame is whole as if it were parked (arch/thread.h), is not brought to where it
// was left: that is given up, and it goes to user mode with `result`. Once the stack of `prev` is left, *left = false.
ALWAYS_INLINE struct thread *arch_stack_switch_user(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                    long result);
