// SPDX-License-Identifier: MPL-2.0
// Kernel threads: stacks from mm, threads from a slab. As with all threads, the memory stays for a grace period: a
// waker may still look at a thread that it has just let go.

#include <object/kthread.h>

#include <mm/slab.h>
#include <mm/vmap.h>
#include <sched/rcu.h>

struct kthread {
    struct thread thread; // first
    void (*function)(void *argument);
    void *argument;
    struct rcu_head rcu;
};
SLAB_CACHE(kthread_cache, struct kthread);

static void reclaim(struct rcu_head *head) {
    slab_free(&kthread_cache, CONTAINER_OF(head, struct kthread, rcu));
}

static void ended(struct thread *thread) {
    thread_stack_free(thread->stack);
    rcu_call(&CONTAINER_OF(thread, struct kthread, thread)->rcu, reclaim);
}

static void run(void *argument) {
    struct kthread *kthread = argument;
    kthread->function(kthread->argument);
    thread_exit(ended);
}

struct thread *kthread_create(const char *name, void (*function)(void *argument), void *argument) {
    struct kthread *kthread = slab_alloc(&kthread_cache);
    void *stack = kthread ? thread_stack_alloc() : nullptr;
    if (!stack) {
        if (kthread)
            slab_free(&kthread_cache, kthread);
        return nullptr;
    }
    kthread->function = function;
    kthread->argument = argument;
    thread_init(&kthread->thread, stack, name, run, kthread, nullptr);
    thread_start(&kthread->thread);
    return &kthread->thread;
}
