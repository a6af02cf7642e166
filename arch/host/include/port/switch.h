// SPDX-License-Identifier: MPL-2.0
// Host port: a switch exchanges ucontexts (context.c); address spaces are never loaded.
#pragma once

#include <arch/thread.h>

struct arch_aspace;
struct thread *host_stack_switch(struct thread *prev, struct thread *next);

ALWAYS_INLINE void arch_aspace_switch(struct arch_aspace *next) {
    (void)next;
}
ALWAYS_INLINE void arch_aspace_exchange(struct arch_aspace *next) {
    arch_aspace_switch(next);
}
ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next) {
    (void)prev;
    host_current = next;
}
ALWAYS_INLINE struct thread *arch_stack_switch(struct thread *prev, struct thread *next) {
    return host_stack_switch(prev, next);
}
ALWAYS_INLINE struct thread *arch_stack_switch_user(struct thread *prev, struct thread *next, _Atomic bool *left,
                                                    long result) {
    (void)prev, (void)next, (void)left, (void)result;
    __builtin_trap(); // no thread here comes from user mode
}

#include <arch/cargo_words.h>
