// SPDX-License-Identifier: MPL-2.0
// Messages from user memory: a block with the data, and handles taken out of the sender's table.
//
// Everything that may fail comes first. Moved handles leave the table but keep their numbers; when the message has been
// queued the numbers are freed, and if it was not, the handles go back to them: all or nothing.
#include "packet.h"

#include <lib/string.h>
#include <mm/slab.h>
#include <object/rights.h>

static status_t read_header(struct fipc_message *header, const void __user *message, uint32_t size_max) {
    if (copy_from_user(header, message, sizeof *header) != 0)
        return -EFAULT;
    if (header->size > size_max || header->handle_count > FIPC_HANDLES_MAX)
        return -EMSGSIZE;
    return header->flags == 0 ? 0 : -EINVAL;
}

status_t header_from_user(struct fipc_message *header, const void __user *message) {
    return read_header(header, message, FIPC_INLINE_MAX);
}

status_t reply_header_from_user(struct fipc_message *header, const void __user *message) {
    return read_header(header, message, REPLY_MAX);
}

void handles_drop(struct message_handle *handles, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        object_handle_release(handles[i].object);
}

void message_end(struct message *message) {
    flight_land(message->has_flight);
    kfree(message);
}

// A handle in a message may be the last one of a port whose messages hold handles, and so on: dropping one while
// another is being dropped only adds to the list, so that the stack does not grow with the chain.
void messages_free(struct list_node *dead) {
    struct thread *self = thread_current();
    if (self->dead_messages) {
        list_splice_back(self->dead_messages, dead);
        return;
    }
    self->dead_messages = dead;
    struct list_node *node;
    while ((node = list_pop_front(dead)) != nullptr) {
        struct message *message = LIST_ENTRY(node, struct message, queued.node);
        handles_drop(message->handles, message->handle_count);
        message_end(message);
    }
    self->dead_messages = nullptr;
}

void message_free(struct message *message) {
    struct list_node dead = LIST_INIT(dead);
    list_push_back(&dead, &message->queued.node);
    messages_free(&dead);
}

static status_t take_copy(const struct fipc_handle *item, struct message_handle *out) {
    struct handle_ref ref;
    status_t status = handle_lookup(item->handle, RIGHT_TRANSFER | RIGHT_DUPLICATE, &ref);
    if (status != 0)
        return status;
    if (!ref.owned)
        object_handle_acquire(ref.object);
    *out = (struct message_handle){ref.object, handle_rights_left(ref.rights, item->rights)};
    return 0;
}

static status_t take_snapshot(const struct fipc_handle *item, struct message_handle *out) {
    struct handle_ref ref;
    struct object *copy;
    status_t status = handle_lookup(item->handle, RIGHT_TRANSFER | RIGHT_DUPLICATE | RIGHT_READ, &ref);
    if (status != 0)
        return status;
    status = ref.object->ops->snapshot ? ref.object->ops->snapshot(ref.object, &copy) : -EINVAL;
    uint32_t rights = rights_reduce(ref.rights | RIGHT_WRITE, item->rights); // it is the receiver's own
    handle_release(&ref);
    if (status != 0)
        return status;
    object_handle_acquire(copy);
    object_put(copy);
    *out = (struct message_handle){copy, rights};
    return 0;
}

static status_t take_move(const struct fipc_handle *item, struct message_handle *out, uint32_t *rights) {
    struct handle_ref ref;
    status_t status = handle_detach(item->handle, RIGHT_TRANSFER, &ref);
    if (status != 0)
        return status;
    *rights = ref.rights;
    *out = (struct message_handle){ref.object, handle_rights_left(ref.rights, item->rights)};
    return 0;
}

static status_t take_handles(struct outgoing *out, unsigned count) {
    struct message *message = out->message;
    for (unsigned i = 0; i < count; i++) {
        const struct fipc_handle *item = &out->items[i];
        struct message_handle *to = &message->handles[i];
        status_t status = item->operation == FIPC_MOVE            ? take_move(item, to, &out->rights[i])
                          : item->operation == FIPC_COPY          ? take_copy(item, to)
                          : item->operation == FIPC_COPY_ON_WRITE ? take_snapshot(item, to)
                                                                  : -EINVAL;
        if (status != 0)
            return status;
        message->handle_count = i + 1;
        struct flight *flight = object_flight(to->object);
        if (flight)
            flight_depart(flight, &message->has_flight);
    }
    return 0;
}

status_t message_create(const struct fipc_message *header, const void __user *data, struct outgoing *out) {
    size_t handles = header->handle_count * sizeof(struct message_handle);
    struct message *message = kmalloc(sizeof *message + handles + header->size);
    out->message = message;
    if (!message)
        return -ENOMEM;
    *message = (struct message){.type = header->type, .size = header->size, .handles = (void *)(message + 1)};
    message->data = (uint8_t *)(message + 1) + handles;
    list_init(&message->queued.node);
    status_t status = 0;
    if (copy_from_user(message->data, data, header->size) != 0 ||
        copy_from_user(out->items, (const void __user *)header->handles,
                       header->handle_count * sizeof(struct fipc_handle)) != 0)
        status = -EFAULT;
    if (status == 0)
        status = take_handles(out, header->handle_count);
    if (status != 0)
        message_return(out);
    return status;
}

struct message *message_create_small(type_and_size what, const uint64_t *data) {
    uint32_t size = size_of(what);
    struct message *message = kmalloc(sizeof *message + size);
    if (!message)
        return nullptr;
    *message = (struct message){.type = (uint32_t)what, .size = size, .handles = (void *)(message + 1)};
    message->data = (uint8_t *)(message + 1);
    list_init(&message->queued.node);
    if (LIKELY(size == FIPC_FAST_MAX))
        __builtin_memcpy_inline(message->data, data, FIPC_FAST_MAX);
    else
        memcpy(message->data, data, size);
    return message;
}

void message_sent(const struct outgoing *out, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (out->items[i].operation == FIPC_MOVE)
            handle_unreserve(out->items[i].handle);
}

void message_return(struct outgoing *out) {
    struct message *message = out->message;
    for (unsigned i = 0; i < message->handle_count; i++) {
        struct object *object = message->handles[i].object;
        if (out->items[i].operation == FIPC_MOVE)
            handle_reattach(out->items[i].handle, &(struct handle_ref){object, out->rights[i], true});
        else
            object_handle_release(object);
    }
    message_end(message);
}
