// SPDX-License-Identifier: MPL-2.0
#include <tessera/port.h>

#include "native.h"

int port_create(const struct port_options *options) {
    return (int)native_call(NATIVE_port_create, (long)options, 0, 0, 0, 0);
}

int port_mint(int port, const struct port_right *right) {
    return (int)native_call(NATIVE_port_mint, port, (long)right, 0, 0, 0);
}

int port_right(int port, uint64_t badge) {
    return port_mint(port, &(struct port_right){.badge = badge, .rights = PORT_RIGHTS_SENDER});
}

int fipc_send(int right, const struct fipc_message *message, int64_t deadline) {
    return (int)native_call(NATIVE_fipc_send, right, (long)message, deadline, 0, 0);
}

int fipc_recv(int port, struct fipc_message *message, size_t room, int64_t deadline) {
    return (int)native_call(NATIVE_fipc_recv, port, (long)message, (long)room, deadline, 0);
}

int fipc_call(int right, const struct fipc_message *message, struct fipc_message *reply, size_t room,
              int64_t deadline) {
    return (int)native_call(NATIVE_fipc_call, right, (long)message, (long)reply, (long)room, deadline);
}

int fipc_reply(const struct fipc_message *message) {
    return (int)native_call(NATIVE_fipc_reply, (long)message, 0, 0, 0, 0);
}

int fipc_reply_recv(const struct fipc_message *reply, int port, struct fipc_message *message, size_t room,
                    int64_t deadline) {
    return (int)native_call(NATIVE_fipc_reply_recv, (long)reply, port, (long)message, (long)room, deadline);
}

int fipc_reply_save(unsigned flags) {
    return (int)native_call(NATIVE_fipc_reply_save, flags, 0, 0, 0, 0);
}

int exception_port_set(int target, int right) {
    return (int)native_call(NATIVE_exception_port_set, target, right, 0, 0, 0);
}
