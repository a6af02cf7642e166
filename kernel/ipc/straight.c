// SPDX-License-Identifier: MPL-2.0
// The straight path: the fast path (fast.c) between threads that need no kernel stack while they sleep.
//
// A thread that waits here for its answer, or for its next message, is *parked* (arch/thread.h): all that it would need
// to go on is in its user frame and in its struct fipc_thread. So who hands the CPU to it need not go through its
// stack. It looks up, reads, claims and accounts, as on the fast path; and then, in the other's address space already,
// writes the message straight into the other's user memory, and leaves for user mode with the other's registers. There
// is no copy in between where the port has vector registers to carry it in (arch/switch.h: cargo), one where it has
// not, and no return through anybody's calls.
//
//   client                            server
//   fipc_call: read, claim server
//     park; become the server         (its stack is not touched)
//     write message ----------------> fipc_reply_recv returns 0
//                                     fipc_reply_recv: read, claim client
//                                       park; become the client
//   fipc_call returns 0 <-------------- write answer
//
// `landing`, where the message goes, also tells that a thread is parked. It is the thread's own while that runs, and
// the claimer's once it is claimed: nullptr means that it waits with a stack, or not for this; then the message goes to
// its inbox, or the answer to its call, as on the fast path, and it goes on wherever it was. The same if its memory
// does not take the message at once: interrupts are off from before the message is read until user mode, so no fault is
// waited for, neither at the read (then it is the slow path's) nor at the write, and the thread
// repeats it, with its own faults, by its continuation. That is also where a parked thread goes on if anybody else
// wakes it: a signal, a message by the slow path, the end of the server. It does there what the fast path does behind
// its switch.
//
// The receiver claims its caller first and looks at the call's state then, once more: TAKEN, the same generation. A
// claimed thread does not run, and nobody but the two changes the state of a call that was taken. So there is no BUSY
// here and no exchange. If the caller was about to give up, or had, it has been woken for nothing, which is allowed.
//
// The port's lock is tried, not waited for: whoever holds it may wait for this CPU to answer an interrupt.
//
// A handle is borrowed, for a task with one thread: nobody closes it while that sleeps, so the continuation finds it
// again. Other tasks take the fast path, which keeps a reference.
#include "straight.h"

#include <lib/string.h>

// It does not sleep after all. The cargo has been dropped.
static NOINLINE void give_up(struct thread *thread) {
    arch_cargo_drop(thread);
    arch_irq_enable();
    thread_cancel_block();
}

// ---------------------------------------------------------------- a call

// Its memory did not take the message: it will see to that itself.
[[noreturn]] static NOINLINE void leave_message(struct thread *thread, struct fipc_thread *receiver,
                                                struct send_right *right, type_and_size what, struct arch_cargo cargo) {
    receiver->inbox.right = right;
    receiver->inbox.badge = right->badge;
    receiver->inbox.what = what;
    arch_cargo_copy(&cargo, receiver->inbox.data);
    receiver->thread->wake_status = 0;
    arch_cargo_thread_load(thread, receiver->thread);
    arch_thread_resume(thread, receiver->thread);
}

// The current thread's call goes to a receiver. Comes back if the slow path must be taken.
ALWAYS_INLINE void call_straight(struct thread *thread, struct send_right *right, struct fipc_call *call,
                                 type_and_size what, const struct arch_cargo *cargo) {
    prepare(thread);
    struct thread *next;
    struct fipc_thread *receiver = take_receiver(thread, right, call, IN_MEMORY, &next);
    if (UNLIKELY(!receiver)) {
        call->landing = nullptr;
        give_up(thread);
        return;
    }
    void __user *landing = receiver->landing;
    arch_thread_park(thread);
    handoff_choose(thread, next);
    handoff_enter_aspace(thread, next);
    if (UNLIKELY(!store_packet(landing, what, right->badge, (uint64_t)FIPC_CALL << 32, cargo)))
        leave_message(thread, receiver, right, what, *cargo);
    arch_cargo_thread_load(thread, next);
    arch_thread_resume_user(next, &thread->on_cpu);
}

[[noreturn]] static NOINLINE void call_generally(void) {
    arch_syscall_return(fipc_call_general((int)argument(0), (const void __user *)argument(1),
                                          (void __user *)argument(2), argument(3), (nsec_t)argument(4)));
}
[[noreturn]] static NOINLINE void reply_recv_generally(void) {
    arch_syscall_return(fipc_reply_recv_general((const void __user *)argument(0), (int)argument(1),
                                                (void __user *)argument(2), argument(3), (nsec_t)argument(4)));
}

// Another header than the message's: no handles may come back.
static NOINLINE bool wants_data_alone(const void __user *reply) {
    uint32_t room;
    return packet_in_range(reply) && get_user(room, &((const struct fipc_message __user *)reply)->handle_count) == 0 &&
           room == 0;
}

ARCH_PARKS void fipc_call_straight(ARCH_PARKS_FIRST int handle, const void __user *message, void __user *reply,
                                   size_t room, int64_t deadline) {
    struct thread *thread = thread_current();
    struct arch_cargo cargo;
    type_and_size what;
    if (UNLIKELY(deadline != FIPC_FOREVER) || UNLIKELY(!packet_in_range(message)))
        goto slow;
    struct object *object = handle_borrow(handle, RIGHT_SEND, &send_right_ops);
    if (UNLIKELY(!object))
        goto slow;
    APART;
    struct fipc_thread *self = thread->fipc;
    if (UNLIKELY(!self) || UNLIKELY(room - HEADER_SIZE > self->call.capacity) ||
        (UNLIKELY(reply != message) && !wants_data_alone(reply)) || UNLIKELY(!arch_cargo_begin(thread)))
        goto slow;
    if (UNLIKELY(!load_packet(message, &what, &cargo)))
        goto drop;
    self->call.room = (uint32_t)(room - HEADER_SIZE);
    self->call.landing = reply;
    call_straight(thread, right_of(object), &self->call, what, &cargo);
    goto slow;
drop:
    arch_cargo_drop(thread);
    arch_irq_enable();
slow:
    call_generally();
}

// ---------------------------------------------------------------- an answer, and the next message

void note_answer(struct fipc_call *call, type_and_size what, const uint64_t *data) {
    call->status = size_of(what) <= call->room ? 0 : -EMSGSIZE;
    call->what = what;
    call->handle_count = 0;
    if (call->status == 0)
        memcpy(call->reply, data, size_of(what));
    call->thread->wake_status = 0;
    uint64_t state = atomic_load_explicit(&call->state, memory_order_relaxed);
    atomic_store_explicit(&call->state, state - CALL_TAKEN + CALL_DONE, memory_order_release);
}

// Its memory did not take the answer.
[[noreturn]] static NOINLINE void leave_answer(struct thread *thread, struct fipc_call *call, type_and_size what,
                                               struct arch_cargo cargo) {
    uint64_t data[FIPC_FAST_MAX / 8];
    arch_cargo_copy(&cargo, data);
    note_answer(call, what, data);
    arch_cargo_thread_load(thread, call->thread);
    arch_thread_resume(thread, call->thread);
}

// It waits with a stack, or has too little room, or cannot be handed cargo.
[[noreturn]] static NOINLINE void answer_elsewhere(struct thread *thread, struct fipc_call *call, type_and_size what,
                                                   struct arch_cargo cargo) {
    uint64_t data[FIPC_FAST_MAX / 8];
    arch_cargo_copy(&cargo, data);
    note_answer(call, what, data);
    arch_cargo_drop(thread);
    handoff_choose(thread, call->thread);
    handoff_load(thread, call->thread);
    arch_thread_resume(thread, call->thread);
}

// As call_straight, to the caller.
ALWAYS_INLINE void answer_straight(struct thread *thread, struct fipc_thread *self, struct port *port,
                                   type_and_size what, const struct arch_cargo *cargo) {
    prepare(thread);
    struct thread *next;
    struct fipc_call *call = take_caller(thread, self, port, IN_MEMORY, &next);
    if (UNLIKELY(!call)) {
        self->landing = nullptr;
        give_up(thread);
        return;
    }
    void __user *landing = call->landing;
    arch_thread_park(thread);
    if (UNLIKELY(!landing) || UNLIKELY(size_of(what) > call->room) || UNLIKELY(!arch_cargo_suits(next)))
        answer_elsewhere(thread, call, what, *cargo);
    handoff_choose(thread, next);
    handoff_enter_aspace(thread, next);
    if (UNLIKELY(!store_packet(landing, what, 0, 0, cargo)))
        leave_answer(thread, call, what, *cargo);
    arch_cargo_thread_load(thread, next);
    arch_thread_resume_user(next, &thread->on_cpu);
}

ARCH_PARKS void fipc_reply_recv_straight(ARCH_PARKS_FIRST const void __user *reply, int handle, void __user *message,
                                         size_t room, int64_t deadline) {
    struct thread *thread = thread_current();
    struct arch_cargo cargo;
    type_and_size what;
    if (UNLIKELY(deadline != FIPC_FOREVER) || UNLIKELY(!packet_in_range(reply)) || UNLIKELY(!packet_in_range(message)))
        goto slow;
    struct fipc_thread *self = thread->fipc;
    if (UNLIKELY(!self) || UNLIKELY(!may_receive(handle, self->serves)) ||
        UNLIKELY(room < HEADER_SIZE + FIPC_FAST_MAX) || UNLIKELY(!arch_cargo_begin(thread)))
        goto slow;
    if (UNLIKELY(!load_packet(reply, &what, &cargo)))
        goto drop;
    self->landing = message;
    answer_straight(thread, self, self->serves, what, &cargo);
    goto slow;
drop:
    arch_cargo_drop(thread);
    arch_irq_enable();
slow:
    reply_recv_generally();
}

// ---------------------------------------------------------------- continuations

static long call_continue(struct fipc_call *call, int handle, void __user *reply) {
    struct handle_ref ref;
    struct send_right *right;
    call->landing = nullptr; // from here on it has a stack
    status_t status = call->thread->wake_status;
    if (LIKELY(call_phase(call) == CALL_DONE) && LIKELY((call->status | (int)call->handle_count) == 0) &&
        LIKELY(write_small(reply, call->what, 0, 0, (const uint64_t *)(const void *)call->reply)))
        return 0;
    if (right_lookup(handle, &ref, &right) != 0)
        panic("ipc: the right of a parked call is gone");
    long result = finish_call(right, call, status, reply);
    handle_release(&ref);
    return result;
}

static long receive_continue(struct fipc_thread *self, void __user *message, size_t room) {
    self->landing = nullptr;
    self->room = (uint32_t)MIN(room - HEADER_SIZE, (size_t)FIPC_INLINE_MAX);
    return finish_receive(self, self->serves, message, room, self->thread->wake_status);
}

long fipc_continue(void) {
    struct fipc_thread *self = thread_current()->fipc;
    const struct arch_frame *frame = arch_thread_frame(self->thread);
    void __user *buffer = (void __user *)arch_frame_syscall_arg(frame, 2);
    switch (arch_frame_syscall_number(frame)) {
    case SYSCALL_fipc_call:
        return call_continue(&self->call, (int)arch_frame_syscall_arg(frame, 0), buffer);
    case SYSCALL_fipc_call_words:
        return call_words_continue(&self->call, (int)arch_frame_syscall_arg(frame, 0));
    case SYSCALL_fipc_reply_recv_words:
        return finish_receive_words(self, self->serves, self->thread->wake_status);
    default:
        return receive_continue(self, buffer, arch_frame_syscall_arg(frame, 3));
    }
}
