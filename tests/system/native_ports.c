// SPDX-License-Identifier: MPL-2.0
// Ports: messages with data and handles, order, credits, deadlines, signals, the end of a port.
#include "native.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static struct packet out, in;

static long send_number(int right, uint32_t number) {
    return fipc_send(right, packet_with(&out, number, &number, sizeof number), 0);
}
static long take(int port) {
    memset(&in, 0xee, sizeof in);
    expect_handles(&in);
    return fipc_recv(port, &in, PACKET_ROOM, 0);
}
static short polled(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    poll(&p, 1, 0);
    return p.revents;
}

static void messages(void) {
    int port = port_create(NULL), right = mint(port, 77, 8);
    ok(port >= 0 && right >= 0, "a port and a right");
    is(polled(port), 0, "an empty port is not readable");
    is(polled(right), POLLOUT, "a right with credit is writable");
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "nothing to receive");
    fails(fipc_recv(port, &in, PACKET_ROOM, in_ms(20)), ETIMEDOUT, "nor until a deadline");
    is(fipc_send(right, packet_with(&out, 5, "hello", 5), 0), 0, "send");
    is(polled(port), POLLIN, "now it is");
    is(take(port), 0, "receive");
    ok(in.header.type == 5 && in.header.size == 5 && in.header.badge == 77 && in.header.handle_count == 0 &&
           in.header.flags == 0 && !memcmp(in.data, "hello", 5),
       "what was sent, with the badge");
    ok(in.data[5] == 0xee, "and not a byte more");
    static uint8_t large[FIPC_INLINE_MAX];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7);
    is(fipc_send(right, packet_with(&out, 6, large, sizeof large), 0), 0, "the largest message");
    fails(fipc_recv(port, &in, HEADER + 100, 0), EMSGSIZE, "does not fit into a small room");
    is(in.header.size, FIPC_INLINE_MAX, "which says what would do");
    is(take(port), 0, "and is still there");
    ok(!memcmp(in.data, large, sizeof large), "whole");
    out.header.size = FIPC_INLINE_MAX + 1;
    fails(fipc_send(right, &out, 0), EMSGSIZE, "a larger one");
    fails(fipc_send(right, (void *)8, 0), EFAULT, "a bad address");
    out.header.size = 0;
    fails(fipc_send(port, &out, 0), EACCES, "a port is no right to send");
    fails(fipc_recv(right, &in, PACKET_ROOM, 0), EACCES, "nor a right one to receive");
    close(port);
    ok(polled(right) & POLLHUP, "the port's end hangs up");
    fails(send_number(right, 1), EPIPE, "and breaks the right");
    close(right);
}

static void order_and_credit(void) {
    int port = port_create(NULL), a = mint(port, 1, 4), b = mint(port, 2, 4);
    for (uint32_t i = 0; i < 4; i++)
        send_number(a, i);
    is(polled(a), 0, "without credit a right is not writable");
    fails(send_number(a, 9), EAGAIN, "and does not send");
    fails(fipc_send(a, &out, in_ms(20)), ETIMEDOUT, "until a deadline");
    is(send_number(b, 100), 0, "another one does");
    take(port);
    is(in.header.badge, 1, "the first");
    take(port);
    ok(in.header.badge == 2 && in.header.type == 100, "then the other's turn");
    is(polled(a), POLLOUT, "taking gives credit back");
    bool ordered = true;
    for (uint32_t i = 1; i < 4; i++)
        ordered &= take(port) == 0 && in.header.badge == 1 && in.header.type == i;
    ok(ordered, "a sender's messages come in order");
    pid_t child = start_child({
        close(port);
        for (uint32_t i = 0; i < 1000; i++)
            if (fipc_send(a, packet_with(&out, i, &i, 4), FIPC_FOREVER) != 0)
                _exit(1);
    });
    for (uint32_t i = 0; i < 1000; i++)
        ordered &= fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER) == 0 && in.header.type == i;
    ok(ordered, "a thousand, with credit for four");
    exited(wait_status(child), 0, "and the sender sees no error");
    close(a), close(b), close(port);
}

static void handles(void) {
    int port = port_create(NULL), right = mint(port, 3, 8);
    int event = eventfd(5, 0), kept = eventfd(6, 0);
    out.header = (struct fipc_message){.type = 1, .handles = (uintptr_t)out.handles, .handle_count = 2};
    out.handles[0] = (struct fipc_handle){.handle = event, .rights = RIGHT_READ, .operation = FIPC_MOVE};
    out.handles[1] = (struct fipc_handle){.handle = kept, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    is(fipc_send(right, &out, 0), 0, "a message with two handles");
    fails(fcntl(event, F_GETFD), EBADF, "the moved one is gone");
    ok(fcntl(kept, F_GETFD) >= 0, "the copied one is not");
    is(take(port), 0, "received");
    is(in.header.handle_count, 2, "with both");
    uint64_t value;
    int moved = in.handles[0].handle, copied = in.handles[1].handle;
    ok(read(moved, &value, 8) == 8 && value == 5, "the moved one reads");
    value = 1;
    fails(write(moved, &value, 8), EBADF, "and has lost the right to write");
    is(in.handles[0].rights, RIGHT_READ, "as the message says");
    ok(write(copied, &value, 8) == 8 && read(kept, &value, 8) == 8 && value == 7, "the copied one is the same object");
    ok(fcntl(copied, F_GETFD) & FD_CLOEXEC, "received handles are closed by exec");
    close(moved), close(copied);
    // All or nothing: the third is bad.
    event = eventfd(1, 0);
    out.header.handle_count = 3;
    out.handles[0].handle = event;
    out.handles[2] = (struct fipc_handle){.handle = 999, .rights = RIGHTS_ALL};
    fails(fipc_send(right, &out, 0), EBADF, "a bad handle among them");
    ok(read(event, &value, 8) == 8 && value == 1, "then none moves");
    out.handles[2].handle = event;
    fails(fipc_send(right, &out, 0), EBADF, "nor can one move twice");
    ok(fcntl(event, F_GETFD) >= 0, "it is still there");
    out.header.handle_count = 1;
    is(fipc_send(right, &out, 0), 0, "send it");
    in.header.handle_count = 0;
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EMSGSIZE, "a receiver without room for handles");
    is(take(port), 0, "the message stays");
    close(in.handles[0].handle), close(kept), close(right), close(port);
}

// How many objects of a kind are alive.
static long alive(const char *kind) {
    char *text = get_file("/proc/tessera/leaks"), *line = text ? strstr(text, kind) : NULL;
    return line ? atol(line + strlen(kind)) : text ? 0 : -1; // none was ever made
}

static int send_handle(int right, int handle, uint32_t operation) {
    struct fipc_handle item = {.handle = handle, .rights = RIGHTS_ALL, .operation = operation};
    struct packet p = {.header = {.handles = (uintptr_t)&item, .handle_count = 1}};
    return (int)fipc_send(right, &p, 0);
}

static int send_by_socket(int socket, int handle) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &handle, sizeof handle);
    return sendmsg(socket, &m, 0) == 1 ? 0 : -1;
}

// Handles in messages in queues whose own handles are in them.
static void cycles(void) {
    long ports = alive("\nport "), rights = alive("\nsend_right "), sockets = alive("\nunix_socket ");
    ok(ports >= 0 && rights >= 0, "objects alive are counted");
    for (int i = 0; i < 50; i++) {
        int a = port_create(NULL), to_a = mint(a, 0, 0), b = port_create(NULL), to_b = mint(b, 0, 0), pair[2];
        if (i % 5 == 0) { // itself
            send_handle(to_a, a, FIPC_MOVE);
        } else if (i % 5 == 1) { // each other
            send_handle(to_b, a, FIPC_COPY), send_handle(to_a, b, FIPC_COPY);
        } else if (i % 5 == 2) { // and the rights as well
            send_handle(to_a, to_b, FIPC_COPY), send_handle(to_b, a, FIPC_MOVE), send_handle(to_a, b, FIPC_MOVE);
        } else if (i % 5 == 3) { // a port in a socket in the port
            socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
            send_by_socket(pair[0], a), send_handle(to_a, pair[1], FIPC_COPY);
            close(pair[0]), close(pair[1]);
        } else { // a long chain, closed in the end
            int first = a, to_first = to_a;
            for (int k = 0; k < 20; k++) {
                send_handle(to_b, a, FIPC_COPY);
                if (a != first)
                    close(a), close(to_a);
                a = b, to_a = to_b;
                b = port_create(NULL), to_b = mint(b, 0, 0);
            }
            send_handle(to_first, a, FIPC_COPY);
            close(first), close(to_first);
        }
        close(a), close(b), close(to_a), close(to_b);
    }
    int outer = port_create(NULL), to_outer = mint(outer, 0, 0);
    for (int i = 0; i < 2000; i++) { // a port in a message in a port in a message …
        int next = port_create(NULL), to_next = mint(next, 0, 0);
        send_handle(to_next, outer, FIPC_MOVE);
        close(to_outer);
        outer = next, to_outer = to_next;
    }
    close(outer), close(to_outer);
    is(alive("\nport "), ports, "no port is left of fifty circles and a chain of two thousand");
    is(alive("\nsend_right "), rights, "no right");
    is(alive("\nunix_socket "), sockets, "no socket");
    // Not garbage: a port that can still be received.
    int a = port_create(NULL), to_a = mint(a, 0, 0), b = port_create(NULL), to_b = mint(b, 3, 0);
    send_handle(to_b, b, FIPC_COPY), send_handle(to_a, b, FIPC_MOVE);
    close(port_create(NULL));
    is(take(a), 0, "what lies in an open port's queue stays");
    b = in.handles[0].handle;
    ok(take(b) == 0 && in.header.badge == 3, "and what lies in its own");
    close(in.handles[0].handle), close(a), close(b), close(to_a), close(to_b);
    is(alive("\nport "), ports, "and then goes");
}

static void notes(void) {
    struct port_options options = {.flags = PORT_NOTE_SENDERS};
    int port = port_create(&options), right = mint(port, 42, 4), copy = dup(right);
    send_number(right, 1);
    close(right);
    take(port);
    fails(take(port), EAGAIN, "no note while there is a handle");
    send_number(copy, 2);
    close(copy);
    ok(take(port) == 0 && in.header.type == 2, "what was sent comes first");
    ok(take(port) == 0 && in.header.flags == FIPC_NOTE && in.header.type == FIPC_NOTE_NO_SENDERS &&
           in.header.badge == 42,
       "then the note that there are no senders");
    struct port_right once = {.badge = 1, .rights = RIGHTS_SENDER, .flags = PORT_RIGHT_ONCE};
    right = (int)port_mint(port, &once);
    is(send_number(right, 1), 0, "a right for one message");
    fails(send_number(right, 2), EBADF, "takes no second");
    close(right);
    take(port), take(port);
    ok(in.header.flags == FIPC_NOTE, "and its end is noted");
    close(port);
    options = (struct port_options){.messages = 2, .bytes = 100};
    port = port_create(&options);
    int a = mint(port, 1, 0), b = mint(port, 2, 0);
    send_number(a, 1), send_number(b, 1);
    fails(send_number(b, 1), EAGAIN, "a port's own limit counts for all");
    out.header = (struct fipc_message){.size = 101};
    fails(fipc_send(a, &out, FIPC_FOREVER), EMSGSIZE, "and what can never fit is not waited for");
    options.flags = 2;
    fails(port_create(&options), EINVAL, "unknown options");
    close(a), close(b), close(port);
}

int main(void) {
    needs_native();
    messages();
    order_and_credit();
    handles();
    cycles();
    notes();
    return tap_done();
}
