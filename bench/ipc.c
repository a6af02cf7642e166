// SPDX-License-Identifier: MPL-2.0
// Rows of Tessera's own calls: messages between processes by ports, signals of objects, handles. Linux has none of
// these; what it has for the same purpose is in messages.c.
#define _GNU_SOURCE
#include "bench.h"

#include <abi/fipc.h>
#include <abi/native.h>
#include <abi/rights.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DUPLICATE = 0x200, SIGNAL = 0x203, WAIT, CREATE = 0x220, MINT, SEND, RECEIVE, CALL, REPLY, REPLY_RECEIVE };

struct packet {
    struct fipc_message header;
    uint8_t data[64];
};

static long mint(long port) {
    struct port_right right = {.badge = 1, .rights = RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT};
    return must(syscall(MINT, port, &right));
}

// Answers with as many bytes as it got, until the last right is gone.
static void serve(long port) {
    struct packet p = {};
    long status = syscall(RECEIVE, port, &p, sizeof p, FIPC_FOREVER);
    while (status == 0 && !(p.header.flags & FIPC_NOTE)) {
        p.header.flags = 0;
        status = syscall(REPLY_RECEIVE, &p, port, &p, sizeof p, FIPC_FOREVER);
    }
    _exit(0);
}

static pid_t start_server(long port) {
    pid_t child = (pid_t)must(fork());
    if (child == 0)
        serve(port);
    return child;
}

static void call_loop(long n, long right, uint32_t size) {
    struct packet p = {};
    for (int i = 0; i < 20; i++) {
        p.header = (struct fipc_message){.type = 1, .size = size};
        must(syscall(CALL, right, &p, &p, sizeof p, FIPC_FOREVER));
    }
    begin();
    for (long i = 0; i < n; i++) // flags and handles came back as 0
        must(syscall(CALL, right, &p, &p, sizeof p, FIPC_FOREVER));
    end();
}

static void calls(long n, uint32_t size) {
    struct port_options options = {.flags = PORT_NOTE_SENDERS};
    long port = must(syscall(CREATE, &options));
    pid_t child = start_server(port);
    long right = mint(port);
    call_loop(n, right, size);
    close((int)right), close((int)port);
    waitpid(child, NULL, 0);
}
static void call_0(long n) {
    calls(n, 0);
}
static void call_32(long n) {
    calls(n, 32);
}
static void call_64(long n) {
    calls(n, 64);
}

// The client on CPU 0, the server on CPU 1 (if there is one): the hand-off has to wake it there.
static void on_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set); // fails on one CPU, where there is nothing to choose
}
static void call_across(long n) {
    struct port_options options = {.flags = PORT_NOTE_SENDERS};
    long port = must(syscall(CREATE, &options));
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        on_cpu(1);
        serve(port);
    }
    on_cpu(0);
    long right = mint(port);
    call_loop(n, right, 64);
    close((int)right), close((int)port);
    waitpid(child, NULL, 0);
}

// A pipe each way between the same two CPUs, to compare.
static void pipe_across(long n) {
    int there[2], back[2];
    char byte = 0;
    must(pipe(there)), must(pipe(back));
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        on_cpu(1);
        close(there[1]);
        while (read(there[0], &byte, 1) == 1)
            write(back[1], &byte, 1);
        _exit(0);
    }
    on_cpu(0);
    begin();
    for (long i = 0; i < n; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            exit(1);
    end();
    close(there[0]), close(there[1]), close(back[0]), close(back[1]);
    waitpid(child, NULL, 0);
}

static void send_receive(long n) {
    struct packet p = {.header = {.size = 64}};
    long port = must(syscall(CREATE, NULL)), right = mint(port);
    begin();
    for (long i = 0; i < n; i++) {
        must(syscall(SEND, right, &p, 0));
        must(syscall(RECEIVE, port, &p, sizeof p, 0));
    }
    end();
    close((int)right), close((int)port);
}

static void signal_alone(long n) {
    long port = must(syscall(CREATE, NULL));
    begin();
    for (long i = 0; i < n; i++)
        must(syscall(SIGNAL, port, 0, 1u << 24));
    end();
    close((int)port);
}

// Each side signals the other's object and waits on its own: n is a round trip, so half of it is one way.
static void take_turns(long n, long mine, long other) {
    struct wait_entry entry = {.handle = (int)mine, .wanted = 1u << 24};
    for (long i = 0; i < n; i++) {
        must(syscall(SIGNAL, other, 0, 1u << 24));
        must(syscall(WAIT, &entry, 1, FIPC_FOREVER));
        must(syscall(SIGNAL, mine, 1u << 24, 0));
    }
}
static void signal_and_wait(long n) {
    long a = must(syscall(CREATE, NULL)), b = must(syscall(CREATE, NULL));
    on_one_cpu();
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        struct wait_entry entry = {.handle = (int)b, .wanted = 1u << 24};
        syscall(WAIT, &entry, 1, FIPC_FOREVER);
        syscall(SIGNAL, b, 1u << 24, 0);
        take_turns(n + 19, b, a);
        syscall(SIGNAL, a, 0, 1u << 24);
        _exit(0);
    }
    take_turns(20, a, b);
    begin();
    take_turns(n, a, b);
    end();
    waitpid(child, NULL, 0);
    close((int)a), close((int)b);
}

static void duplicate(long n) {
    long port = must(syscall(CREATE, NULL));
    begin();
    for (long i = 0; i < n; i++)
        close((int)must(syscall(DUPLICATE, port, RIGHT_WAIT, 0)));
    end();
    close((int)port);
}

// ---------------------------------------------------------------- many of everything: a message costs the same

enum { CLIENTS = 1000, PORTS = 10000, HANDLES = 100000 };

static void raise_limit(void) {
    struct rlimit limit = {HANDLES + 1000, HANDLES + 1000};
    must(setrlimit(RLIMIT_NOFILE, &limit));
}

static void close_all(void) {
    syscall(SYS_close_range, 3, ~0u, 0);
}

// A thousand rights, each of which sends in turn, to one receiver.
static void many_clients(long n) {
    static long rights[CLIENTS];
    struct packet p = {.header = {.size = 64}};
    struct port_options options = {.messages = CLIENTS, .bytes = 1 << 20};
    raise_limit();
    long port = must(syscall(CREATE, &options));
    for (int i = 0; i < CLIENTS; i++)
        rights[i] = mint(port);
    begin();
    for (long i = 0; i < n / CLIENTS; i++) {
        for (int k = 0; k < CLIENTS; k++)
            must(syscall(SEND, rights[k], &p, 0));
        for (int k = 0; k < CLIENTS; k++)
            must(syscall(RECEIVE, port, &p, sizeof p, 0));
    }
    end();
    close_all();
}

static void many_ports(long n) {
    static long ports[PORTS], rights[PORTS];
    struct packet p = {.header = {.size = 64}};
    raise_limit();
    for (int i = 0; i < PORTS; i++)
        ports[i] = must(syscall(CREATE, NULL)), rights[i] = mint(ports[i]);
    begin();
    for (long i = 0; i < n; i++) {
        long k = i * 7919 % PORTS;
        must(syscall(SEND, rights[k], &p, 0));
        must(syscall(RECEIVE, ports[k], &p, sizeof p, 0));
    }
    end();
    close_all();
}

static void many_handles(long n) {
    struct packet p = {.header = {.size = 64}};
    raise_limit();
    long port = must(syscall(CREATE, NULL)), right = mint(port);
    for (int i = 0; i < HANDLES - 10; i++)
        port = must(syscall(DUPLICATE, port, ~0u, 0));
    begin();
    for (long i = 0; i < n; i++) {
        must(syscall(SEND, right, &p, 0));
        must(syscall(RECEIVE, port, &p, sizeof p, 0));
    }
    end();
    close_all();
}

const struct row ipc_rows[] = {
    {"fipc_call_0", "fipc_call + reply, no data, 2 processes", call_0, 5000},
    {"fipc_call_32", "fipc_call + reply, 4 words", call_32, 5000},
    {"fipc_call_64", "fipc_call + reply, 64 bytes", call_64, 5000},
    {"fipc_call_across", "fipc_call + reply, 64 bytes, two CPUs", call_across, 5000},
    {"pipe_across", "pipe ping-pong, two CPUs", pipe_across, 2000},
    {"fipc_send_recv", "fipc_send + fipc_recv, 64 bytes, 1 thread", send_receive, 5000},
    {"object_signal", "object_signal, nobody waits", signal_alone, 20000},
    {"signal_wait", "signal + wake + switch + wait again", signal_and_wait, 3000, 2},
    {"handle_duplicate", "handle_duplicate + close", duplicate, 10000},
    {"fipc_1000_rights", "fipc_send + fipc_recv, 1,000 rights of a port", many_clients, 10000},
    {"fipc_10000_ports", "the same, 10,000 ports in turn", many_ports, 10000},
    {"fipc_100000_handles", "the same, 100,000 handles open", many_handles, 10000},
    {NULL},
};
