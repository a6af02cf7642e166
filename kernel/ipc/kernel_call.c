// SPDX-License-Identifier: MPL-2.0
// Calls of the kernel with more data than FIPC_FAST_MAX, for system calls that a server answers, and what the kernel
// tells such a server besides.
#include "ipc_priv.h"

#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/rcu.h>

// A block with room for data of this size.
static struct message *block_create(uint32_t type, uint32_t size) {
    struct message *message = kmalloc_charged(sizeof *message + size);
    if (!message)
        return nullptr;
    *message = (struct message){.type = type, .size = size};
    message->handles = (void *)(message + 1);
    message->data = message + 1;
    list_init(&message->queued.node);
    return message;
}

struct message *port_request_create(uint32_t type, uint32_t size, void **data) {
    struct message *message = block_create(type, size);
    if (message)
        *data = message->data;
    return message;
}

void port_request_free(struct message *request) {
    message_end(request);
}

status_t port_request(struct object *right, struct message *request, struct port_answer *answer) {
    struct fipc_thread *self = fipc_thread_current();
    status_t status = self ? call_reply_room(&self->call, answer->room) : -ENOMEM;
    if (status != 0) {
        message_end(request);
        return status;
    }
    struct fipc_call *call = &self->call;
    call->handle_room = 0;
    call->queued = request;
    call->patience = answer->waits ? CALL_ANY_SIGNAL : CALL_KILL_ONLY;
    status = call_wait(right_of(right), call, NSEC_NEVER);
    call->patience = CALL_BY_HANDLER;
    if (call->queued)
        message_end(request); // nobody has taken it
    if (status == 0)
        status = call->status;
    answer->type = call->type;
    answer->size = status == 0 ? call->size : 0;
    answer->data = call->reply;
    return status;
}

status_t port_notify(struct object *object, uint32_t type, const void *data, uint32_t size) {
    struct send_right *right = right_of(object);
    struct port *port = right->port;
    struct message *message = block_create(type, size);
    if (!message)
        return -ENOMEM;
    memcpy(message->data, data, size);
    spin_lock(&port->lock);
    bool open = !port->closed;
    if (open) {
        port_put_locked(port, right, message);
        struct fipc_thread *receiver = port_pop_receiver_locked(port);
        if (receiver)
            thread_wake(receiver->thread);
    }
    spin_unlock(&port->lock);
    if (!open)
        message_end(message);
    return open ? 0 : -EPIPE;
}

uint32_t port_queued(struct object *object) {
    struct send_right *right = right_of(object);
    spin_lock(&right->port->lock);
    uint32_t count = right->sender.credit.messages;
    spin_unlock(&right->port->lock);
    return count;
}

void port_withdraw(struct object *object) {
    struct send_right *right = right_of(object);
    struct list_node dead = LIST_INIT(dead);
    spin_lock(&right->port->lock);
    while (!sender_is_idle(&right->sender)) {
        struct queued *queued = LIST_ENTRY(right->sender.messages.next, struct queued, node);
        struct message *message = CONTAINER_OF(queued, struct message, queued);
        port_remove_locked(right->port, message);
        list_push_back(&dead, &message->queued.node);
    }
    spin_unlock(&right->port->lock);
    messages_free(&dead);
}

status_t port_get(int handle, struct object **out) {
    struct handle_ref ref;
    struct port *port;
    status_t status = port_lookup(handle, &ref, &port);
    if (status != 0)
        return status;
    object_get(&port->object);
    handle_release(&ref);
    *out = &port->object;
    return 0;
}

struct object *port_of_handle(int handle) {
    struct object *port;
    return port_get(handle, &port) == 0 ? port : nullptr;
}
