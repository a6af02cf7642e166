// SPDX-License-Identifier: MPL-2.0
// Sending without waiting for an answer: until the right and the port have room, then into the queue.
#include "ipc_priv.h"

// The queue to wait in for room; null: there is room. A job of which the port has nothing queued may always have one
// message there, whoever else has filled it: else it would have to wait for all who wait for room already.
static struct wait_queue *shortage(struct port *port, struct send_right *right, uint32_t size) REQUIRES(&port->lock) {
    if (!credit_has(&right->sender.credit, size))
        return &right->senders;
    if (LIKELY(credit_has(&port->credit, size)))
        return nullptr;
    return job_has_queued(port, right, sending_account()) ? &port->senders : nullptr;
}

static status_t wait_for_room(struct port *port, struct send_right *right, uint32_t size, nsec_t deadline)
    REQUIRES(&port->lock) {
    struct wait_queue *queue;
    bool waited = false;
    if (size > right->sender.credit.bytes_max || size > port->credit.bytes_max)
        return -EMSGSIZE;
    while (!port->closed && !(right->once && right->used) && (queue = shortage(port, right, size)) != nullptr) {
        if (deadline <= 0 || deadline <= clock_now())
            return waited ? -ETIMEDOUT : -EAGAIN;
        waited = true;
        status_t status = wait_queue_sleep(queue, &port->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0) {
            wait_queue_wake_one(queue); // what was meant for this one goes to the next
            return status == -EINTR ? -ERESTARTSYS : status;
        }
    }
    return port->closed ? -EPIPE : right->once && right->used ? -EBADF : 0;
}

// As right_pay, which mostly need not be asked.
static bool paid(struct send_right *right, const struct message *message) {
    if (LIKELY(right->held + message_bytes(message) <= right->paid && right->memory.account == sending_account()))
        return true;
    return right_pay(right, message);
}

// Queues it if there is room still. -EAGAIN: there is none, or worse, as wait_for_room says. -ENOMEM: nobody pays.
static status_t put(struct port *port, struct send_right *right, struct message *message) {
    bool locked = message_departs(port, message);
    spin_lock(&port->lock);
    status_t status = port->closed || (right->once && right->used) || shortage(port, right, message->size) ? -EAGAIN
                      : UNLIKELY(!paid(right, message))                                                    ? -ENOMEM
                                                                                                           : 0;
    if (status == 0) {
        right->used = true;
        port_put_locked(port, right, message);
        struct fipc_thread *receiver = port_pop_receiver_locked(port);
        if (receiver)
            thread_wake(receiver->thread);
    }
    spin_unlock(&port->lock);
    message_departed(locked);
    return status;
}

status_t right_send(struct send_right *right, struct message *message, nsec_t deadline) {
    struct port *port = right->port;
    for (;;) {
        status_t status = put(port, right, message);
        if (status != -EAGAIN)
            return status;
        spin_lock(&port->lock);
        status = wait_for_room(port, right, message->size, deadline);
        spin_unlock(&port->lock);
        if (status != 0)
            return status;
    }
}
