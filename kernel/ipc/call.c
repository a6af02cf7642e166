// SPDX-License-Identifier: MPL-2.0
// Calls: a message that a thread sends, and then it sleeps until the answer is there.
//
// The state of a call is one word, a generation and a phase:
//
//   IDLE -> QUEUED -> TAKEN -> BUSY -> DONE -> IDLE (the next generation)
//              \________\________________/
//
// (The straight path, straight.c, needs no exchange, and leaves the call TAKEN in the end: its slot is empty.)
//
// QUEUED: in the port's queue; changed under port->lock. TAKEN: a receiver has it in a slot. Whoever wants to answer,
// or to move it to another slot, makes it BUSY first, by compare-and-exchange, for some instructions in which nobody
// sleeps; a caller that gives up makes it IDLE, also by compare-and-exchange. One of the two wins, so the caller gets
// an answer or an error, never both and never neither.
//
//   receiver                                  caller
//   slot.call, not null                       a signal: state TAKEN -> IDLE
//   state TAKEN -> BUSY: fails, -EPIPE        slot.call -> SLOT_GONE, if it still is this call
//
// The receiver may look at a call whose caller has given up and ended since: the memory of both threads stays until an
// RCU grace period has passed, and neither blocks between its look and its exchange. If the caller has begun another
// call meanwhile, the generation differs.
//
// Signals. A call that nobody has taken yet is withdrawn, and made again after the handler as Linux's rules say
// (-ERESTARTSYS). One that was taken must not be made twice: it fails with -EINTR if the signal kills or its handler
// has no SA_RESTART; any other signal is handled when the answer is there.
#include "ipc_priv.h"

#include <lib/string.h>
#include <sched/rcu.h>
#include <sched/sched.h>

static void set_phase(struct fipc_call *call, enum call_phase phase) {
    uint64_t state = atomic_load_explicit(&call->state, memory_order_relaxed);
    atomic_store_explicit(&call->state, (state & ~(uint64_t)CALL_PHASES) | phase, memory_order_release);
}

static bool exchange(struct fipc_call *call, uint64_t from, enum call_phase to) {
    return atomic_compare_exchange_strong_explicit(&call->state, &from, (from & ~(uint64_t)CALL_PHASES) | to,
                                                   memory_order_acq_rel, memory_order_relaxed);
}

void call_take_locked(struct fipc_call *call, struct fipc_slot *slot) {
    call->slot = slot;
    call->queued = nullptr; // a block is the receiver's now
    set_phase(call, CALL_TAKEN);
    slot->state = atomic_load_explicit(&call->state, memory_order_relaxed);
    atomic_store_explicit(&slot->call, call, memory_order_release);
}

// Empties the slot and makes its call BUSY.
static status_t seize(struct fipc_slot *slot, struct fipc_call **out) {
    struct fipc_call *call = atomic_load_explicit(&slot->call, memory_order_acquire);
    if (!call)
        return -EBADF;
    bool mine = call != SLOT_GONE && exchange(call, slot->state, CALL_BUSY);
    atomic_store_explicit(&slot->call, nullptr, memory_order_relaxed);
    *out = call;
    return mine ? 0 : -EPIPE;
}

bool call_put_back_locked(struct fipc_slot *slot, const struct taken *taken) {
    struct fipc_call *call;
    if (seize(slot, &call) != 0)
        return false;
    call->queued = taken->block ? taken->block : &call->message;
    if (!taken->block) { // it is the caller's own again
        call->message = (struct message){
            .type = taken->type, .size = taken->size, .flags = taken->flags, .call = call, .data = call->data};
        memcpy(call->data, taken->data, taken->size);
    }
    set_phase(call, CALL_QUEUED);
    return true;
}

void call_fail_locked(struct fipc_call *call, status_t status) {
    struct thread *thread = call->thread;
    call->status = status;
    call->size = call->handle_count = 0;
    set_phase(call, CALL_DONE);
    thread_wake(thread);
}

static void fill(struct fipc_call *call, const struct reply *reply) {
    call->status = reply->status;
    call->type = reply->type;
    call->size = reply->size;
    call->handle_count = 0;
    if (reply->status != 0)
        return;
    if (reply->size > call->room || reply->handle_count > call->handle_room) {
        call->status = -EMSGSIZE; // the caller's fault: the receiver does not hear of it
        return;
    }
    memcpy(call->reply, reply->data, reply->size);
    memcpy(call->handles, reply->handles, reply->handle_count * sizeof *reply->handles);
    call->handle_count = reply->handle_count;
}

status_t call_reply(struct fipc_slot *slot, const struct reply *reply, struct thread **caller) {
    struct fipc_call *call;
    status_t status = seize(slot, &call);
    if (status != 0)
        return status;
    *caller = call->thread;
    fill(call, reply);
    bool dropped = reply->handle_count != call->handle_count;
    set_phase(call, CALL_DONE);
    return dropped ? -EMSGSIZE : 0;
}

void call_drop(struct fipc_slot *slot) {
    if (!atomic_load_explicit(&slot->call, memory_order_relaxed))
        return;
    struct thread *caller;
    rcu_read_lock();
    if (call_reply(slot, &(struct reply){.status = -EPIPE}, &caller) == 0)
        thread_wake(caller);
    rcu_read_unlock();
}

bool call_move(struct fipc_slot *from, struct fipc_slot *to) {
    struct fipc_call *call;
    uint64_t state = from->state;
    rcu_read_lock();
    bool mine = seize(from, &call) == 0;
    if (mine) {
        call->slot = to;
        to->state = state;
        atomic_store_explicit(&to->call, call, memory_order_relaxed);
        set_phase(call, CALL_TAKEN);
    }
    rcu_read_unlock();
    return mine;
}

// ---------------------------------------------------------------- the caller's side

// Out of the queue again. False: it is not there any more.
static bool withdraw(struct send_right *right, struct fipc_call *call) {
    struct port *port = right->port;
    if (call->flight)
        flight_lock();
    spin_lock(&port->lock);
    bool queued = call_phase(call) == CALL_QUEUED;
    if (queued) {
        port_remove_locked(port, call->queued);
        port_lend_locked(port);
        set_phase(call, CALL_IDLE);
    }
    spin_unlock(&port->lock);
    if (call->flight)
        flight_unlock();
    return queued;
}

// Away from the receiver that has taken it. False: it is being answered just now, or was.
static bool give_up(struct fipc_call *call) {
    uint64_t state = atomic_load_explicit(&call->state, memory_order_acquire);
    bool gone = false;
    rcu_read_lock();
    if ((state & CALL_PHASES) == CALL_TAKEN && exchange(call, state, CALL_IDLE)) {
        struct fipc_call *held = call;
        atomic_compare_exchange_strong_explicit(&call->slot->call, &held, SLOT_GONE, memory_order_release,
                                                memory_order_relaxed);
        gone = true;
    }
    rcu_read_unlock();
    return gone;
}

// Must the wait for the answer end? New signals interrupt it again.
static bool interrupted_for_good(const struct fipc_call *call) {
    if (call->patience == CALL_ANY_SIGNAL)
        return true;
    thread_clear_interrupt(thread_current());
    atomic_thread_fence(memory_order_seq_cst);
    if (thread_is_killed() || call->patience == CALL_KILL_ONLY)
        return thread_is_killed();
    return fipc_hooks->signal_ends_call();
}

status_t call_end(struct send_right *right, struct fipc_call *call, nsec_t deadline, status_t status) {
    while (call_phase(call) != CALL_DONE) {
        if (status != 0 && withdraw(right, call))
            return status == -EINTR ? -ERESTARTSYS : status;
        if (status == -EINTR ? interrupted_for_good(call) : status != 0) {
            if (give_up(call))
                return status;
        }
        thread_prepare_block(WAIT_INTERRUPTIBLE);
        if (call_phase(call) == CALL_DONE)
            thread_cancel_block();
        else
            status = thread_block(deadline);
    }
    return 0;
}

// The turns are the calling job's, unless another's messages are queued by the same right. False: no memory.
static bool take_turns_as_caller(struct send_right *right) {
    struct memory_account *account = sending_account();
    return LIKELY(right->memory.account == account) || !sender_is_idle(&right->sender) ||
           right_change_user(right, account);
}

// Puts the call into the queue; *receiver: to be woken, or null.
static status_t enqueue(struct send_right *right, struct fipc_call *call, struct fipc_thread **receiver) {
    struct port *port = right->port;
    struct message *message = call->queued;
    call->flight = message->has_flight;
    bool locked = message_departs(port, message);
    spin_lock(&port->lock);
    status_t status = port->closed                  ? -EPIPE
                      : right->once && right->used  ? -EBADF
                      : take_turns_as_caller(right) ? 0
                                                    : -ENOMEM;
    if (status == 0) {
        uint64_t state = atomic_load_explicit(&call->state, memory_order_relaxed);
        right->used = true;
        call->level = call->thread->level;
        call->landing = nullptr;
        call->queued->call = call;
        call->queued->flags = FIPC_CALL | (call->queued->flags & FIPC_NOTE);
        atomic_store_explicit(&call->state, ((state | CALL_PHASES) + 1) | CALL_QUEUED, memory_order_release);
        port_put_locked(port, right, call->queued);
        *receiver = port_pop_receiver_locked(port);
        if (!*receiver)
            port_lend_locked(port);
        else if (UNLIKELY((*receiver)->thread->level < call->level))
            server_work_locked(port, *receiver, call); // or it might not get to run for it
        thread_prepare_block(WAIT_INTERRUPTIBLE);
    }
    spin_unlock(&port->lock);
    message_departed(locked);
    return status;
}

status_t call_wait(struct send_right *right, struct fipc_call *call, nsec_t deadline) {
    struct fipc_thread *receiver = nullptr;
    if (deadline <= 0)
        return -EAGAIN; // there is always something to wait for
    rcu_read_lock();
    status_t status = enqueue(right, call, &receiver);
    struct thread *next = receiver ? receiver->thread : nullptr;
    rcu_read_unlock();
    if (status != 0)
        return status;
    if (next) // its memory stays while this thread does not block
        status = thread_handoff(next, deadline);
    else
        status = thread_block(deadline);
    return call_end(right, call, deadline, status);
}
