// SPDX-License-Identifier: MPL-2.0
// Ports: messages, calls and replies (docs/ipc.md). A message is a struct fipc_message with its data right behind;
// `room` is what there is for both. All return 0 or a handle, or a negative error number. Deadlines are absolute, see
// tessera/time.h.
#pragma once

#include <abi/fipc.h>
#include <abi/rights.h>
#include <stddef.h>

#define PORT_RIGHTS_SENDER (RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT)

// options: null for the kernel's defaults. The handle has RIGHT_RECEIVE.
int port_create(const struct port_options *options);
// A send right with a badge. Needs RIGHT_RECEIVE.
int port_mint(int port, const struct port_right *right);
// The same with the port's credits and PORT_RIGHTS_SENDER.
int port_right(int port, uint64_t badge);

// -EAGAIN, -ETIMEDOUT (no credit until then), -EINTR, -EPIPE (the port is closed), -EMSGSIZE.
int fipc_send(int right, const struct fipc_message *message, int64_t deadline);
// The header says in `handles` and `handle_count` where received handles go.
int fipc_recv(int port, struct fipc_message *message, size_t room, int64_t deadline);
// Sends, and waits for the answer in `reply`. -EPIPE: the server died, or dropped the call.
int fipc_call(int right, const struct fipc_message *message, struct fipc_message *reply, size_t room, int64_t deadline);
// Answers the call that this thread took. -EPIPE: the caller has given up; handles in the reply stay here.
int fipc_reply(const struct fipc_message *message);
int fipc_reply_recv(const struct fipc_message *reply, int port, struct fipc_message *message, size_t room,
                    int64_t deadline);
// The right to answer, as a handle for one fipc_send.
int fipc_reply_save(unsigned flags);
// Faults of the task (a pidfd, -1: this one) or thread go to the port behind `right` first (-1: no longer).
int exception_port_set(int target, int right);
