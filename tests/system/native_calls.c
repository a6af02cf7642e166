// SPDX-License-Identifier: MPL-2.0
// Calls and replies: data both ways, reply rights, deadlines, signals, the server's death.
#include "native.h"

static struct packet out, in;

// Answers each call with its data, inverted, and its type + 1, until type 0.
static void echo(int port) {
    static struct packet p;
    expect_handles(&p);
    long status = fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER);
    while (status == 0 && p.header.type != 0) {
        for (uint32_t i = 0; i < p.header.size; i++)
            p.data[i] = ~p.data[i];
        p.header = (struct fipc_message){.type = p.header.type + 1, .size = p.header.size};
        status = fipc_reply_recv(&p, port, &p, PACKET_ROOM, FIPC_FOREVER);
    }
    _exit(status != 0);
}

static bool call_echo(int right, uint32_t type, uint32_t size) {
    uint8_t data[FIPC_INLINE_MAX];
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 + type);
    if (fipc_call(right, packet_with(&out, type, data, size), &in, PACKET_ROOM, FIPC_FOREVER) != 0)
        return false;
    bool good = in.header.type == type + 1 && in.header.size == size;
    for (uint32_t i = 0; i < size; i++)
        good &= in.data[i] == (uint8_t)~data[i];
    return good;
}

static void calls(void) {
    int port = port_create(NULL), right = mint(port, 9, 4);
    pid_t server = start_child(echo(port));
    close(port);
    ok(call_echo(right, 1, 0), "a call without data");
    ok(call_echo(right, 2, 64), "64 bytes");
    ok(call_echo(right, 3, 65), "65 bytes");
    ok(call_echo(right, 4, FIPC_INLINE_MAX), "8192 bytes");
    bool good = true;
    for (uint32_t i = 0; i < 3000; i++)
        good &= call_echo(right, i + 1, i % 130);
    ok(good, "three thousand of all sizes");
    kill(server, SIGKILL);
    fails(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER), EPIPE, "a dead server");
    wait_status(server);
    close(right);
}

int main(void) {
    needs_native();
    calls();
    return tap_done();
}
