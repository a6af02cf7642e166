// SPDX-License-Identifier: MPL-2.0
// Porting guide: the switch.
#pragma once

#include <lib/types.h>

struct arch_aspace;
struct thread;

// nullptr: may leave the old one loaded. Flush only if the space was changed since this CPU had it.
ALWAYS_INLINE void arch_aspace_switch(struct arch_aspace *next) {}
ALWAYS_INLINE void arch_aspace_exchange(struct arch_aspace *next) {
    arch_aspace_switch(next);
}
// TLS; vector state if either thread has used it (arch_vector_area_alloc gives room at first use); the stack for the
// next entry; arch_current().
ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next) {}
// Stack pointer, frame pointer and where to go on; all else is the compiler's business: name every register as lost.
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next) {
    return prev;
}
// Only threads that came in by a straight form (arch/thread.h) are brought to user mode so.
ALWAYS_INLINE struct thread *arch_stack_switch_user(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                    long result) {
    return prev;
}

#include <arch/cargo_words.h>
