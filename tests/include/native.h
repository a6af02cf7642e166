// SPDX-License-Identifier: MPL-2.0
// Tessera's native calls for the system tests, through syscall(2). On another kernel a test that needs them skips.
#pragma once

#include "sys.h"

#include <abi/fipc.h>
#include <abi/native.h>
#include <abi/rights.h>

enum {
    NATIVE_handle_duplicate = 0x200,
    NATIVE_handle_transfer,
    NATIVE_handle_info,
    NATIVE_object_signal,
    NATIVE_object_wait,
    NATIVE_thread_open,
    NATIVE_vmo_clone,
    NATIVE_object_signal_and_wait,
    NATIVE_port_create = 0x220,
    NATIVE_port_mint,
    NATIVE_fipc_send,
    NATIVE_fipc_recv,
    NATIVE_fipc_call,
    NATIVE_fipc_reply,
    NATIVE_fipc_reply_recv,
    NATIVE_fipc_reply_save,
    NATIVE_exception_port_set,
};

#define HEADER sizeof(struct fipc_message)

// A message with room for data and handles.
struct packet {
    struct fipc_message header;
    uint8_t data[FIPC_INLINE_MAX];
    struct fipc_handle handles[FIPC_HANDLES_MAX];
};
#define PACKET_ROOM (HEADER + FIPC_INLINE_MAX)

UNUSED static void expect_handles(struct packet *p) {
    p->header.handles = (uintptr_t)p->handles;
    p->header.handle_count = FIPC_HANDLES_MAX;
}
UNUSED static struct packet *packet_with(struct packet *p, uint32_t type, const void *data, uint32_t size) {
    p->header = (struct fipc_message){.type = type, .size = size};
    memcpy(p->data, data, size);
    return p;
}

UNUSED static long port_create(const struct port_options *options) {
    return syscall(NATIVE_port_create, options);
}
UNUSED static long port_mint(int port, const struct port_right *right) {
    return syscall(NATIVE_port_mint, port, right);
}
UNUSED static long fipc_send(int right, const void *message, int64_t deadline) {
    return syscall(NATIVE_fipc_send, right, message, deadline);
}
UNUSED static long fipc_recv(int port, void *message, size_t room, int64_t deadline) {
    return syscall(NATIVE_fipc_recv, port, message, room, deadline);
}
UNUSED static long fipc_call(int right, const void *message, void *reply, size_t room, int64_t deadline) {
    return syscall(NATIVE_fipc_call, right, message, reply, room, deadline);
}
UNUSED static long fipc_reply(const void *message) {
    return syscall(NATIVE_fipc_reply, message);
}
UNUSED static long fipc_reply_recv(const void *reply, int port, void *message, size_t room, int64_t deadline) {
    return syscall(NATIVE_fipc_reply_recv, reply, port, message, room, deadline);
}
UNUSED static long fipc_reply_save(unsigned flags) {
    return syscall(NATIVE_fipc_reply_save, flags);
}
UNUSED static long handle_duplicate(int handle, uint32_t rights, unsigned flags) {
    return syscall(NATIVE_handle_duplicate, handle, rights, flags);
}
UNUSED static long handle_transfer(int handle, int task, uint32_t rights) {
    return syscall(NATIVE_handle_transfer, handle, task, rights);
}
UNUSED static long handle_info(int handle, struct handle_info *out) {
    return syscall(NATIVE_handle_info, handle, out, sizeof *out);
}
UNUSED static long object_signal(int handle, uint32_t clear, uint32_t set) {
    return syscall(NATIVE_object_signal, handle, clear, set);
}
UNUSED static long object_wait(struct wait_entry *entries, unsigned count, int64_t deadline) {
    return syscall(NATIVE_object_wait, entries, count, deadline);
}
UNUSED static long object_signal_and_wait(int handle, uint32_t clear, uint32_t set, struct wait_entry *entry,
                                          int64_t deadline) {
    return syscall(NATIVE_object_signal_and_wait, handle, clear, set, entry, deadline);
}
UNUSED static long exception_port_set(int target, int right) {
    return syscall(NATIVE_exception_port_set, target, right);
}

#define RIGHTS_SENDER (RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT)
// A send right with this badge and credit for `messages`.
UNUSED static int mint(int port, uint64_t badge, uint32_t messages) {
    struct port_right right = {.badge = badge, .credit_messages = messages, .rights = RIGHTS_SENDER};
    return (int)port_mint(port, &right);
}
UNUSED static int64_t in_ms(int ms) {
    return now_ns() + ms * 1'000'000LL;
}
// A test of native calls begins with this.
#define needs_native()                                             \
    do {                                                           \
        if (!on_tessera()) {                                       \
            skip("these calls are Tessera's own", "native calls"); \
            return tap_done();                                     \
        }                                                          \
    } while (0)
