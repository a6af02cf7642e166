// SPDX-License-Identifier: MPL-2.0
// FIPC messages, as both sides of the system-call line see them.
//
// A message is a header and, right behind it, up to FIPC_INLINE_MAX bytes of data; handles go beside it. It is
// delivered whole or not at all.
#pragma once

#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

#define FIPC_INLINE_MAX 8192
#define FIPC_HANDLES_MAX 16
#define FIPC_FAST_MAX 64 // bytes of data that go by the fast path, without handles

struct fipc_message {
    uint32_t type;         // the protocol's: what is asked, or answered
    uint32_t size;         // bytes of data behind the header
    uint64_t badge;        // received: of the send right that it came by. Sent: not looked at
    uint64_t handles;      // address of struct fipc_handle[handle_count] (sent), or of room for as many (received)
    uint32_t handle_count; // received: how many came
    uint32_t flags;        // FIPC_*
};
// Received: the sender waits in fipc_call. The reply right is this thread's until it replies, saves it
// (fipc_reply_save) or receives again, which drops it.
#define FIPC_CALL 1u
#define FIPC_NOTE 2u // received: from the kernel; `type` is FIPC_NOTE_*

// A handle in a message. Sent: `handle` is the sender's, and needs RIGHT_TRANSFER to be moved, RIGHT_DUPLICATE and
// RIGHT_TRANSFER to be copied. Received: the receiver's new number.
struct fipc_handle {
    int32_t handle;
    uint32_t rights;    // what of the sender's rights goes along (a mask); received: what came
    uint32_t operation; // FIPC_MOVE …
    uint32_t type;      // received: enum object_type
};
enum fipc_operation {
    FIPC_MOVE = 0, // the sender's handle is gone, if the message was sent
    FIPC_COPY = 1,
    FIPC_COPY_ON_WRITE = 2, // a VMO: the receiver gets a private copy of what it is now
};

// Notes of the kernel to a port's receiver (FIPC_NOTE). `badge` says who.
enum fipc_note {
    FIPC_NOTE_NO_SENDERS = 1, // the last handle to the send right of this badge is gone
    FIPC_NOTE_FAULT = 2,      // an exception port: data is struct fipc_fault
};

// port_create
struct port_options {
    uint32_t messages; // that may be queued, of all senders; 0: the kernel's default
    uint32_t bytes;    // of their data
    uint32_t flags;    // PORT_*
    uint32_t reserved; // 0
};
#define PORT_NOTE_SENDERS 1u // queue FIPC_NOTE_NO_SENDERS

// port_mint: a send right.
struct port_right {
    uint64_t badge;
    uint32_t credit_messages; // that it may have queued; 0: as the port's
    uint32_t credit_bytes;
    uint32_t rights; // of the handle; at least RIGHT_SEND
    uint32_t flags;  // PORT_RIGHT_*
};
#define PORT_RIGHT_ONCE 1u // gone after one message

// A thread's fault, to an exception port (a call: the reply says what becomes of the thread).
struct fipc_fault {
    int32_t process, thread;
    int32_t signal, code;
    uint64_t address, pc, sp;
};
enum fipc_fault_reply { FIPC_FAULT_SIGNAL = 0, FIPC_FAULT_RESUME = 1, FIPC_FAULT_KILL = 2 }; // the reply's type

// Deadlines are nanoseconds on CLOCK_MONOTONIC; FIPC_FOREVER: none; 0 or past: do not wait.
#define FIPC_FOREVER INT64_MAX
