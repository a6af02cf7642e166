// SPDX-License-Identifier: MPL-2.0
// The straight path (straight.c) for messages in registers (words.c), between threads that both wait there.
//
// The message is nowhere but in the frame that the sender's entry into the kernel has stored. The receiver leaves for
// user mode with these registers in place of its own (arch_thread_resume_words), so not one instruction here is about
// the message. No user memory is looked at, and nothing can fault.
//
// A receiver that waits parked is in port->parked[IN_WORDS], a caller has call->words. With anybody else the general
// way does it, but for a caller that waits otherwise: it is claimed by then, and the answer is left with it.
#include "straight.h"

static NOINLINE void give_up(void) {
    arch_irq_enable();
    thread_cancel_block();
}

// Makes `next` the current thread, but for the stack.
ALWAYS_INLINE void become(struct thread *thread, struct thread *next) {
    handoff_choose(thread, next);
    handoff_enter_aspace(thread, next);
    arch_thread_load(thread, next);
}

[[noreturn]] static NOINLINE void call_generally(void) {
    arch_syscall_return(fipc_call_words_general((int)argument(0), (uint32_t)argument(1), argument(2), argument(3),
                                                argument(4), argument(5)));
}
[[noreturn]] static NOINLINE void reply_recv_generally(void) {
    arch_syscall_return(fipc_reply_recv_words_general((int)argument(0), (uint32_t)argument(1), argument(2), argument(3),
                                                      argument(4), argument(5)));
}

ARCH_PARKS void fipc_call_words_straight(ARCH_PARKS_FIRST int handle) {
    struct thread *thread = thread_current(), *next;
    struct fipc_thread *self = thread->fipc;
    struct object *object = handle_borrow(handle, RIGHT_SEND, &send_right_ops);
    if (UNLIKELY(!object))
        call_generally();
    APART;
    if (UNLIKELY(!self))
        call_generally();
    struct send_right *right = right_of(object);
    struct fipc_call *call = &self->call;
    call->landing = nullptr;
    call->room = WORDS_SIZE;
    call->words = true;
    arch_irq_disable();
    prepare(thread);
    if (UNLIKELY(!take_receiver(thread, right, call, IN_WORDS, &next))) {
        call->words = false;
        give_up();
        call_generally();
    }
    arch_thread_park(thread);
    become(thread, next);
    arch_thread_resume_words(thread, next, &thread->on_cpu, right->badge, FIPC_CALL);
}

// The caller waits with a stack, or for an answer in memory.
[[noreturn]] static NOINLINE void answer_elsewhere(struct thread *thread, struct fipc_call *call) {
    const uint64_t words[] = {argument(2), argument(3), argument(4), argument(5)};
    note_answer(call, (uint32_t)argument(1) | (type_and_size)WORDS_SIZE << 32, words);
    handoff_choose(thread, call->thread);
    handoff_load(thread, call->thread);
    arch_thread_resume(thread, call->thread);
}

ARCH_PARKS void fipc_reply_recv_words_straight(ARCH_PARKS_FIRST int handle) {
    struct thread *thread = thread_current(), *next;
    struct fipc_thread *self = thread->fipc;
    if (UNLIKELY(!self) || UNLIKELY(!may_receive(handle, self->serves)))
        reply_recv_generally();
    arch_irq_disable();
    prepare(thread);
    struct fipc_call *call = take_caller(thread, self, self->serves, IN_WORDS, &next);
    if (UNLIKELY(!call)) {
        give_up();
        reply_recv_generally();
    }
    arch_thread_park(thread);
    if (UNLIKELY(!call->words))
        answer_elsewhere(thread, call);
    call->words = false;
    become(thread, next);
    arch_thread_resume_words(thread, next, &thread->on_cpu, 0, 0);
}
