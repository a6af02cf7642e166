// SPDX-License-Identifier: MPL-2.0
// Callers lend their priority, also to a server that is busy with another call. All on one CPU and at FIFO priorities,
// so who comes first is the scheduler's doing alone: the test itself is above all others, who run when it sleeps.
#include "native.h"

#include <sched.h>
#include <sys/mman.h>

enum { LOW = 10, ABOVE = 20, MIDDLE = 40, HIGH = 70, TEST = 90 };

// What happened, in order: upper case when the server begins with a call, lower case when a caller has its answer.
static struct {
    unsigned count;
    char text[16];
} *order;

static void happened(int what) {
    order->text[order->count++] = (char)what;
}

static void be_fifo(int priority) {
    struct sched_param param = {.sched_priority = priority};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param) != 0) // musl's function fails always
        _exit(99);
}

// Where the server and the one who does not call wait to be let go; where a child tells that it has come somewhere.
static int server_gate[2], middle_gate[2], told[2];

static void pass(const int to[2]) {
    write(to[1], "", 1);
}
static void wait_at(const int from[2]) {
    char byte;
    if (read(from[0], &byte, 1) != 1)
        _exit(98);
}

static struct packet out, in;
static int right;

// Tells when it has a call 'a', and holds it until it is let go; 'r' it holds for as long as it does not get the CPU.
static void serve(int port) {
    be_fifo(LOW);
    long status = fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    while (status == 0) {
        uint32_t name = in.header.type;
        if (name == 'a' || name == 'r')
            pass(told);
        if (name == 'a')
            wait_at(server_gate);
        happened((int)name - 'a' + 'A');
        status = fipc_reply_recv(packet_with(&out, 0, "", 0), port, &in, PACKET_ROOM, FIPC_FOREVER);
    }
    _exit(0);
}

static pid_t caller(int priority, char name) {
    return start_child({
        be_fifo(priority);
        if (fipc_call(right, packet_with(&out, (uint32_t)name, "", 0), &in, PACKET_ROOM, FIPC_FOREVER) == 0)
            happened(name);
    });
}

// Does not call, but wants to run.
static pid_t computer(void) {
    pid_t child = start_child({
        be_fifo(MIDDLE);
        pass(told);
        wait_at(middle_gate);
        happened('m');
    });
    wait_at(told);
    return child;
}

// Lets server and computer go at the same time, and waits for the ends of all children.
static void let_go(const pid_t *children, unsigned count, const char *expected, const char *what) {
    pass(middle_gate), pass(server_gate);
    for (unsigned i = 0; i < count; i++)
        wait_status(children[i]);
    ok(!strcmp(order->text, expected), "%s (%s)", what, order->text);
    *order = (typeof(*order)){};
}

static void blocked_server(void) {
    pid_t low = caller(LOW, 'a'); // the server has it …
    wait_at(told);                // … now
    pid_t middle = computer();
    let_go((pid_t[]){low, middle}, 2, "mAa", "a server runs at its own priority or its caller's");

    low = caller(LOW, 'a'), wait_at(told);
    middle = computer();
    pid_t high = caller(HIGH, 'h');
    sleeps(high);
    let_go((pid_t[]){low, middle, high}, 3, "AHhma", "a caller that waits for a busy server lends it its priority");

    low = caller(LOW, 'a'), wait_at(told);
    middle = computer();
    let_go((pid_t[]){low, middle}, 2, "mAa", "and has it back afterwards");

    low = caller(LOW, 'a'), wait_at(told);
    middle = computer();
    pid_t above = caller(ABOVE, 'l');
    sleeps(above);
    high = caller(HIGH, 'h');
    sleeps(high);
    let_go((pid_t[]){low, middle, above, high}, 4, "ALHhmla",
           "of several the highest counts, also while one that came before it is served");

    low = caller(LOW, 'a'), wait_at(told);
    middle = computer();
    high = caller(HIGH, 'h');
    sleeps(high);
    kill(high, SIGKILL), wait_status(high);
    let_go((pid_t[]){low, middle}, 2, "mAa", "a caller that has given up lends nothing");
}

// The server is on its CPU's queue when the others call.
static void ready_server(void) {
    pid_t low = caller(LOW, 'r');
    wait_at(told); // which takes the CPU from the server
    pid_t middle = computer();
    pid_t high = start_child({
        be_fifo(HIGH);
        pass(told);
        fipc_call(right, packet_with(&out, 'h', "", 0), &in, PACKET_ROOM, FIPC_FOREVER);
        happened('h');
    });
    wait_at(told);
    let_go((pid_t[]){low, middle, high}, 3, "RHhmr", "also to one that is ready to run");
}

int main(void) {
    needs_native();
    cpu_set_t one;
    CPU_ZERO(&one), CPU_SET(0, &one);
    is(sched_setaffinity(0, sizeof one, &one), 0, "all on one CPU");
    be_fifo(TEST);
    order = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pipe(server_gate), pipe(middle_gate), pipe(told);
    int port = port_create(NULL);
    right = mint(port, 1, 4);
    pid_t server = start_child(serve(port));
    sleeps(server);
    blocked_server();
    ready_server();
    kill(server, SIGKILL), wait_status(server);
    return tap_done();
}
