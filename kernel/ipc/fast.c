// SPDX-License-Identifier: MPL-2.0
// The fast path: a call of at most FIPC_FAST_MAX bytes and no handles to a server that sleeps in fipc_recv, and the
// reply to such a caller by a server that goes on receiving from an empty port.
//
// Everything is checked before one point of no return, and until then nothing has changed, so the slow path can begin
// from the start. Beyond it nothing can fail: the message is in kernel memory, the other thread is claimed
// (thread_claim) and runs at once on this CPU, on this thread's slice and level. No queue, no allocation, no run queue.
//
// The data is copied three times: out of one user memory, to the other thread's kernel memory, and into the other user
// memory, so that each thread alone meets the faults of its own memory, and neither can be held up by the other's.
#include "packet.h"

#include <abi/syscall_table.h>
#include <lib/string.h>
#include <sched/rcu.h>
#include <sched/sched.h>

// A claimed receiver has the message; null: the slow path must be taken.
ALWAYS_INLINE struct thread *hand_message(struct thread *self, struct send_right *right, struct fipc_call *call,
                                          type_and_size what) {
    struct port *port = right->port;
    struct thread *next = nullptr;
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_lock(&port->lock);
    struct fipc_thread *receiver = first_receiver(port);
    if (LIKELY(receiver != nullptr) && LIKELY(takes(port, receiver, size_of(what))) && LIKELY(!right->once) &&
        LIKELY(!atomic_load_explicit(&self->interrupted, memory_order_seq_cst)) &&
        LIKELY(thread_claim(receiver->thread))) {
        // The point of no return.
        next = receiver->thread;
        drop_receiver(port, receiver);
        receiver->inbox.right = right;
        receiver->inbox.badge = right->badge;
        receiver->inbox.what = what;
        copy_small(receiver->inbox.data, call->data, size_of(what));
        begin_taken(call, &receiver->held);
        if (UNLIKELY(self->level > next->level))
            server_work_locked(port, receiver, call);
    }
    spin_unlock(&port->lock);
    return next;
}

NOINLINE long finish_call(struct send_right *right, struct fipc_call *call, status_t status, void __user *reply) {
    struct answer answer = {.message = reply};
    status = call_end(right, call, NSEC_NEVER, status);
    return status != 0 ? status : deliver_answer(call, &answer);
}

long fast_call(struct send_right *right, const void __user *message, void __user *reply, size_t room) {
    struct thread *thread = thread_current();
    struct fipc_thread *self = thread->fipc;
    type_and_size what;
    uint32_t handle_room = 0;
    if (UNLIKELY(!self) || UNLIKELY(room - HEADER_SIZE > self->call.capacity) ||
        UNLIKELY(!read_small(message, &what, (uint64_t *)(void *)self->call.data)))
        return NOT_FAST;
    if (reply != message &&
        (get_user(handle_room, &((struct fipc_message __user *)reply)->handle_count) != 0 || handle_room != 0))
        return NOT_FAST;
    struct fipc_call *call = &self->call;
    call->room = (uint32_t)(room - HEADER_SIZE);
    call->landing = nullptr;
    struct thread *next = hand_message(thread, right, call, what);
    if (UNLIKELY(!next)) {
        thread_cancel_block();
        return NOT_FAST;
    }
    status_t status = thread_switch_to(next);
    if (LIKELY(call_phase(call) == CALL_DONE) && LIKELY((call->status | (int)call->handle_count) == 0) &&
        LIKELY(write_small(reply, call->what, 0, 0, (const uint64_t *)(const void *)call->reply)))
        return 0;
    return finish_call(right, call, status, reply);
}

ALWAYS_INLINE bool seize(struct fipc_call *call, uint64_t state) {
    return atomic_compare_exchange_strong_explicit(&call->state, &state, state - CALL_TAKEN + CALL_BUSY,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

// Gives the answer and lies down to receive; null: the slow path must be taken.
ALWAYS_INLINE struct thread *hand_reply(struct thread *thread, struct fipc_thread *self, struct port *port,
                                        type_and_size what, const void *data) {
    struct fipc_call *call = atomic_load_explicit(&self->held.call, memory_order_relaxed);
    struct thread *caller = nullptr;
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_lock(&port->lock);
    if (LIKELY(call != nullptr) && LIKELY(call != SLOT_GONE) && LIKELY(self->serves == port) &&
        LIKELY(turns_are_empty(&port->turns)) &&
        LIKELY(!atomic_load_explicit(&thread->interrupted, memory_order_seq_cst)) &&
        LIKELY(seize(call, self->held.state))) {
        // The point of no return.
        caller = call->thread;
        atomic_store_explicit(&self->held.call, nullptr, memory_order_relaxed);
        call->status = LIKELY(size_of(what) <= call->room) ? 0 : -EMSGSIZE;
        call->what = what;
        if (LIKELY(call->status == 0))
            copy_small(call->reply, data, size_of(what));
        atomic_store_explicit(&call->state, self->held.state - CALL_TAKEN + CALL_DONE, memory_order_release);
        self->inbox.right = nullptr;
        list_push_front(&port->receivers, &self->receive_node);
        if (UNLIKELY(thread->donated_level != 0))
            server_work_locked(port, self, nullptr);
    }
    spin_unlock(&port->lock);
    return caller;
}

long fast_call_words(struct send_right *right, struct fipc_call *call, type_and_size what) {
    call->landing = nullptr;
    struct thread *next = hand_message(thread_current(), right, call, what);
    if (next)
        return finish_call_words(right, call, thread_switch_to(next));
    thread_cancel_block();
    return NOT_FAST;
}

// Woken without a message in the inbox, or one that could not be written.
static NOINLINE long go_on_receiving(struct fipc_thread *self, struct port *port, void __user *message, size_t room,
                                     status_t status) {
    spin_lock(&port->lock);
    status = receive_end_locked(port, self, status);
    spin_unlock(&port->lock);
    if (self->inbox.right)
        return deliver_inbox(port, self, message);
    long result = status == 0 ? port_receive(port, message, room, NSEC_NEVER) : status;
    self->replied = result == -ERESTARTSYS;
    return result;
}

long finish_receive(struct fipc_thread *self, struct port *port, void __user *message, size_t room, status_t status) {
    struct inbox *inbox = &self->inbox;
    if (LIKELY(inbox->right != nullptr) &&
        LIKELY(write_small(message, inbox->what, inbox->badge, (uint64_t)FIPC_CALL << 32, inbox->data))) {
        inbox->right = nullptr;
        return 0;
    }
    return go_on_receiving(self, port, message, room, status);
}

// Answers and sleeps. False: the slow path must be taken.
ALWAYS_INLINE bool reply_and_sleep(struct fipc_thread *self, struct port *port, type_and_size what, const void *data,
                                   status_t *status) {
    struct thread *thread = self->thread;
    self->landing = nullptr;
    rcu_read_lock(); // the caller may have given up and ended
    struct thread *caller = hand_reply(thread, self, port, what, data);
    bool claimed = LIKELY(caller != nullptr) && thread_claim(caller);
    if (UNLIKELY(caller && !claimed))
        thread_wake(caller);
    rcu_read_unlock();
    if (UNLIKELY(!caller)) {
        thread_cancel_block();
        return false;
    }
    *status = LIKELY(claimed) ? thread_switch_to(caller) : thread_block(NSEC_NEVER);
    return true;
}

long fast_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room) {
    struct fipc_thread *self = thread_current()->fipc;
    type_and_size what;
    uint64_t data[FIPC_FAST_MAX / 8];
    status_t status;
    if (UNLIKELY(!self) || UNLIKELY(!read_small(reply, &what, data)))
        return NOT_FAST;
    self->room = (uint32_t)MIN(room - HEADER_SIZE, (size_t)FIPC_INLINE_MAX);
    if (UNLIKELY(!reply_and_sleep(self, port, what, data, &status)))
        return NOT_FAST;
    return finish_receive(self, port, message, room, status);
}

long fast_reply_recv_words(struct port *port, type_and_size what, const uint64_t *words) {
    struct fipc_thread *self = thread_current()->fipc;
    status_t status;
    if (!self)
        return NOT_FAST;
    self->room = WORDS_SIZE;
    if (!reply_and_sleep(self, port, what, words, &status))
        return NOT_FAST;
    return finish_receive_words(self, port, status);
}
