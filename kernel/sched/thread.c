// SPDX-License-Identifier: MPL-2.0
// The beginning and the end of threads.

#include "sched_priv.h"
#include <lib/string.h>

void thread_init(struct thread *thread, void *stack, const char *name, void (*start)(void *), void *argument,
                 const struct thread *parent) {
    memset(thread, 0, sizeof *thread);
    thread->stack = stack;
    thread->start = start;
    thread->start_argument = argument;
    string_copy(thread->name, name, sizeof thread->name);
    list_init(&thread->run_node);
    thread->state = THREAD_NEW;
    thread->cpu = (uint16_t)this_cpu(run_queue).cpu;
    thread->affinity.bits = ~0ull;
    if (parent) {
        thread->policy = parent->policy;
        thread->nice = parent->nice;
        thread->rt_priority = parent->rt_priority;
        thread->affinity = parent->affinity;
        thread->share = parent->share;
        thread->io_priority = parent->io_priority;
        thread->predicted_run = parent->predicted_run;
    }
    policy_set_base(thread);
    thread->queued_level = thread->level;
    thread->slice_left = sched_slice(thread);
    arch_thread_init(thread, stack);
}

void thread_start(struct thread *thread) {
    atomic_store_explicit(&thread->state, THREAD_READY, memory_order_relaxed);
    thread_enqueue(thread, WAKE_ORDINARY);
}

void thread_exit(void (*last_words)(struct thread *thread)) {
    struct thread *self = arch_current();
    self->last_words = last_words;
    self->leaving = true;
    atomic_store_explicit(&self->state, THREAD_DEAD, memory_order_relaxed);
    schedule_block();
    panic("a dead thread runs");
}
