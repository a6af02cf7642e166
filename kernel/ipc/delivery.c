// SPDX-License-Identifier: MPL-2.0
// The last step: a message goes into the receiver's memory and its handles into the receiver's table. If any of that
// fails, none of it counts, and the message is the next one again.
//
// Numbers for the handles are reserved, data and numbers copied out, and only then the handles put at the numbers,
// which cannot fail.
#include "packet.h"

#include <lib/string.h>

status_t handle_room_from_user(const void __user *message, uint64_t *array, uint32_t *room) {
    const struct fipc_message __user *header = message;
    if (get_user(*array, &header->handles) != 0 || get_user(*room, &header->handle_count) != 0)
        return -EFAULT;
    *room = MIN(*room, (uint32_t)FIPC_HANDLES_MAX);
    return 0;
}

void arrival_cancel(struct arrival *arrival, uint32_t from) {
    for (uint32_t i = from; i < arrival->count; i++)
        handle_unreserve(arrival->numbers[i]);
    arrival->count = MIN(arrival->count, from);
}

status_t arrival_reserve(struct arrival *arrival, uint32_t count) {
    arrival->count = 0;
    while (arrival->count < count) {
        int number = handle_reserve(HANDLE_CLOEXEC);
        if (number < 0) {
            arrival_cancel(arrival, 0);
            return number;
        }
        arrival->numbers[arrival->count++] = number;
    }
    return 0;
}

status_t arrival_announce(const struct arrival *arrival, const struct message_handle *handles, uint32_t count,
                          uint64_t array) {
    for (uint32_t i = 0; i < count; i++) {
        struct fipc_handle entry = {
            .handle = arrival->numbers[i], .rights = handles[i].rights, .type = handles[i].object->ops->type};
        if (copy_to_user((struct fipc_handle __user *)array + i, &entry, sizeof entry) != 0)
            return -EFAULT;
    }
    return 0;
}

void arrival_install(struct arrival *arrival, struct message_handle *handles, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        handle_adopt(arrival->numbers[i], handles[i].object, handles[i].rights);
}

// Data and header; `handles` of the receiver's header stays as it is.
static status_t copy_out(const struct taken *taken, const void *data, void __user *message) {
    struct fipc_message __user *header = message;
    uint64_t type_and_size = taken->type | (uint64_t)taken->size << 32;
    uint64_t count_and_flags = taken->handle_count | (uint64_t)taken->flags << 32;
    if (LIKELY(taken->size <= FIPC_FAST_MAX) &&
        LIKELY(write_small(message, type_and_size, taken->badge, count_and_flags, data)))
        return 0;
    if (taken->size > 0 && copy_to_user((uint8_t __user *)message + HEADER_SIZE, data, taken->size) != 0)
        return -EFAULT;
    if (put_user(type_and_size, (uint64_t __user *)&header->type) != 0 || put_user(taken->badge, &header->badge) != 0 ||
        put_user(count_and_flags, (uint64_t __user *)&header->handle_count) != 0)
        return -EFAULT;
    return 0;
}

// The message could not be delivered: it is the next one of its sender again, or nobody's if the port or its caller are
// gone.
static void put_back(struct port *port, struct fipc_thread *self, struct taken *taken) {
    struct message *message = taken->block;
    struct fipc_call *call = taken->call;
    struct fipc_thread *next = nullptr;
    bool lost = false;
    bool locked = message && message_departs(port, message);
    spin_lock(&port->lock);
    if (call)
        lost = !call_put_back_locked(&self->held, taken);
    if (call && !lost && !message)
        message = &call->message;
    if (!call && !message)
        message = &taken->right->note;
    if (!lost && port->closed) {
        lost = !call;
        if (call)
            call_fail_locked(call, -EPIPE);
    } else if (!lost) {
        port_put_back_locked(port, taken->right, message);
        next = port_pop_receiver_locked(port);
    }
    if (next)
        thread_wake(next->thread);
    server_work_locked(port, self, nullptr);
    port_lend_locked(port);
    spin_unlock(&port->lock);
    message_departed(locked);
    if (lost && taken->block) {
        message_free(taken->block);
        flight_collect(nullptr);
    }
}

static status_t deliver_handles(struct taken *taken, const void __user *message, struct arrival *arrival) {
    uint64_t array;
    uint32_t room;
    status_t status = handle_room_from_user(message, &array, &room);
    if (status == 0 && room < taken->handle_count)
        status = -EMSGSIZE; // it has shrunk since we looked
    if (status == 0)
        status = arrival_reserve(arrival, taken->handle_count);
    if (status == 0)
        status = arrival_announce(arrival, taken->block->handles, taken->handle_count, array);
    return status;
}

long deliver(struct port *port, struct fipc_thread *self, struct taken *taken, void __user *message) {
    struct arrival arrival = {};
    status_t status = taken->handle_count > 0 ? deliver_handles(taken, message, &arrival) : 0;
    const void *data = taken->block ? taken->block->data : taken->data;
    if (self->words)
        words_out(taken->badge, taken->type, data, taken->size); // there are no handles, and it cannot fail
    else if (status == 0)
        status = copy_out(taken, data, message);
    if (UNLIKELY(status != 0)) {
        arrival_cancel(&arrival, 0);
        put_back(port, self, taken);
    } else if (taken->block) {
        arrival_install(&arrival, taken->block->handles, arrival.count);
        message_end(taken->block);
    }
    if (!taken->direct)
        object_put(&taken->right->object);
    return status == 0 && self->words ? (long)taken->flags : status;
}

// Also if the short way (fast.c) failed: then the message goes back.
long deliver_inbox(struct port *port, struct fipc_thread *self, void __user *message) {
    struct inbox *inbox = &self->inbox;
    struct taken taken = {.badge = inbox->badge,
                          .type = (uint32_t)inbox->what,
                          .size = (uint32_t)(inbox->what >> 32),
                          .flags = FIPC_CALL,
                          .right = inbox->right,
                          .call = atomic_load_explicit(&self->held.call, memory_order_relaxed),
                          .direct = true};
    memcpy(taken.data, inbox->data, sizeof inbox->data);
    inbox->right = nullptr;
    return deliver(port, self, &taken, message);
}

long deliver_answer(struct fipc_call *call, struct answer *answer) {
    struct taken taken = {.type = call->type, .size = call->size, .handle_count = call->handle_count};
    status_t status = call->status;
    if (status == 0 && call->handle_count > 0)
        status = arrival_announce(&answer->arrival, call->handles, call->handle_count, answer->array);
    if (status == 0)
        status = copy_out(&taken, call->reply, answer->message);
    if (UNLIKELY(status != 0)) {
        handles_drop(call->handles, call->handle_count);
        arrival_cancel(&answer->arrival, 0);
    } else {
        arrival_install(&answer->arrival, call->handles, call->handle_count);
        arrival_cancel(&answer->arrival, call->handle_count);
    }
    call->handle_count = 0;
    return status;
}
