// SPDX-License-Identifier: MPL-2.0
// A service that tries what it must not do, and says in /tmp/probe what came of it (tests/services/supervision.c reads
// it). Its registry handle shows `counter` and its own name.
#include <errno.h>
#include <protocols/registry.h>
#include <stdio.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/time.h>
#include <tessera/token.h>
#include <unistd.h>

static int enter(const char *name, const struct tessera_token *token, uint64_t generation) {
    struct registry_enter in = {.generation = generation, .token_size = TOKEN_SIZE};
    strcpy(in.name, name);
    memcpy(in.token, token->bytes, TOKEN_SIZE);
    in.right = port_right(handle_named("port"), 0);
    return registry_enter(handle_named("registry"), &in, deadline_after_ms(5000));
}

static int lookup(const char *name) {
    int right = tessera_connect(name, deadline_after_ms(5000));
    handle_close(right);
    return right < 0 ? right : 0;
}

int main(void) {
    struct tessera_token token, forged = {};
    FILE *out = fopen("/tmp/probe.new", "w");
    if (!out || pread(handle_named("token"), &token, sizeof token, 0) != sizeof token)
        return 1;
    fprintf(out, "see-allowed %d\n", lookup("counter"));
    fprintf(out, "see-other %d\n", lookup("hidden"));
    fprintf(out, "other-name %d\n", enter("counter", &token, token.generation));
    fprintf(out, "other-generation %d\n", enter("probe", &token, token.generation + 1));
    fprintf(out, "forged %d\n", enter("probe", &forged, token.generation));
    struct registry_view view = {.badge = 3, .names = "hidden"};
    fprintf(out, "set-view %d\n", registry_view(handle_named("registry"), &view, deadline_after_ms(5000)));
    fprintf(out, "own-name %d\n", enter("probe", &token, token.generation));
    fprintf(out, "see-own %d\n", lookup("probe"));
    fprintf(out, "handles %d\n", (int)(handle_named("key") == -ENOENT));
    fclose(out);
    rename("/tmp/probe.new", "/tmp/probe");
    tessera_ready();
    return 0;
}
