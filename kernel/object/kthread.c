// SPDX-License-Identifier: MPL-2.0
// Kernel threads: stacks from mm, threads from a slab.

#include <object/kthread.h>

#include <mm/slab.h>
#include <mm/vmap.h>

struct kthread {
    struct thread thread; // first
    void (*function)(void *argument);
    void *argument;
};
SLAB_CACHE(kthread_cache, struct kthread);

static void reclaim(struct thread *thread) {
    thread_stack_free(thread->stack);
    slab_free(&kthread_cache, CONTAINER_OF(thread, struct kthread, thread));
}

static void run(void *argument) {
    struct kthread *kthread = argument;
    kthread->function(kthread->argument);
    thread_exit(reclaim);
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
