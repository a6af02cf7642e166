// SPDX-License-Identifier: MPL-2.0
// Any bytes as a message to a generated dispatch function: they are decoded or refused. The first bytes say the method
// and how many handles came; what the server is handed must lie within its bounds.
#include <errno.h>
#include <protocols/registry.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/handle.h>

static unsigned closed, kept;

void handle_close(int handle) {
    closed += handle >= 0;
}

int fipc_call(int right, const struct fipc_message *message, struct fipc_message *reply, size_t room,
              int64_t deadline) {
    return -EPIPE; // clients are not run here
}

int fipc_send(int right, const struct fipc_message *message, int64_t deadline) {
    return -EPIPE;
}

static void check_string(const char *text, size_t room) {
    if (strnlen(text, room) == room)
        abort();
}

static int on_enter(void *context, uint64_t badge, const struct registry_enter *in) {
    check_string(in->name, sizeof in->name);
    if (in->token_size > sizeof in->token)
        abort();
    if (in->generation % 2)
        return EACCES;
    kept++;
    return 0;
}

static int on_lookup(void *context, uint64_t badge, const struct registry_lookup *in,
                     struct registry_lookup_reply *out) {
    check_string(in->name, sizeof in->name);
    out->right = 3;
    return 0;
}

static int on_view(void *context, uint64_t badge, const struct registry_view *in) {
    check_string(in->names, sizeof in->names);
    return 0;
}

static int on_list(void *context, uint64_t badge, const struct registry_list *in, struct registry_list_reply *out) {
    check_string(in->after, sizeof in->after);
    memcpy(out->name, in->after, sizeof out->name);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct registry_server server = {.enter = on_enter, .lookup = on_lookup, .view = on_view, .list = on_list};
    if (size < 2 || size - 2 > FIPC_INLINE_MAX)
        return 0;
    struct tessera_message *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    unsigned handles = data[1] % (FIPC_HANDLES_MAX + 1);
    in->header = (struct fipc_message){.type = MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION, data[0] % 8),
                                       .size = (uint32_t)(size - 2),
                                       .handle_count = handles,
                                       .flags = FIPC_CALL};
    memcpy(in->data, data + 2, size - 2);
    for (unsigned i = 0; i < handles; i++)
        in->handles[i] = (struct fipc_handle){.handle = (int)(100 + i)};
    closed = kept = 0;
    message_open(in);
    bool answered = registry_dispatch(&server, in, out);
    if (!answered || out->header.size > FIPC_INLINE_MAX || (out->header.type && (out->header.size || kept)))
        abort();
    if (closed + kept != handles) // each handle is closed or kept, and none twice
        abort();
    free(in);
    free(out);
    return 0;
}
