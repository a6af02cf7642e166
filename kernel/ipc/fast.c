// SPDX-License-Identifier: MPL-2.0
// The fast path: a call of at most FIPC_FAST_MAX bytes and no handles to a server that sleeps in fipc_recv, and the
// reply to such a caller by a server that goes on receiving from an empty port.
//
// Everything is checked before one point of no return, and until then nothing has changed, so the slow path can begin
// from the start. Beyond it nothing can fail: the message is in kernel memory, the other thread is claimed
// (thread_claim) and runs at once on this CPU, on this thread's slice and level. No queue, no allocation, no run queue.
//
// The data is copied twice, from one user memory into the kernel and from there into the other: only the receiver's own
// thread may meet the faults of its memory.
#include "ipc_priv.h"

#include <lib/string.h>
#include <sched/rcu.h>
#include <sched/sched.h>

struct small_header {
    uint64_t type_and_size, count_and_flags;
};

// Header and data of a message that may go this way.
ALWAYS_INLINE bool read_small(const void __user *message, struct small_header *header, void *data) {
    const struct fipc_message __user *user = message;
    if (get_user(header->type_and_size, (const uint64_t __user *)&user->type) != 0 ||
        get_user(header->count_and_flags, (const uint64_t __user *)&user->handle_count) != 0)
        return false;
    uint32_t size = (uint32_t)(header->type_and_size >> 32);
    if (size == 64)
        return copy_from_user(data, message_data(message), 64) == 0;
    return size == 0 || (size < 64 && copy_from_user(data, message_data(message), size) == 0);
}

// Whole words, the last one with what lies behind it in the kernel's own buffer.
ALWAYS_INLINE void copy_words(void *to, const void *from, uint32_t size) {
    if (size == 64) {
        __builtin_memcpy_inline(to, from, 64);
        return;
    }
    for (uint32_t i = 0; i < size; i += 8)
        __builtin_memcpy_inline((uint8_t *)to + i, (const uint8_t *)from + i, 8);
}

static void fill_inbox(struct fipc_thread *receiver, struct send_right *right, struct fipc_call *call,
                       uint64_t type_and_size) {
    struct taken *inbox = &receiver->inbox;
    inbox->badge = right->badge;
    inbox->type = (uint32_t)type_and_size;
    inbox->size = (uint32_t)(type_and_size >> 32);
    inbox->handle_count = 0;
    inbox->flags = FIPC_CALL;
    inbox->block = nullptr;
    inbox->right = right;
    inbox->call = call;
    inbox->direct = true;
    copy_words(inbox->data, call->data, inbox->size);
    receiver->delivered = true;
}

// As if the receiver had taken the call.
static void begin_taken(struct fipc_call *call, struct fipc_slot *slot) {
    uint64_t state = ((atomic_load_explicit(&call->state, memory_order_relaxed) | CALL_PHASES) + 1) | CALL_TAKEN;
    call->queued = nullptr;
    call->flight = false;
    call->slot = slot;
    slot->state = state;
    atomic_store_explicit(&slot->call, call, memory_order_relaxed);
    atomic_store_explicit(&call->state, state, memory_order_release);
}

// A claimed receiver has the message; null: the slow path must be taken.
static struct thread *hand_message(struct send_right *right, struct fipc_call *call, uint64_t type_and_size) {
    struct port *port = right->port;
    struct thread *next = nullptr;
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_lock(&port->lock);
    struct fipc_thread *receiver = LIST_FIRST(&port->receivers, struct fipc_thread, receive_node);
    if (LIKELY(!list_is_empty(&port->receivers) && receiver->room >= type_and_size >> 32 && !right->once &&
               !thread_wait_is_over() && thread_claim(receiver->thread))) {
        // The point of no return.
        next = receiver->thread;
        list_remove(&receiver->receive_node);
        fill_inbox(receiver, right, call, type_and_size);
        begin_taken(call, &receiver->held);
    }
    spin_unlock(&port->lock);
    if (UNLIKELY(!next))
        thread_cancel_block();
    return next;
}

long fast_call(struct send_right *right, const void __user *message, void __user *reply, size_t room) {
    struct thread *thread = thread_current();
    struct fipc_thread *self = thread->fipc;
    struct small_header header;
    uint32_t handle_room = 0;
    if (UNLIKELY(!self) || room - HEADER_SIZE > self->call.capacity || !read_small(message, &header, self->call.data) ||
        header.count_and_flags != 0)
        return NOT_FAST;
    if (reply != message &&
        (get_user(handle_room, &((struct fipc_message __user *)reply)->handle_count) != 0 || handle_room != 0))
        return NOT_FAST;
    struct fipc_call *call = &self->call;
    struct thread *next = hand_message(right, call, header.type_and_size);
    if (UNLIKELY(!next))
        return NOT_FAST;
    call->room = (uint32_t)(room - HEADER_SIZE);
    call->handle_room = 0;
    if (UNLIKELY(thread->level > next->level))
        sched_donate(next, thread->level);
    status_t status = thread_switch_to(next);
    if (UNLIKELY(call_phase(call) != CALL_DONE))
        status = call_end(right, call, NSEC_NEVER, status);
    else
        status = 0;
    if (UNLIKELY(status != 0))
        return status;
    struct answer answer = {.message = reply};
    return deliver_answer(call, &answer);
}

// Gives the answer; null: the slow path must be taken.
static struct thread *hand_reply(struct fipc_thread *self, struct port *port, uint64_t type_and_size,
                                 const void *data) {
    struct fipc_call *call = atomic_load_explicit(&self->held.call, memory_order_relaxed);
    struct thread *caller = nullptr;
    uint32_t size = (uint32_t)(type_and_size >> 32);
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_lock(&port->lock);
    if (LIKELY(call != nullptr && call != SLOT_GONE && turns_are_empty(&port->turns) && !thread_wait_is_over() &&
               call_seize(call, self->held.state))) {
        // The point of no return.
        caller = call->thread;
        atomic_store_explicit(&self->held.call, nullptr, memory_order_relaxed);
        call->status = LIKELY(size <= call->room) ? 0 : -EMSGSIZE;
        call->type = (uint32_t)type_and_size;
        call->size = size;
        call->handle_count = 0;
        if (LIKELY(call->status == 0))
            copy_words(call->reply, data, size);
        atomic_store_explicit(&call->state, self->held.state - CALL_TAKEN + CALL_DONE, memory_order_release);
        receive_begin_locked(port, self);
    }
    spin_unlock(&port->lock);
    if (UNLIKELY(!caller))
        thread_cancel_block();
    return caller;
}

long fast_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room) {
    struct thread *thread = thread_current();
    struct fipc_thread *self = thread->fipc;
    struct small_header header;
    uint64_t data[FIPC_FAST_MAX / 8];
    if (UNLIKELY(!self) || !read_small(reply, &header, data) || header.count_and_flags != 0)
        return NOT_FAST;
    self->room = (uint32_t)MIN(room - HEADER_SIZE, (size_t)FIPC_INLINE_MAX);
    rcu_read_lock();
    struct thread *caller = hand_reply(self, port, header.type_and_size, data);
    bool claimed = caller && thread_claim(caller);
    if (caller && !claimed)
        thread_wake(caller);
    rcu_read_unlock();
    if (UNLIKELY(!caller))
        return NOT_FAST;
    if (UNLIKELY(thread->donated_level != 0))
        sched_donate(thread, 0);
    status_t status = LIKELY(claimed) ? thread_switch_to(caller) : thread_block(NSEC_NEVER);
    if (LIKELY(status == 0 && self->delivered))
        return deliver(port, self, &self->inbox, message);
    spin_lock(&port->lock);
    status = receive_end_locked(port, self, status);
    spin_unlock(&port->lock);
    if (status == 0 && self->delivered)
        return deliver(port, self, &self->inbox, message);
    if (status == 0)
        status = port_receive(port, message, room, NSEC_NEVER);
    return status;
}
