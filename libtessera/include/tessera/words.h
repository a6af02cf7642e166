// SPDX-License-Identifier: MPL-2.0
// Messages of four words that travel in registers (docs/ipc.md). They are messages of 32 bytes like others, but no
// memory is read or written, so a call is the shortest there is; inline, for the words would go through memory
// otherwise. No handles, no deadlines.
//
// All return a negative error number, and leave type and words as they are; or what fipc_message.flags would be,
// FIPC_CALL, FIPC_NOTE or 0, and *words is the message that came.
#pragma once

#include <abi/fipc.h>
#include <abi/native_numbers.h>
#include <port/words_call.h>
#include <stdint.h>

struct fipc_words {
    uint64_t badge; // received: as in fipc_message, nothing on an error. Sent: not looked at
    uint32_t type;
    uint64_t word[4]; // received: what is not there of a shorter message is 0
};

// `first` is the handle, and what comes back there the badge.
static inline long fipc_words_call(long number, long first, uint64_t second, struct fipc_words *words) {
    unsigned long registers[6] = {(unsigned long)first, second};
    for (unsigned i = 0; i < 4; i++)
        registers[2 + i] = words->word[i];
    long result = words_call(number, registers);
    words->badge = registers[0];
    words->type = (uint32_t)registers[1];
    for (unsigned i = 0; i < 4; i++)
        words->word[i] = registers[2 + i];
    return result;
}

// -EPIPE, -EINTR as fipc_call; -EMSGSIZE: the answer is longer or has handles.
static inline int fipc_call_words(int right, struct fipc_words *words) {
    return (int)fipc_words_call(NATIVE_fipc_call_words, right, words->type, words);
}
// -EMSGSIZE: the next message is longer or has handles; fipc_recv takes it. -EAGAIN, -ETIMEDOUT, -EINTR.
static inline int fipc_recv_words(int port, struct fipc_words *words, int64_t deadline) {
    uint32_t type = words->type;
    int status = (int)fipc_words_call(NATIVE_fipc_recv_words, port, (uint64_t)deadline, words);
    if (status < 0)
        words->type = type; // the deadline was in its place
    return status;
}
// Answers with *words and receives. -EBADF: there is no call to answer; -EMSGSIZE as above, the answer being sent.
static inline int fipc_reply_recv_words(int port, struct fipc_words *words) {
    return (int)fipc_words_call(NATIVE_fipc_reply_recv_words, port, words->type, words);
}
