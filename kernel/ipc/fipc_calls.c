// SPDX-License-Identifier: MPL-2.0
// The calls of FIPC: fipc_send, fipc_recv, fipc_reply, fipc_reply_save, and the slow halves of fipc_call and
// fipc_reply_recv, which begin in fast.c. docs/ipc.md has
// their meaning. Buffers are a header and data behind it; `room` counts both.
#include "packet.h"

#include <abi/native.h>
#include <abi/syscall_table.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/sched.h>

static struct slab_cache fipc_thread_cache =
    SLAB_CACHE_INIT(fipc_thread_cache, "struct fipc_thread", sizeof(struct fipc_thread), alignof(struct fipc_thread));

struct fipc_thread *fipc_thread_make(void) {
    struct fipc_thread *self = slab_alloc_zero(&fipc_thread_cache);
    if (!self)
        return nullptr;
    self->thread = self->call.thread = thread_current();
    self->call.reply = self->call.data;
    self->call.capacity = FIPC_FAST_MAX;
    list_init(&self->receive_node);
    list_init(&self->serve_node);
    thread_current()->fipc = self;
    thread_current()->continuation = fipc_continue;
    return self;
}

void fipc_thread_free(struct fipc_thread *state) {
    if (!state)
        return;
    if (state->call.reply != state->call.data)
        kfree(state->call.reply);
    slab_free(&fipc_thread_cache, state);
}

void fipc_thread_leave(void) {
    struct fipc_thread *self = thread_current()->fipc;
    if (!self)
        return;
    call_drop(&self->held);
    server_leave(self);
}

void fipc_drop_held(struct fipc_thread *self) {
    server_done(self);
    call_drop(&self->held);
}

// ---------------------------------------------------------------- sending

static long send_message(struct send_right *right, const void __user *message, nsec_t deadline) {
    struct fipc_message header;
    struct outgoing out;
    status_t status = header_from_user(&header, message);
    if (status == 0)
        status = message_create(&header, message_data(message), &out);
    if (status != 0)
        return status;
    status = right_send(right, out.message, deadline);
    if (status == 0)
        message_sent(&out, header.handle_count);
    else
        message_return(&out);
    return status;
}

static NOINLINE long general_send(struct object *object, const void __user *message, nsec_t deadline) {
    long result;
    object_get(object); // it may be among the handles that move
    if (object->ops == &send_right_ops)
        result = send_message(right_of(object), message, deadline);
    else
        result = object->ops == &reply_ops ? reply_object_send(object, message) : -EBADF;
    object_put(object);
    return result;
}

// One with little data and no handles.
ALWAYS_INLINE long send_small(struct send_right *right, const void __user *message, nsec_t deadline) {
    type_and_size what;
    uint64_t data[FIPC_FAST_MAX / 8];
    if (UNLIKELY(!read_small(message, &what, data)))
        return NOT_FAST;
    struct message *block = message_create_small(what, data);
    if (UNLIKELY(!block))
        return -ENOMEM;
    status_t status = right_send(right, block, deadline);
    if (UNLIKELY(status != 0))
        message_end(block);
    return status;
}

long sys_fipc_send(int handle, const void __user *message, int64_t deadline) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_SEND, &ref);
    if (UNLIKELY(status != 0))
        return status;
    struct object *object = ref.object;
    long result = LIKELY(object->ops == &send_right_ops) ? send_small(right_of(object), message, deadline) : NOT_FAST;
    if (UNLIKELY(result == NOT_FAST))
        result = general_send(object, message, deadline);
    handle_release(&ref);
    return result;
}

// ---------------------------------------------------------------- calling

status_t call_reply_room(struct fipc_call *call, uint32_t want) {
    call->room = want;
    if (want <= call->capacity)
        return 0;
    uint8_t *block = kmalloc_charged(want);
    if (!block)
        return -ENOMEM;
    if (call->reply != call->data)
        kfree(call->reply);
    call->reply = block;
    call->capacity = want;
    return 0;
}

static status_t call_small(struct send_right *right, struct fipc_call *call, const struct fipc_message *header,
                           const void __user *data, nsec_t deadline) {
    if (copy_from_user(call->data, data, header->size) != 0)
        return -EFAULT;
    call->message = (struct message){.type = header->type, .size = header->size, .data = call->data};
    call->queued = &call->message;
    return call_wait(right, call, deadline);
}

static status_t call_with_block(struct send_right *right, struct fipc_call *call, const struct fipc_message *header,
                                const void __user *data, nsec_t deadline) {
    struct outgoing out;
    status_t status = message_create(header, data, &out);
    if (status != 0)
        return status;
    call->queued = out.message;
    status = call_wait(right, call, deadline);
    if (call->queued)
        message_return(&out); // nobody has taken it
    else
        message_sent(&out, header->handle_count);
    return status;
}

static long slow_call(struct send_right *right, const void __user *message, void __user *reply, size_t room,
                      nsec_t deadline) {
    struct fipc_thread *self = fipc_thread_current();
    struct fipc_message header;
    struct answer answer = {.message = reply};
    uint32_t handle_room;
    if (!self)
        return -ENOMEM;
    status_t status = header_from_user(&header, message);
    if (status == 0)
        status = handle_room_from_user(reply, &answer.array, &handle_room);
    if (status == 0)
        status = call_reply_room(&self->call, (uint32_t)MIN(room - HEADER_SIZE, (size_t)FIPC_INLINE_MAX));
    if (status == 0)
        status = arrival_reserve(&answer.arrival, handle_room);
    if (status != 0)
        return status;
    self->call.handle_room = handle_room;
    self->call.handle_count = 0;
    bool small = header.size <= FIPC_FAST_MAX && header.handle_count == 0;
    status = (small ? call_small : call_with_block)(right, &self->call, &header, message_data(message), deadline);
    self->call.handle_room = 0; // as the fast path expects it
    self->call.queued = nullptr;
    self->call.flight = false;
    if (status == 0)
        return deliver_answer(&self->call, &answer);
    arrival_cancel(&answer.arrival, 0);
    return status;
}

long fipc_call_general(int handle, const void __user *message, void __user *reply, size_t room, nsec_t deadline) {
    struct handle_ref ref;
    struct send_right *right;
    status_t status = right_lookup(handle, &ref, &right);
    if (UNLIKELY(status != 0))
        return status;
    long result = -EINVAL;
    if (LIKELY(room >= HEADER_SIZE)) {
        result = LIKELY(deadline == FIPC_FOREVER) ? fast_call(right, message, reply, room) : NOT_FAST;
        if (UNLIKELY(result == NOT_FAST)) {
            object_get(&right->object);
            result = slow_call(right, message, reply, room, deadline);
            object_put(&right->object);
        }
    }
    handle_release(&ref);
    return result;
}

long sys_fipc_call(int handle, const void __user *message, void __user *reply, size_t room, int64_t deadline) {
    return fipc_call_general(handle, message, reply, room, deadline);
}

status_t port_kernel_call(struct object *object, uint32_t type, void *data, uint32_t size, uint32_t *answer) {
    struct send_right *right = right_of(object);
    struct fipc_thread *self = fipc_thread_current();
    if (!self)
        return -ENOMEM;
    struct fipc_call *call = &self->call;
    memcpy(call->data, data, size);
    call->message = (struct message){.type = type, .size = size, .flags = FIPC_NOTE, .data = call->data};
    call->queued = &call->message;
    call->room = FIPC_FAST_MAX;
    call->handle_room = 0;
    status_t status = call_wait(right, call, NSEC_NEVER);
    call->queued = nullptr;
    if (status == 0)
        status = call->status;
    if (status != 0)
        return status;
    *answer = call->type;
    memcpy(data, call->reply, MIN(size, call->size));
    return 0;
}

// ---------------------------------------------------------------- receiving

long sys_fipc_recv(int handle, void __user *message, size_t room, int64_t deadline) {
    struct handle_ref ref;
    struct port *port;
    status_t status = port_lookup(handle, &ref, &port);
    if (status != 0)
        return status;
    struct fipc_thread *self = fipc_thread_current();
    long result = !self ? -ENOMEM : room < HEADER_SIZE ? -EINVAL : 0;
    if (result == 0) {
        fipc_drop_held(self);
        self->replied = false;
        result = port_receive(port, message, room, deadline);
    }
    handle_release(&ref);
    return result;
}

long sys_fipc_reply(const void __user *message) {
    struct fipc_thread *self = fipc_thread_current();
    if (!self)
        return -ENOMEM;
    self->replied = false;
    status_t status = reply_user(&self->held, message);
    if (status == 0 || status == -EPIPE)
        server_done(self);
    return status;
}

// Interrupted after the reply, the call is made again from its start: then the reply is not sent twice.
static long slow_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room,
                            nsec_t deadline) {
    struct fipc_thread *self = fipc_thread_current();
    if (!self)
        return -ENOMEM;
    if (!self->replied) {
        status_t status = reply_user(&self->held, reply);
        if (status != 0 && status != -EPIPE) // a caller that has given up is no reason not to go on
            return status;
        server_done(self);
    }
    self->replied = false;
    return port_receive(port, message, room, deadline);
}

long fipc_reply_recv_general(const void __user *reply, int handle, void __user *message, size_t room, nsec_t deadline) {
    struct handle_ref ref;
    struct port *port;
    status_t status = port_lookup(handle, &ref, &port);
    if (UNLIKELY(status != 0))
        return status;
    long result = -EINVAL;
    if (LIKELY(room >= HEADER_SIZE)) {
        result = LIKELY(deadline == FIPC_FOREVER) ? fast_reply_recv(reply, port, message, room) : NOT_FAST;
        if (UNLIKELY(result == NOT_FAST))
            result = slow_reply_recv(reply, port, message, room, deadline);
    }
    if (thread_current()->fipc)
        thread_current()->fipc->replied = result == -ERESTARTSYS;
    handle_release(&ref);
    return result;
}

long sys_fipc_reply_recv(const void __user *reply, int handle, void __user *message, size_t room, int64_t deadline) {
    return fipc_reply_recv_general(reply, handle, message, room, deadline);
}

long sys_fipc_reply_save(unsigned flags) {
    struct fipc_thread *self = fipc_thread_current();
    if (flags & ~HANDLE_KEEP)
        return -EINVAL;
    if (!self || !atomic_load_explicit(&self->held.call, memory_order_relaxed))
        return -EBADF;
    struct object *object = reply_object_create();
    if (!object)
        return -ENOMEM;
    int handle = handle_reserve(flags & HANDLE_KEEP ? 0 : HANDLE_CLOEXEC);
    if (handle < 0) {
        object_put(object);
        return handle;
    }
    if (!reply_object_take(object, self)) {
        handle_unreserve(handle);
        object_put(object);
        return -EPIPE;
    }
    handle_commit(handle, object, RIGHT_SEND | RIGHT_TRANSFER | RIGHT_WAIT);
    return handle;
}
