// SPDX-License-Identifier: MPL-2.0
// Any bytes as a message to each protocol's generated code: as a request to its dispatch function, or as the answer to
// a client's call. They are decoded or refused; what a server or client is handed lies within its bounds, and each
// handle that came is closed or handed over, none twice. The first bytes say which protocol and method it is, and how
// many handles came.
#include "protocol_fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/port.h>

#define HEAD 5
#define DECLARE(name) extern const struct fuzzed name##_fuzzed;
PROTOCOLS(DECLARE)
#define ADDRESS(name) &name##_fuzzed,
static const struct fuzzed *const protocols[] = {PROTOCOLS(ADDRESS)};

static struct {
    const uint8_t *data; // of the message
    uint32_t size;
    unsigned handles;
    uint8_t choice;
    unsigned closed, kept, given;
} now;

void handle_close(int handle) {
    now.closed += handle >= 0;
}

void look_string(const char *text, size_t room) {
    if (strnlen(text, room) == room)
        abort();
}

void look_bytes(const uint8_t *bytes, uint32_t size, size_t room) {
    static volatile uint8_t sum;
    if (size > room)
        abort();
    for (uint32_t i = 0; i < size; i++)
        sum += bytes[i];
}

void look_handle(int handle) {
    if (handle < 100 || handle >= (int)(100 + now.handles))
        abort();
    now.kept++;
}

void gave(unsigned handles) {
    now.given = handles;
}

bool refuses(void) {
    return now.choice & 1;
}

static void fill(struct tessera_message *m, uint32_t type, uint32_t flags) {
    m->header = (struct fipc_message){.type = type, .size = now.size, .handle_count = now.handles, .flags = flags};
    memcpy(m->data, now.data, now.size);
    for (unsigned i = 0; i < now.handles; i++)
        m->handles[i] = (struct fipc_handle){.handle = (int)(100 + i)};
}

// The server of the clients' calls answers with what we have.
int fipc_call(int right, const struct fipc_message *message, struct fipc_message *reply, size_t room,
              int64_t deadline) {
    fill((struct tessera_message *)reply, now.choice & 2 ? now.choice : 0, 0);
    return 0;
}

int fipc_send(int right, const struct fipc_message *message, int64_t deadline) {
    return -EPIPE; // puts off no answers
}

static void serve(const struct fuzzed *protocol, uint32_t version, uint32_t method) {
    uint32_t type = MESSAGE_TYPE(protocol->about->number, version, method);
    struct tessera_message *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    fill(in, type, FIPC_CALL);
    message_open(in);
    bool answered = protocol->about->dispatch(protocol->server, in, out);
    if (!answered || out->bad || out->header.size > FIPC_INLINE_MAX || (out->header.type && out->header.size))
        abort();
    if (version != protocol->about->version && out->header.type != EPROTONOSUPPORT)
        abort();
    if (out->header.type && now.closed != now.handles)
        abort();
    free(in);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD || size - HEAD > FIPC_INLINE_MAX)
        return 0;
    const struct fuzzed *protocol = protocols[data[0] % (sizeof protocols / sizeof *protocols)];
    unsigned method = data[1] % (protocol->about->methods + 2); // 0 and one too many
    now.data = data + HEAD;
    now.size = (uint32_t)(size - HEAD);
    now.handles = data[2] % (FIPC_HANDLES_MAX + 1);
    now.choice = data[3];
    now.closed = now.kept = now.given = 0;
    if (data[4] % 2 && method > 0 && method <= protocol->about->methods)
        protocol->calls[method - 1]();
    else
        serve(protocol, protocol->about->version + (data[4] % 16 == 14), method); // or another version's
    if (now.closed + now.kept != now.handles + now.given)
        abort();
    return 0;
}
