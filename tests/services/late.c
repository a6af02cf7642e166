// SPDX-License-Identifier: MPL-2.0
// A service that takes its time: it registers its name when /tmp/late-go is there. Then it counts, one of its own.
#include <protocols/counter.h>
#include <string.h>
#include <tessera/handle.h>
#include <unistd.h>

static int get(void *context, uint64_t badge, const struct counter_get *in, struct counter_get_reply *out) {
    out->value = 42;
    return 0;
}

int main(void) {
    struct counter_server server = {.get = get};
    while (access("/tmp/late-go", F_OK) < 0)
        usleep(5000);
    if (tessera_register("late", handle_named("port")) < 0)
        return 1;
    tessera_ready();
    return tessera_serve(handle_named("port"), counter_dispatch, &server) != 0;
}
