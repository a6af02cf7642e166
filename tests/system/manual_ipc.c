// SPDX-License-Identifier: MPL-2.0
// The examples of docs/ipc.md that send messages, between checks that they do what the page says. `make lint` compares.
#include "sys.h"

#include <pthread.h>
#include <sys/mman.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/time.h>
#include <tessera/words.h>

enum { LOG = 1, OPEN, ADD, LATER };

struct text_message {
    struct fipc_message header;
    char text[56];
};
struct sum_message {
    struct fipc_message header;
    int64_t values[2];
};

static void send_and_receive(void) {
    enum { client_number = 7 };
    struct port_options options = {.messages = 100, .flags = PORT_NOTE_SENDERS};
    int port = port_create(&options);

    struct port_right right = {.badge = client_number, .credit_messages = 16, .rights = RIGHT_SEND | RIGHT_TRANSFER};
    int send = port_mint(port, &right);

    struct text_message line = {{.type = LOG, .size = 5}, "hello"};
    int status = fipc_send(send, &line.header, deadline_after_ms(100)); // -ETIMEDOUT: 16 are queued already
    is(status, 0, "a message is sent");
    close(send);

    struct text_message in = {};
    status = fipc_recv(port, &in.header, sizeof in, FIPC_FOREVER);
    if (status == 0 && in.header.type == LOG)
        printf("# client %lu says %.*s\n", (unsigned long)in.header.badge, (int)in.header.size, in.text);
    ok(status == 0 && in.header.badge == client_number && strcmp(in.text, "hello") == 0,
       "and received, with its badge");
    status = fipc_recv(port, &in.header, sizeof in, 0);
    ok(status == 0 && in.header.flags == FIPC_NOTE && in.header.type == FIPC_NOTE_NO_SENDERS, "then the note");
    is(fipc_recv(port, &in.header, sizeof in, 0), -EAGAIN, "and nothing else");
    close(port);
}

static void serve(int port) {
    struct sum_message m = {};
    int status = fipc_recv(port, &m.header, sizeof m, FIPC_FOREVER);
    while (status == 0) {
        m.values[0] += m.values[1];
        m.header = (struct fipc_message){.type = 0, .size = sizeof m.values[0]};
        status = fipc_reply_recv(&m.header, port, &m.header, sizeof m, FIPC_FOREVER);
    }
}

static void in_registers(void) {
    int port = port_create(NULL), send = port_right(port, 0);
    pid_t child = start_child({
        struct fipc_words m = {};
        int status = fipc_recv_words(port, &m, FIPC_FOREVER);
        while (status == FIPC_CALL) {
            m.word[0] += m.word[1];
            status = fipc_reply_recv_words(port, &m);
        }
    });
    struct fipc_words m = {.type = ADD, .word = {40, 2}};
    if (fipc_call_words(send, &m) == 0)
        printf("# %lu\n", (unsigned long)m.word[0]);
    ok(m.word[0] == 42, "a call in registers");
    kill(child, SIGKILL);
    wait_status(child);
    close(port), close(send);
}

static void call(void) {
    int port = port_create(NULL), send = port_right(port, 0);
    pid_t child = start_child({ serve(port); });
    struct sum_message m = {{.type = ADD, .size = sizeof m.values}, {40, 2}};
    int status = fipc_call(send, &m.header, &m.header, sizeof m, deadline_after_ms(10000)); // the answer in m, too
    ok(status == 0 && m.values[0] == 42, "a call is answered");
    m.header = (struct fipc_message){.type = ADD, .size = sizeof m.values};
    ok(fipc_call(send, &m.header, &m.header, sizeof m, FIPC_FOREVER) == 0 && m.values[0] == 44, "and the next one");
    kill(child, SIGKILL);
    wait_status(child);
    close(port), close(send);
}

// The program that is called passes a file on, for reading only.
static void pass_handle(int port, int file) {
    struct text_message request = {};
    fipc_recv(port, &request.header, sizeof request, FIPC_FOREVER);
    struct fipc_handle out = {.handle = file, .rights = RIGHT_READ | RIGHT_MAP, .operation = FIPC_COPY};
    struct fipc_message answer = {.handles = (uintptr_t)&out, .handle_count = 1};
    if (fipc_reply(&answer) == -EPIPE)
        printf("# the caller has given up; the file is still ours alone\n");
}

static void handles(void) {
    int port = port_create(NULL), send = port_right(port, 0), file = memfd_create("data", 0);
    write(file, "contents", 8);
    pid_t child = start_child({ pass_handle(port, file); });
    struct fipc_handle in;
    struct fipc_message m = {.type = OPEN};
    struct fipc_message answer = {.handles = (uintptr_t)&in, .handle_count = 1}; // room for one
    int status = fipc_call(send, &m, &answer, sizeof answer, FIPC_FOREVER);
    char *data = status == 0 ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, in.handle, 0) : MAP_FAILED;
    ok(data != MAP_FAILED && memcmp(data, "contents", 8) == 0, "a file that came with an answer");
    fails(write(in.handle, "x", 1), EBADF, "is good for reading alone");
    exited(wait_status(child), 0, "the other side is content");
    munmap(data, 4096);
    close(in.handle), close(file), close(port), close(send);
}

// Two calls are taken, and answered in the other order.
static void answer_later(int port) {
    struct sum_message first = {}, second = {};
    fipc_recv(port, &first.header, sizeof first, FIPC_FOREVER);
    int saved = fipc_reply_save(0); // else the next fipc_recv would drop the call
    fipc_recv(port, &second.header, sizeof second, FIPC_FOREVER);
    second.header = (struct fipc_message){.size = sizeof second.values};
    fipc_reply(&second.header);
    first.header = (struct fipc_message){.size = sizeof first.values};
    fipc_send(saved, &first.header, 0); // any thread or process that has the handle may
    close(saved);
}

static void later(void) {
    int port = port_create(NULL), send = port_right(port, 0);
    pid_t server = start_child({ answer_later(port); }), callers[2];
    for (int i = 0; i < 2; i++)
        callers[i] = start_child({
            struct sum_message m = {{.type = LATER, .size = sizeof m.values}, {i, 0}};
            int status = fipc_call(send, &m.header, &m.header, sizeof m, FIPC_FOREVER);
            _exit(status == 0 && m.values[0] == i ? 0 : 1);
        });
    exited(wait_status(callers[0]), 0, "a call that is answered later, or after another one that was taken later");
    exited(wait_status(callers[1]), 0, "and the other: each has its own answer");
    exited(wait_status(server), 0, "the server is done");
    close(port), close(send);
}

// A page that comes into being when it is touched: the fault is a call to the thread that makes it.
static void *make_pages(void *argument) {
    int port = *(int *)argument;
    struct {
        struct fipc_message header;
        struct fipc_fault fault;
    } m = {};
    fipc_recv(port, &m.header, sizeof m, FIPC_FOREVER);
    if (m.header.type == FIPC_NOTE_FAULT && m.fault.signal == SIGSEGV) {
        mprotect((void *)(m.fault.address & ~4095ul), 4096, PROT_READ | PROT_WRITE);
        m.header = (struct fipc_message){.type = FIPC_FAULT_RESUME}; // no fipc_fault: at the same place
        fipc_reply(&m.header);
    }
    return NULL;
}

static void exceptions(void) {
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t maker;
    int port = port_create(NULL), send = port_right(port, 0), self = thread_open(0, 0);
    exception_port_set(self, send); // of this thread; (-1, send): of all in the process
    pthread_create(&maker, NULL, make_pages, &port);
    *(volatile char *)page = 'x';
    ok(*page == 'x', "a fault is mended by another thread");
    is(exception_port_set(self, -1), 0, "the port is taken away again");
    pthread_join(maker, NULL);
    munmap(page, 4096);
    close(self), close(send), close(port);
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "native calls");
        return tap_done();
    }
    send_and_receive();
    call();
    in_registers();
    handles();
    later();
    exceptions();
    return tap_done();
}
