// SPDX-License-Identifier: MPL-2.0
// All protocols alike: what a server does not know (a method, a version, another protocol, a longer message) is an
// error to its caller and reaches no code of the server's.
#include "native.h"
#include "tap.h"

#include <errno.h>
#include <stddef.h>
#include <tessera/server.h>

long native_call(long number, long a, long b, long c, long d, long e) {
    return -ENOSYS; // dispatch functions make none
}

// A server without a single method: whatever is decoded well is ENOSYS.
static struct {
    void *context, *methods[64];
} nothing;

static uint32_t answer_to(tessera_dispatch *dispatch, uint32_t type, uint32_t size, unsigned handles) {
    static struct tessera_message in, out;
    in.header = (struct fipc_message){.type = type, .size = size, .handle_count = handles, .flags = FIPC_CALL};
    for (unsigned i = 0; i < handles && i < FIPC_HANDLES_MAX; i++)
        in.handles[i].handle = -1;
    message_open(&in);
    return dispatch(&nothing, &in, &out) ? out.header.type : 0;
}

#define DECLARE(name) extern const struct tessera_protocol name##_about;
PROTOCOLS(DECLARE)

static void test(const struct tessera_protocol *about) {
    uint32_t protocol = about->number, version = about->version, methods = about->methods;
    tessera_dispatch *dispatch = about->dispatch;
    const char *name = about->name;
    int known = 0, bad = 0;
    for (uint32_t method = 1; method <= methods; method++) {
        uint32_t type = MESSAGE_TYPE(protocol, version, method), empty = answer_to(dispatch, type, 0, 0);
        known += empty == EBADMSG || empty == ENOSYS; // it has arguments, or none
        bad += answer_to(dispatch, type, FIPC_INLINE_MAX, FIPC_HANDLES_MAX) != EBADMSG;
        bad += answer_to(dispatch, type, FIPC_INLINE_MAX, 0) != EBADMSG;
        bad += answer_to(dispatch, type, UINT32_MAX, 0) != EBADMSG;
        bad += answer_to(dispatch, type, 0, FIPC_HANDLES_MAX + 1) != EBADMSG;
        bad += answer_to(dispatch, MESSAGE_TYPE(protocol, version + 1, method), 0, 0) != EPROTONOSUPPORT;
        bad += answer_to(dispatch, MESSAGE_TYPE(protocol, 0, method), 0, 0) != EPROTONOSUPPORT;
        bad += answer_to(dispatch, MESSAGE_TYPE(protocol + 1, version, method), 0, 0) != EPROTONOSUPPORT;
    }
    is(known, methods, "%s: %u methods", name, methods);
    is(bad, 0, "%s: longer messages are EBADMSG, others' EPROTONOSUPPORT", name);
    ok(answer_to(dispatch, MESSAGE_TYPE(protocol, version, methods + 1), 0, 0) == ENOSYS &&
           answer_to(dispatch, MESSAGE_TYPE(protocol, version, 0), 0, 0) == ENOSYS &&
           answer_to(dispatch, MESSAGE_TYPE(protocol, version, 0xfff), 0, 0) == ENOSYS,
       "%s: unknown methods are ENOSYS", name);
}

int main(void) {
#define TEST(name) test(&name##_about);
    PROTOCOLS(TEST)
    return tap_done();
}
