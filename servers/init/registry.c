// SPDX-License-Identifier: MPL-2.0
// The registry as init sees it: it makes registryd's port and key, so both outlive registryd, and it knows which names
// each service may enter and see. A registry that was started again learns all of it from here.
#include "services.h"

#include "../common/token.h"
#include "init_priv.h"

#include <errno.h>
#include <protocols/registry.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/time.h>
#include <unistd.h>

#define PATIENCE_MS 1000 // with a registry that has just said it is ready
#define VIEW_ALL 1

static struct {
    uint8_t key[TOKEN_KEY_SIZE];
    int port, own; // `own`: init's right, which sees all
} registry = {.port = -1, .own = -1};

void registry_prepare(void) {
    if (getrandom(registry.key, sizeof registry.key, 0) != sizeof registry.key) {
        system_log("no random numbers for the registry's key: %s", strerror(errno));
        return;
    }
    registry.port = port_create(NULL);
    registry.own = registry.port < 0 ? registry.port : port_right(registry.port, VIEW_ALL);
    if (registry.own < 0)
        system_log("cannot make the registry's port: %s", strerror(-registry.own));
}

int registry_right(uint64_t view) {
    return registry.port < 0 ? -1 : port_right(registry.port, view);
}

int registry_port(void) {
    return registry.port;
}

static int memory_with(const char *name, const void *data, size_t size) {
    int memory = memfd_create(name, MFD_CLOEXEC);
    if (memory >= 0 && write(memory, data, size) == (ssize_t)size)
        return memory;
    system_log("cannot make %s: %s", name, strerror(errno));
    handle_close(memory);
    return -1;
}

int registry_key(void) {
    return memory_with("registry key", registry.key, sizeof registry.key);
}

static struct tessera_token token_for(const struct service *service, const char *name, uint64_t view) {
    struct tessera_token token = {.generation = service->starts};
    strncpy(token.name, name, TOKEN_NAME_MAX);
    token_derive(registry.key, token.name, token.generation, view, token.bytes);
    return token;
}

int registry_tokens(const struct service *service, uint64_t view) {
    struct tessera_token tokens[PROVIDES_MAX];
    const char *at = service->provides;
    char name[TOKEN_NAME_MAX + 1];
    unsigned count = 0;
    while (count < PROVIDES_MAX && next_word(&at, name, sizeof name))
        tokens[count++] = token_for(service, name, view);
    return memory_with("tokens", tokens, count * sizeof *tokens);
}

bool registry_say_view(uint64_t view, const char *names, const char *more) {
    struct registry_view in = {.badge = view};
    snprintf(in.names, sizeof in.names, "%s %s", names, more);
    int status = registry_view(registry.own, &in, deadline_after_ms(PATIENCE_MS));
    if (status < 0)
        system_log("registryd does not take a view: %s", strerror(-status));
    return status == 0;
}

// By init's own handle, so the token is for that.
static int enter_name(const struct service *service, const char *name, int port) {
    struct tessera_token token = token_for(service, name, VIEW_ALL);
    struct registry_enter in = {.generation = token.generation, .token_size = TOKEN_SIZE, .right = port_right(port, 0)};
    if (in.right < 0)
        return in.right;
    strcpy(in.name, token.name);
    memcpy(in.token, token.bytes, TOKEN_SIZE);
    int status = registry_enter(registry.own, &in, deadline_after_ms(PATIENCE_MS));
    return status == -ESTALE ? 0 : status; // the service itself was faster
}

bool registry_introduce(const struct service *service, uint64_t view) {
    const char *at = service->provides;
    char name[TOKEN_NAME_MAX + 1];
    int status = 0;
    if (!registry_say_view(view, service->provides, service->uses))
        return false;
    bool there = service->state == SERVICE_READY || service->start == START_ON_DEMAND;
    for (unsigned i = 0; status == 0 && there && next_word(&at, name, sizeof name); i++)
        status = enter_name(service, name, service->ports[i]);
    if (status < 0)
        system_log("registryd does not take the names of %s: %s", service->name, strerror(-status));
    return status == 0;
}
