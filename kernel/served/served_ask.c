// SPDX-License-Identifier: MPL-2.0
// Questions to the server and its answers. What an answer holds is the server's word and is checked like a program's.
#include "served_priv.h"

#include <lib/string.h>

#define PROTOCOL 4u // of protocols/fs.protocol
#define VERSION 1u
#define DEATHS_MOST 3 // of servers over one question
#define ERROR_MOST 4095

static struct message *make_request(enum served_method method, const uint64_t *arguments, unsigned count) {
    void *data;
    struct message *message =
        port_request_create(PROTOCOL << 20 | VERSION << 12 | method, count * (uint32_t)sizeof *arguments, &data);
    if (message && count > 0)
        memcpy(data, arguments, count * sizeof *arguments);
    return message;
}

// A server that dies is started again behind the same port: who waits asks the next one. One that dies before it has
// taken the question leaves it in the port's queue, for its successor.
static status_t ask_until_answered(struct served *served, enum served_method method, const uint64_t *arguments,
                                   unsigned count, struct port_answer *answer) {
    for (unsigned deaths = 0; deaths < DEATHS_MOST && !(object_signals(served->right) & SIGNAL_HANGUP); deaths++) {
        struct message *message = make_request(method, arguments, count);
        if (!message)
            return -ENOMEM;
        status_t status = port_request(served->right, message, answer);
        if (status != -EPIPE)
            return status;
    }
    return -EIO;
}

status_t served_ask(struct served *served, enum served_method method, const uint64_t *arguments, unsigned count,
                    uint32_t room, struct served_answer *answer) {
    struct port_answer raw = {.room = room};
    status_t status = ask_until_answered(served, method, arguments, count, &raw);
    if (status != 0)
        return status == -EMSGSIZE ? -EIO : status;
    if (raw.type != 0)
        return raw.type <= ERROR_MOST ? -(status_t)raw.type : -EIO;
    *answer = (struct served_answer){.data = raw.data, .size = raw.size};
    return 0;
}

static const uint8_t *take(struct served_answer *answer, uint32_t size) {
    if (answer->bad || size > answer->size - answer->position) {
        answer->bad = true;
        return nullptr;
    }
    answer->position += size;
    return answer->data + answer->position - size;
}

uint64_t served_number(struct served_answer *answer, unsigned bytes) {
    const uint8_t *from = take(answer, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

const uint8_t *served_bytes(struct served_answer *answer, uint32_t *size) {
    *size = (uint32_t)served_number(answer, 2);
    const uint8_t *data = take(answer, *size);
    if (!data)
        *size = 0;
    return data;
}
