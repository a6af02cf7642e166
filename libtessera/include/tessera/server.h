// SPDX-License-Identifier: MPL-2.0
// A server's loop, and how it meets its clients.
#pragma once

#include <tessera/message.h>

// Returned by a method that has taken the right to answer (fipc_reply_save) and will use it later.
#define TESSERA_LATER (-1)

// Works on `in` and fills `out` with the answer. False: there is none to send (now). Handles in `in` are the
// function's. A protocol's generated dispatch function is one; its context is the protocol's server structure.
typedef bool tessera_dispatch(void *context, struct tessera_message *in, struct tessera_message *out);

// What a protocol is; NAME_about of its header.
struct tessera_protocol {
    const char *name;
    uint32_t number, version, methods;
    tessera_dispatch *dispatch;
};

// Receives and answers for ever; returns a negative error number when the port cannot be received from.
int tessera_serve(int port, tessera_dispatch *dispatch, void *context);
// One message, if there is one: 0, -EAGAIN if there is none, or another error. For servers that poll the port.
int tessera_serve_one(int port, tessera_dispatch *dispatch, void *context);

// Registers a send right to the port under a name of ours, with the token that init gave us. 0, or a negative error
// number: -EACCES (not our name), -ENOENT (init gave us no registry). The right has badge 0, as the one that init
// enters when registryd was started anew: who must tell clients apart gives them rights with badges by a method of its
// own.
int tessera_register(const char *name, int port);
// A send right to the service of that name; waits until it has registered. -ENOENT: our registry does not show it.
int tessera_connect(const char *name, int64_t deadline);
// Tells init that this service is ready for its clients.
void tessera_ready(void);
