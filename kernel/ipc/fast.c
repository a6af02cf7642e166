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
#include "ipc_priv.h"

#include <abi/syscall_table.h>
#include <lib/string.h>
#include <sched/rcu.h>
#include <sched/sched.h>

ALWAYS_INLINE uint32_t size_of(type_and_size what) {
    return (uint32_t)(what >> 32);
}

// Header and data of a message in user memory, with the window to it open once. False: no such message, one close to
// the end of user space, or a fault that stays one; the slow path tells them apart.
#define PACKET_MAX (HEADER_SIZE + FIPC_FAST_MAX)
#define LOAD(word, at, offset) ARCH_USER_LOAD(ARCH_USER_64, word, at, offset, bad)
#define STORE(word, at, offset) ARCH_USER_STORE(ARCH_USER_64, word, at, offset, bad)
#define FIRST_HALF(ACCESS)       \
    do {                         \
        ACCESS(data[0], at, 32); \
        ACCESS(data[1], at, 40); \
        ACCESS(data[2], at, 48); \
        ACCESS(data[3], at, 56); \
    } while (0)
#define SECOND_HALF(ACCESS)      \
    do {                         \
        ACCESS(data[4], at, 64); \
        ACCESS(data[5], at, 72); \
        ACCESS(data[6], at, 80); \
        ACCESS(data[7], at, 88); \
    } while (0)

// One that may go this way: no handles, no flags, little data.
ALWAYS_INLINE bool read_small(const void __user *message, type_and_size *what, uint64_t *data) {
    uintptr_t at = (uintptr_t)message;
    type_and_size head;
    uint64_t count_and_flags;
    if (UNLIKELY(ARCH_USER_REFUSES(at, PACKET_MAX)))
        return false;
    ARCH_USER_OPEN;
    LOAD(head, at, 0);
    LOAD(count_and_flags, at, 24);
    uint32_t size = size_of(head);
    if (LIKELY(size == 64) || LIKELY(size == 32)) {
        FIRST_HALF(LOAD);
        if (LIKELY(size == 64))
            SECOND_HALF(LOAD);
        size = 0;
    }
    ARCH_USER_CLOSE;
    *what = head;
    return LIKELY(count_and_flags == 0) &&
           (LIKELY(size == 0) || (size < 64 && copy_from_user(data, message_data(message), size) == 0));
bad:
    return false;
}

// badge: null: an answer, which has none.
ALWAYS_INLINE bool write_small(void __user *message, type_and_size what, const uint64_t *badge,
                               uint64_t count_and_flags, const uint64_t *data) {
    uintptr_t at = (uintptr_t)message;
    uint32_t size = size_of(what);
    if (UNLIKELY(ARCH_USER_REFUSES(at, PACKET_MAX)))
        return false;
    ARCH_USER_OPEN;
    STORE(what, at, 0);
    if (badge)
        STORE(*badge, at, 8);
    STORE(count_and_flags, at, 24);
    if (LIKELY(size == 64) || LIKELY(size == 32)) {
        FIRST_HALF(STORE);
        if (LIKELY(size == 64))
            SECOND_HALF(STORE);
        size = 0;
    }
    ARCH_USER_CLOSE;
    return LIKELY(size == 0) || copy_to_user((uint8_t __user *)message + HEADER_SIZE, data, size) == 0;
bad:
    return false;
}

// Between kernel buffers, whole words: what lies behind the last byte is the sender's own.
ALWAYS_INLINE void copy_small(void *to, const void *from, uint32_t size) {
    if (LIKELY(size == 64)) {
        __builtin_memcpy_inline(to, from, 64);
        return;
    }
    if (LIKELY(size == 32)) {
        __builtin_memcpy_inline(to, from, 32);
        return;
    }
    for (uint32_t i = 0; i < size; i += 8)
        __builtin_memcpy_inline((uint8_t *)to + i, (const uint8_t *)from + i, 8);
}

// As if the receiver had taken the call.
ALWAYS_INLINE void begin_taken(struct fipc_call *call, struct fipc_slot *slot) {
    uint64_t state = ((atomic_load_explicit(&call->state, memory_order_relaxed) | CALL_PHASES) + 1) | CALL_TAKEN;
    call->slot = slot;
    slot->state = state;
    atomic_store_explicit(&slot->call, call, memory_order_relaxed);
    atomic_store_explicit(&call->state, state, memory_order_release);
}

// A claimed receiver has the message; null: the slow path must be taken.
ALWAYS_INLINE struct thread *hand_message(struct thread *self, struct send_right *right, struct fipc_call *call,
                                          type_and_size what) {
    struct port *port = right->port;
    struct thread *next = nullptr;
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_lock(&port->lock);
    struct fipc_thread *receiver = LIST_FIRST(&port->receivers, struct fipc_thread, receive_node);
    if (LIKELY(!list_is_empty(&port->receivers)) && LIKELY(receiver->room >= size_of(what)) && LIKELY(!right->once) &&
        LIKELY(!atomic_load_explicit(&self->interrupted, memory_order_seq_cst)) &&
        LIKELY(thread_claim(receiver->thread))) {
        // The point of no return.
        next = receiver->thread;
        list_remove(&receiver->receive_node);
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

static NOINLINE long finish_call(struct send_right *right, struct fipc_call *call, status_t status,
                                 void __user *reply) {
    struct answer answer = {.message = reply};
    status = call_end(right, call, NSEC_NEVER, status);
    return status != 0 ? status : deliver_answer(call, &answer);
}

ALWAYS_INLINE long try_call(struct send_right *right, const void __user *message, void __user *reply, size_t room) {
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
    struct thread *next = hand_message(thread, right, call, what);
    if (UNLIKELY(!next)) {
        thread_cancel_block();
        return NOT_FAST;
    }
    status_t status = thread_switch_to(next);
    if (LIKELY(call_phase(call) == CALL_DONE) && LIKELY((call->status | (int)call->handle_count) == 0) &&
        LIKELY(write_small(reply, call->what, nullptr, 0, (const uint64_t *)(const void *)call->reply)))
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

ALWAYS_INLINE long try_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room) {
    struct thread *thread = thread_current();
    struct fipc_thread *self = thread->fipc;
    type_and_size what;
    uint64_t data[FIPC_FAST_MAX / 8];
    if (UNLIKELY(!self) || UNLIKELY(!read_small(reply, &what, data)))
        return NOT_FAST;
    self->room = (uint32_t)MIN(room - HEADER_SIZE, (size_t)FIPC_INLINE_MAX);
    rcu_read_lock(); // the caller may have given up and ended
    struct thread *caller = hand_reply(thread, self, port, what, data);
    bool claimed = LIKELY(caller != nullptr) && thread_claim(caller);
    if (UNLIKELY(caller && !claimed))
        thread_wake(caller);
    rcu_read_unlock();
    if (UNLIKELY(!caller)) {
        thread_cancel_block();
        return NOT_FAST;
    }
    status_t status = LIKELY(claimed) ? thread_switch_to(caller) : thread_block(NSEC_NEVER);
    const struct inbox *inbox = &self->inbox;
    if (LIKELY(inbox->right != nullptr) &&
        LIKELY(write_small(message, inbox->what, &inbox->badge, (uint64_t)FIPC_CALL << 32, inbox->data)))
        return 0;
    return go_on_receiving(self, port, message, room, status);
}

// ---------------------------------------------------------------- from an object that was looked up, and from a handle

long fast_call(struct send_right *right, const void __user *message, void __user *reply, size_t room) {
    return try_call(right, message, reply, room);
}

long sys_fipc_call(int handle, const void __user *message, void __user *reply, size_t room, int64_t deadline) {
    struct object *object = handle_borrow(handle, RIGHT_SEND, &send_right_ops);
    if (LIKELY(object != nullptr) && LIKELY(deadline == FIPC_FOREVER) && LIKELY(room >= HEADER_SIZE)) {
        long result = try_call(right_of(object), message, reply, room);
        if (LIKELY(result != NOT_FAST))
            return result;
    }
    return general_call(handle, message, reply, room, deadline);
}

long fast_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room) {
    return try_reply_recv(reply, port, message, room);
}

long sys_fipc_reply_recv(const void __user *reply, int handle, void __user *message, size_t room, int64_t deadline) {
    struct object *object = handle_borrow(handle, RIGHT_RECEIVE, &port_ops);
    if (LIKELY(object != nullptr) && LIKELY(deadline == FIPC_FOREVER) && LIKELY(room >= HEADER_SIZE)) {
        long result = try_reply_recv(reply, port_of(object), message, room);
        if (LIKELY(result != NOT_FAST))
            return result;
    }
    return general_reply_recv(reply, handle, message, room, deadline);
}
