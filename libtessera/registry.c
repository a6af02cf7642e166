// SPDX-License-Identifier: MPL-2.0
// How services and their clients meet: by the handles that init gave this process. `registry` is a send right to
// registryd, `ready` is where init listens, `token` a memory object with an entry for each name that is ours.
#include <tessera/server.h>

#include <errno.h>
#include <protocols/registry.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/token.h>
#include <unistd.h>

// Readable several times, by forked children too: pread leaves no position behind.
static int find_token(const char *name, struct tessera_token *token) {
    int handle = handle_named("token");
    if (handle < 0)
        return handle;
    for (off_t at = 0; pread(handle, token, sizeof *token, at) == sizeof *token; at += sizeof *token)
        if (strncmp(token->name, name, sizeof token->name) == 0)
            return 0;
    return -EACCES;
}

int tessera_register(const char *name, int port) {
    int registry = handle_named("registry");
    struct tessera_token token;
    int status = registry < 0 ? registry : find_token(name, &token);
    int right = status < 0 ? status : port_right(port, 0);
    if (right < 0)
        return right;
    struct registry_enter in = {.generation = token.generation, .token_size = sizeof token.bytes, .right = right};
    strncpy(in.name, name, sizeof in.name - 1);
    memcpy(in.token, token.bytes, sizeof token.bytes);
    return registry_enter(registry, &in, FIPC_FOREVER);
}

int tessera_connect(const char *name, int64_t deadline) {
    int registry = handle_named("registry");
    struct registry_lookup in = {};
    struct registry_lookup_reply out;
    if (registry < 0)
        return registry;
    if (strlen(name) >= sizeof in.name)
        return -ENAMETOOLONG;
    strcpy(in.name, name);
    int status = registry_lookup(registry, &in, &out, deadline);
    return status < 0 ? status : out.right;
}

void tessera_ready(void) {
    int handle = handle_named("ready");
    if (handle < 0)
        return;
    (void)!write(handle, "1", 1); // init may have gone on without us
    close(handle);
}
