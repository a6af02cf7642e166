// SPDX-License-Identifier: MPL-2.0
// Replies from user memory, and reply objects: the right to reply, taken out of the thread (fipc_reply_save) into a
// handle, for servers that answer later. It is used by fipc_send, once; if it is closed unused its caller gets -EPIPE.
#include "ipc_priv.h"

#include <lib/fmt.h>
#include <mm/charged.h>
#include <sched/rcu.h>
#include <sched/sched.h>

struct reply_object {
    struct object object; // first
    struct fipc_slot slot;
};
CHARGED_CACHE(reply_object_cache, struct reply_object);

static struct reply_object *reply_of(struct object *object) {
    return CONTAINER_OF(object, struct reply_object, object);
}

status_t reply_send(struct fipc_slot *slot, const struct reply *reply) {
    struct thread *caller = nullptr;
    rcu_read_lock();
    status_t status = call_reply(slot, reply, &caller);
    if (caller)
        thread_wake_near(caller);
    rcu_read_unlock();
    return status;
}

static status_t reply_with_block(struct fipc_slot *slot, const struct fipc_message *header,
                                 const void __user *message) {
    struct outgoing out;
    status_t status = message_create(header, message_data(message), &out);
    if (status != 0)
        return status;
    struct message *block = out.message;
    struct reply reply = {.type = block->type,
                          .size = block->size,
                          .handle_count = block->handle_count,
                          .data = block->data,
                          .handles = block->handles};
    status = reply_send(slot, &reply);
    if (status == -EBADF || status == -EPIPE) { // it has not gone
        message_return(&out);
        return status;
    }
    message_sent(&out, header->handle_count);
    if (status == -EMSGSIZE) // the caller had no room for handles, which is its own affair
        handles_drop(block->handles, block->handle_count);
    block->handle_count = 0;
    message_free(block);
    return 0;
}

status_t reply_user(struct fipc_slot *slot, const void __user *message) {
    struct fipc_message header;
    uint8_t data[FIPC_FAST_MAX];
    status_t status = reply_header_from_user(&header, message);
    if (status != 0)
        return status;
    if (header.size > FIPC_FAST_MAX || header.handle_count != 0)
        return reply_with_block(slot, &header, message);
    if (copy_from_user(data, message_data(message), header.size) != 0)
        return -EFAULT;
    return reply_send(slot, &(struct reply){.type = header.type, .size = header.size, .data = data});
}

status_t reply_object_send(struct object *object, const void __user *message) {
    status_t status = reply_user(&reply_of(object)->slot, message);
    if (status == 0 || status == -EPIPE)
        object_signal(object, SIGNALS_WRITE, 0);
    return status;
}

static void reply_closed(struct object *object) {
    call_drop(&reply_of(object)->slot);
}

static void reply_destroy(struct object *object) {
    charged_free(&reply_object_cache, reply_of(object));
}

const struct object_ops reply_ops = {
    .type = OBJECT_PORT,
    .name = "reply-right",
    .closed = reply_closed,
    .destroy = reply_destroy,
};

struct object *reply_object_create(void) {
    struct reply_object *reply = charged_alloc_zero(&reply_object_cache);
    if (!reply)
        return nullptr;
    object_init(&reply->object, &reply_ops, SIGNALS_WRITE);
    atomic_store(&reply->object.marks, OBJECT_MARK_RCU); // its caller may look at the slot without a reference
    return &reply->object;
}

bool reply_object_take(struct object *object, struct fipc_thread *self) {
    server_done(self);
    return call_move(&self->held, &reply_of(object)->slot);
}
