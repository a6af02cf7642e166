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
// Goes on where `next` was left, on its stack. Returns, when somebody switches back to the stack of `prev`, the thread
// that ran just before. The compiler is told that every register is lost.
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next);
