// SPDX-License-Identifier: MPL-2.0
// Host port: the thread switch. Each thread is a ucontext on a stack of its own (the kernel's 16 KiB
// are too few for sanitized code); ASan is told of every change of stack.
#include <arch/switch.h>
#include <arch/upcall.h>
#include <lib/assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>
#define FIBER_START(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define FIBER_FINISH(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define FIBER_START(save, bottom, size) ((void)0)
#define FIBER_FINISH(save, bottom, size) ((void)0)
#endif

enum { HOST_STACK_SIZE = 256 * 1024 };

struct host_context {
    ucontext_t context;
    void *stack; // null: the stack of main()
    void *fake_stack;
    const void *stack_bottom; // as ASan wants it
    size_t stack_size;
};

static struct thread *switched_from;

static struct host_context *context_of(struct thread *thread) {
    struct arch_thread *arch = (struct arch_thread *)(void *)thread;
    if (arch->context == nullptr)
        arch->context = calloc(1, sizeof(*arch->context));
    ASSERT(arch->context != nullptr);
    return arch->context;
}

// After each switch, on the new stack: `previous` learns where its stack is.
static void arrived(struct host_context *self, struct host_context *previous) {
    const void *bottom = nullptr;
    size_t size = 0;
    FIBER_FINISH(self->fake_stack, &bottom, &size);
    if (previous->stack == nullptr) {
        previous->stack_bottom = bottom;
        previous->stack_size = size;
    }
}

static void first_code(void) {
    arrived(context_of(host_current), context_of(switched_from));
    sched_thread_start(switched_from);
}

void arch_thread_init(struct thread *thread, void *stack) {
    *(struct arch_thread *)(void *)thread = (struct arch_thread){};
    struct host_context *context = context_of(thread);
    context->stack = mmap(nullptr, HOST_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(context->stack != MAP_FAILED && getcontext(&context->context) == 0);
    context->stack_bottom = context->stack;
    context->stack_size = HOST_STACK_SIZE;
    context->context.uc_stack.ss_sp = context->stack;
    context->context.uc_stack.ss_size = HOST_STACK_SIZE;
    context->context.uc_link = nullptr;
    makecontext(&context->context, first_code, 0);
}

void arch_thread_adopt(struct thread *thread, void *stack) {
    *(struct arch_thread *)(void *)thread = (struct arch_thread){};
    host_current = thread;
}

void arch_thread_fini(struct thread *thread) {
    struct arch_thread *arch = (struct arch_thread *)(void *)thread;
    if (arch->context != nullptr && arch->context->stack != nullptr)
        munmap(arch->context->stack, HOST_STACK_SIZE);
    free(arch->context);
    arch->context = nullptr;
}

struct thread *host_stack_switch(struct thread *prev, struct thread *next) {
    struct host_context *from = context_of(prev), *to = context_of(next);
    switched_from = prev;
    FIBER_START(&from->fake_stack, to->stack_bottom, to->stack_size);
    ASSERT(swapcontext(&from->context, &to->context) == 0);
    arrived(from, context_of(switched_from));
    return switched_from;
}
