// SPDX-License-Identifier: MPL-2.0
// What the straight calls share, whether their messages lie in memory (straight.c) or in registers (straight_words.c):
// how a thread prepares to sleep, and how the one that is to run is claimed. Interrupts are off in all of these.
#pragma once

#include "packet.h"

#include <abi/syscall_table.h>
#include <lib/assert.h>
#include <sched/handoff.h>
#include <sched/rcu.h>
#include <sched/sched.h>

// As thread_prepare_block. The status is written by who wakes it.
ALWAYS_INLINE void prepare(struct thread *self) {
    self->wait_mode = WAIT_INTERRUPTIBLE;
    atomic_store_explicit(&self->state, THREAD_BLOCKED, memory_order_seq_cst);
}

// A parked receiver, *claimed; null: the slow path must be taken. Whoever is parked IN_MEMORY and asleep
// has a landing.
ALWAYS_INLINE struct fipc_thread *take_receiver(struct thread *thread, struct send_right *right, struct fipc_call *call,
                                                enum parked how, struct thread **claimed) {
    struct port *port = right->port;
    struct fipc_thread *taken = nullptr;
    if (UNLIKELY(!spin_try_lock(&port->lock)))
        return nullptr;
    struct fipc_thread *receiver = port->parked[how];
    if (LIKELY(receiver != nullptr) && LIKELY(!right->once) &&
        LIKELY(atomic_load_explicit(&thread->work, memory_order_seq_cst) == 0)) {
        struct thread *next = receiver->thread;
        if ((how == IN_WORDS || LIKELY(arch_cargo_suits(next))) && LIKELY(thread_take(thread, next))) {
            // The point of no return.
            taken = receiver;
            *claimed = next;
            port->parked[how] = nullptr;
            begin_taken(call, &receiver->held);
            if (UNLIKELY(thread->level > next->level))
                server_work_locked(port, receiver, call);
        }
    }
    spin_unlock(&port->lock);
    return taken;
}

// The caller, *claimed, whose call this thread has taken. It lies down to receive in its turn.
ALWAYS_INLINE struct fipc_call *take_caller(struct thread *thread, struct fipc_thread *self, struct port *port,
                                            enum parked how, struct thread **claimed) {
    struct fipc_call *taken = nullptr;
    if (UNLIKELY(!spin_try_lock(&port->lock)))
        return nullptr;
    rcu_read_lock(); // it may have given up and ended
    struct fipc_call *call = atomic_load_explicit(&self->held.call, memory_order_acquire);
    if (LIKELY((uintptr_t)call > (uintptr_t)SLOT_GONE) && LIKELY(turns_are_empty(&port->turns)) &&
        LIKELY(!port->parked[how]) && LIKELY(atomic_load_explicit(&thread->work, memory_order_seq_cst) == 0) &&
        LIKELY(thread_take(thread, *claimed = call->thread))) {
        if (LIKELY(atomic_load_explicit(&call->state, memory_order_relaxed) == self->held.state)) {
            // The point of no return.
            taken = call;
            atomic_store_explicit(&self->held.call, nullptr, memory_order_relaxed);
            port->parked[how] = self;
            if (UNLIKELY(thread->donated_level != 0))
                server_work_locked(port, self, nullptr);
        } else {
            thread_give_back(*claimed);
        }
    }
    rcu_read_unlock();
    spin_unlock(&port->lock);
    return taken;
}

// May it receive from `port`, which is or was one, by this handle? False may mean: ask handle_lookup.
ALWAYS_INLINE bool may_receive(int handle, const struct port *port) {
    uint64_t entry = handle_near(handle);
    return LIKELY(entry_allows(entry, RIGHT_RECEIVE)) && LIKELY(entry_object(entry) == (const struct object *)port);
}

// All over again, with the arguments from the frame: so nobody has to keep them until here.
ALWAYS_INLINE unsigned long argument(unsigned i) {
    return arch_frame_syscall_arg(arch_thread_frame(thread_current()), i);
}
