// SPDX-License-Identifier: MPL-2.0
// Building and reading messages, with every bound checked.
//
// Values follow each other without gaps, least significant byte first; strings and bytes have a 16-bit length in front.
// The first value that does not fit, or is not there, makes the message bad; what comes after is then ignored (written)
// or zero (read), so that one look at the end tells. Programs rarely need this: tools/gen-protocol makes stubs.
#pragma once

#include <abi/fipc.h>
#include <stdint.h>

struct tessera_message {
    struct fipc_message header; // first, with the data right behind
    uint8_t data[FIPC_INLINE_MAX];
    struct fipc_handle handles[FIPC_HANDLES_MAX];
    uint32_t position;        // reading: the next byte
    uint32_t handle_position; // and handle
    bool bad;
};
#define MESSAGE_ROOM (sizeof(struct fipc_message) + FIPC_INLINE_MAX)

// Writing.
void message_begin(struct tessera_message *m, uint32_t type);
void message_put(struct tessera_message *m, uint64_t value, unsigned bytes); // an integer of 1, 2, 4 or 8 bytes
void message_put_bytes(struct tessera_message *m, const void *from, uint32_t size, uint32_t most);
void message_put_string(struct tessera_message *m, const char *text, uint32_t most); // most: without the end
// With all its rights.
void message_put_handle(struct tessera_message *m, int handle, enum fipc_operation operation);

// Reading.
void message_expect(struct tessera_message *m); // before it is received: where it goes
void message_open(struct tessera_message *m);   // after
uint64_t message_get(struct tessera_message *m, unsigned bytes);
uint32_t message_get_bytes(struct tessera_message *m, void *to, uint32_t most); // returns their number
void message_get_string(struct tessera_message *m, char *to, uint32_t most);    // room for most + 1; no zero in it
int message_get_handle(struct tessera_message *m);                              // -1 if there is none
[[nodiscard]] bool message_complete(const struct tessera_message *m);           // nothing was bad, nothing is left
void message_drop_handles(struct tessera_message *m);                           // closes all that came with it

// What a protocol's messages have in header.type: protocol, version and method of a request; a reply has 0, or the
// error number, and then no data.
#define MESSAGE_TYPE(protocol, version, method) ((uint32_t)(protocol) << 20 | (uint32_t)(version) << 12 | (method))
#define MESSAGE_METHOD(type) ((type) & 0xfff)
// Turns `m` into an error reply.
void message_fail(struct tessera_message *m, int error);

// A call: `in` is sent, the answer opened in `out`. 0, or a negative error number, the server's own among them
// (its reply's type). With `again`, which is for requests that do no harm twice, the call is repeated when the server
// died over it: it waits at a port that outlived the server.
int message_call(int right, struct tessera_message *in, struct tessera_message *out, bool again, int64_t deadline);
// Answers later, by a handle of fipc_reply_save, which is closed.
int message_answer(int reply, struct tessera_message *m);
