// SPDX-License-Identifier: MPL-2.0
// Receiving: the next message of the queue, or sleep among the port's receivers until there is one.
//
// A sender that finds a receiver takes it off the list and wakes it; the receiver then looks into the queue like
// anybody else. A receiver that was taken off and leaves for another reason wakes the next one, so no message lies
// unseen. The fast path (fast.c) puts the message into `inbox` instead.
#include "packet.h"

#include <lib/string.h>
#include <sched/sched.h>

enum take_result { TAKE_NONE, TAKE_OK, TAKE_TOO_LARGE, TAKE_NEEDS_HANDLES, TAKE_NEEDS_FLIGHT };

// What `room` and `handle_room` allow. handle_room ~0: not known yet.
static enum take_result take(struct port *port, struct fipc_thread *self, uint32_t handle_room, bool flight_locked,
                             struct taken *out) REQUIRES(&port->lock) {
    struct queued *queued = queue_peek(&port->turns);
    if (!queued)
        return TAKE_NONE;
    struct message *message = CONTAINER_OF(queued, struct message, queued);
    struct send_right *right = message_right(message);
    struct fipc_call *call = message->call;
    bool small = call && message == &call->message;
    out->type = message->type;
    out->size = message->size;
    out->handle_count = message->handle_count;
    out->flags = message->flags;
    out->badge = right->badge;
    if (message->size > self->room)
        return TAKE_TOO_LARGE;
    if (message->handle_count > 0 && handle_room == ~0u)
        return TAKE_NEEDS_HANDLES;
    if (message->handle_count > handle_room)
        return TAKE_TOO_LARGE;
    if (message->has_flight && !flight_locked)
        return TAKE_NEEDS_FLIGHT;
    out->direct = false;
    out->right = right;
    object_get(&right->object);
    out->block = small || message->flags == FIPC_NOTE ? nullptr : message;
    out->call = call;
    if (small)
        memcpy(out->data, message->data, message->size);
    port_take_locked(port, message);
    if (call)
        call_take_locked(call, &self->held);
    if (call || UNLIKELY(self->thread->donated_level != 0)) // else nothing was lent, and nothing is
        server_work_locked(port, self, call);
    port_lend_locked(port);
    return TAKE_OK;
}

// The room is too small: says what would do, and leaves the message where it is.
static long too_large(const struct fipc_thread *self, const struct taken *taken, void __user *message) {
    struct fipc_message __user *header = message;
    if (self->words)
        return -EMSGSIZE;
    if (put_user(taken->size, &header->size) != 0 || put_user(taken->handle_count, &header->handle_count) != 0)
        return -EFAULT;
    return -EMSGSIZE;
}

void receive_begin_locked(struct port *port, struct fipc_thread *self) {
    self->inbox.right = nullptr;
    self->landing = nullptr;
    list_push_front(&port->receivers, &self->receive_node);
}

status_t receive_end_locked(struct port *port, struct fipc_thread *self, status_t status) {
    bool popped = !is_parked(port, self) && !list_is_linked(&self->receive_node);
    drop_receiver(port, self);
    if (self->inbox.right)
        return 0;
    if (status != 0 && popped && !turns_are_empty(&port->turns)) {
        struct fipc_thread *next = port_pop_receiver_locked(port);
        if (next)
            thread_wake(next->thread);
    }
    return status == -EINTR ? -ERESTARTSYS : status;
}

// Sleeps until there may be a message. 0: look again.
static status_t sleep_for_message(struct port *port, struct fipc_thread *self, nsec_t deadline) REQUIRES(&port->lock) {
    receive_begin_locked(port, self);
    thread_prepare_block(WAIT_INTERRUPTIBLE);
    spin_unlock(&port->lock);
    status_t status = thread_block(deadline);
    spin_lock(&port->lock);
    return receive_end_locked(port, self, status);
}

long port_receive(struct port *port, void __user *message, size_t room, nsec_t deadline) {
    struct fipc_thread *self = fipc_thread_current();
    struct taken taken;
    uint64_t array;
    if (!self)
        return -ENOMEM;
    uint32_t handle_room = self->words ? 0 : ~0u;
    self->room = (uint32_t)MIN(room - HEADER_SIZE, POSIX_DATA_MAX);
    if (UNLIKELY(self->serves != port))
        server_enter(self, port);
    for (;;) {
        status_t status = 0;
        spin_lock(&port->lock);
        enum take_result result = take(port, self, handle_room, false, &taken);
        bool inbox = false;
        if (result == TAKE_NONE) {
            status = deadline <= 0 ? -EAGAIN : sleep_for_message(port, self, deadline);
            inbox = deadline > 0 && self->inbox.right;
        }
        spin_unlock(&port->lock);
        if (UNLIKELY(result == TAKE_NEEDS_FLIGHT)) {
            flight_lock();
            spin_lock(&port->lock);
            result = take(port, self, handle_room, true, &taken);
            spin_unlock(&port->lock);
            flight_unlock();
        }
        if (inbox)
            return deliver_inbox(port, self, message);
        if (status != 0)
            return status;
        if (result == TAKE_OK)
            return deliver(port, self, &taken, message);
        if (result == TAKE_TOO_LARGE)
            return too_large(self, &taken, message);
        if (result == TAKE_NEEDS_HANDLES) {
            status = handle_room_from_user(message, &array, &handle_room);
            if (status != 0)
                return status;
        }
    }
}
