// SPDX-License-Identifier: MPL-2.0
// Messages of four words in registers: fipc_call_words, fipc_recv_words, fipc_reply_recv_words.
//
// They are messages of 32 bytes without handles like any others, in queues, inboxes and calls; only that at both ends
// they do not lie in user memory but in the registers of the system call, type and words where the arguments are, and
// the badge beside them (arch_frame_set_words). So who calls by words may be answered from memory, and who receives
// words called from there: what is shorter is filled up with zeros, what is longer or has handles is -EMSGSIZE.
//
// What a receiver is told of a message beside that, struct fipc_message.flags, is the call's result. Nothing is
// written to the frame but with a message, so a call that is made again after a signal finds its arguments.
//
// This is the general way. Between threads that wait in these calls straight_words.c is in front of it.
#include "packet.h"

#include <abi/syscall_table.h>
#include <lib/string.h>
#include <sched/sched.h>

static type_and_size what_of(uint32_t type) {
    return type | (type_and_size)WORDS_SIZE << 32;
}

void words_out(uint64_t badge, uint32_t type, const void *data, uint32_t size) {
    uint64_t words[WORDS_SIZE / 8] = {};
    memcpy(words, data, size);
    arch_frame_set_words(arch_thread_frame(thread_current()), badge, type, words);
}

// ---------------------------------------------------------------- calling

static long answer_out(const struct fipc_call *call) {
    if (call->status == 0) // it had no room for more
        words_out(0, call->type, call->reply, call->size);
    return call->status;
}

long finish_call_words(struct send_right *right, struct fipc_call *call, status_t status) {
    status = call_end(right, call, NSEC_NEVER, status);
    return status != 0 ? status : answer_out(call);
}

long call_words_continue(struct fipc_call *call, int handle) {
    struct handle_ref ref;
    struct send_right *right;
    call->words = false; // from here on it has a stack
    if (right_lookup(handle, &ref, &right) != 0)
        panic("ipc: the right of a parked call is gone");
    long result = finish_call_words(right, call, call->thread->wake_status);
    handle_release(&ref);
    return result;
}

static long slow_call_words(struct send_right *right, struct fipc_call *call, uint32_t type) {
    call->message = (struct message){.type = type, .size = WORDS_SIZE, .data = call->data};
    call->queued = &call->message;
    object_get(&right->object);
    status_t status = call_wait(right, call, NSEC_NEVER);
    object_put(&right->object);
    call->queued = nullptr;
    return status != 0 ? status : answer_out(call);
}

long fipc_call_words_general(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    const uint64_t words[] = {w0, w1, w2, w3};
    struct handle_ref ref;
    struct send_right *right;
    status_t status = right_lookup(handle, &ref, &right);
    if (status != 0)
        return status;
    struct fipc_thread *self = fipc_thread_current();
    long result = -ENOMEM;
    if (LIKELY(self != nullptr)) {
        struct fipc_call *call = &self->call;
        memcpy(call->data, words, sizeof words);
        call->room = WORDS_SIZE;
        result = fast_call_words(right, call, what_of(type));
        if (result == NOT_FAST)
            result = slow_call_words(right, call, type);
    }
    handle_release(&ref);
    return result;
}

long sys_fipc_call_words(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    return fipc_call_words_general(handle, type, w0, w1, w2, w3);
}

// ---------------------------------------------------------------- receiving

static long port_receive_words(struct port *port, nsec_t deadline) {
    struct fipc_thread *self = thread_current()->fipc;
    self->words = true;
    long result = port_receive(port, nullptr, HEADER_SIZE + WORDS_SIZE, deadline);
    self->words = false;
    return result;
}

long finish_receive_words(struct fipc_thread *self, struct port *port, status_t status) {
    struct inbox *inbox = &self->inbox;
    if (UNLIKELY(!inbox->right)) {
        spin_lock(&port->lock);
        status = receive_end_locked(port, self, status);
        spin_unlock(&port->lock);
    }
    if (LIKELY(inbox->right != nullptr)) {
        words_out(inbox->badge, (uint32_t)inbox->what, inbox->data, size_of(inbox->what));
        inbox->right = nullptr;
        return FIPC_CALL;
    }
    long result = status == 0 ? port_receive_words(port, NSEC_NEVER) : status;
    self->replied = result == -ERESTARTSYS;
    return result;
}

static long slow_reply_recv_words(struct port *port, uint32_t type, const uint64_t *words) {
    struct fipc_thread *self = fipc_thread_current();
    if (!self)
        return -ENOMEM;
    if (!self->replied) {
        status_t status = reply_send(&self->held, &(struct reply){.type = type, .size = WORDS_SIZE, .data = words});
        if (status != 0 && status != -EPIPE) // a caller that has given up is no reason not to go on
            return status;
        server_done(self);
    }
    self->replied = false;
    return port_receive_words(port, NSEC_NEVER);
}

long fipc_reply_recv_words_general(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    const uint64_t words[] = {w0, w1, w2, w3};
    struct handle_ref ref;
    struct port *port;
    status_t status = port_lookup(handle, &ref, &port);
    if (status != 0)
        return status;
    long result = fast_reply_recv_words(port, what_of(type), words);
    if (result == NOT_FAST)
        result = slow_reply_recv_words(port, type, words);
    if (thread_current()->fipc)
        thread_current()->fipc->replied = result == -ERESTARTSYS;
    handle_release(&ref);
    return result;
}

long sys_fipc_reply_recv_words(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3) {
    return fipc_reply_recv_words_general(handle, type, w0, w1, w2, w3);
}

long sys_fipc_recv_words(int handle, int64_t deadline) {
    struct handle_ref ref;
    struct port *port;
    status_t status = port_lookup(handle, &ref, &port);
    if (status != 0)
        return status;
    struct fipc_thread *self = fipc_thread_current();
    long result = -ENOMEM;
    if (self) {
        fipc_drop_held(self);
        self->replied = false;
        result = port_receive_words(port, deadline);
    }
    handle_release(&ref);
    return result;
}
