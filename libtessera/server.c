// SPDX-License-Identifier: MPL-2.0
// The loop of a server: one call into the kernel for each request, which answers the last one and takes the next.
#include <tessera/server.h>

#include <errno.h>
#include <tessera/port.h>

// The answer can go together with the next receive unless it has handles: if its caller has given up, these come
// back, and only fipc_reply tells.
static bool reply_apart(struct tessera_message *out) {
    if (out->header.handle_count == 0)
        return false;
    if (fipc_reply(&out->header) < 0)
        message_drop_handles(out);
    return true;
}

// True: `out` is an answer that is still to be sent.
static bool work(tessera_dispatch *dispatch, void *context, struct tessera_message *in, struct tessera_message *out) {
    message_open(in);
    if (!dispatch(context, in, out))
        return false;
    if (out->bad) {
        message_drop_handles(out);
        message_fail(out, EMSGSIZE);
    }
    return !reply_apart(out);
}

int tessera_serve(int port, tessera_dispatch *dispatch, void *context) {
    struct tessera_message in, out;
    bool answer = false;
    for (;;) {
        message_expect(&in);
        int status = answer ? fipc_reply_recv(&out.header, port, &in.header, MESSAGE_ROOM, FIPC_FOREVER)
                            : fipc_recv(port, &in.header, MESSAGE_ROOM, FIPC_FOREVER);
        if (status == -EINTR)
            continue; // the kernel remembers whether the answer went out
        if (status < 0)
            return status;
        answer = work(dispatch, context, &in, &out);
    }
}

int tessera_serve_one(int port, tessera_dispatch *dispatch, void *context) {
    struct tessera_message in, out;
    message_expect(&in);
    int status = fipc_recv(port, &in.header, MESSAGE_ROOM, 0);
    if (status < 0)
        return status;
    if (work(dispatch, context, &in, &out))
        (void)fipc_reply(&out.header); // a caller that has given up needs no answer
    return 0;
}
