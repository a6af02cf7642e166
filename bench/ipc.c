// SPDX-License-Identifier: MPL-2.0
// Rows of Tessera's own calls: messages between processes by ports, signals of objects, handles. Linux has none of
// these; what it has for the same purpose is in messages.c.
#define _GNU_SOURCE
#include "bench.h"
#include "system_call.h"

#include <abi/fipc.h>
#include <abi/native.h>
#include <abi/native_numbers.h>
#include <abi/rights.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tessera/words.h>
#include <time.h>
#include <unistd.h>

// A call that cannot fail; what is left out is 0.
#define native(...) native_(__VA_ARGS__, 0, 0, 0, 0, 0)
#define native_(name, a, b, c, d, e, ...) checked(native_call(name, a, b, c, d, e), #name)
#define native_call(name, a, b, c, d, e) \
    system_call(NATIVE_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))
static inline long checked(long result, const char *what) {
    if (__builtin_expect(result < 0, 0)) {
        errno = (int)-result;
        must_(-1, what);
    }
    return result;
}

struct packet {
    struct fipc_message header;
    uint8_t data[64];
};

static long mint(long port) {
    struct port_right right = {.badge = 1, .rights = RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT};
    return native(port_mint, port, &right);
}

// Answers with as many bytes as it got, until the last right is gone.
static void serve(long port) {
    struct packet p = {};
    long status = native_call(fipc_recv, port, &p, sizeof p, FIPC_FOREVER, 0);
    while (status == 0 && !(p.header.flags & FIPC_NOTE)) {
        p.header.flags = 0;
        status = native_call(fipc_reply_recv, &p, port, &p, sizeof p, FIPC_FOREVER);
    }
    _exit(0);
}

static pid_t start_server(long port, int cpu) {
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        on_cpu(cpu);
        serve(port);
    }
    return child;
}

static void call_loop(long n, long right, uint32_t size) {
    struct packet p = {};
    for (int i = 0; i < 20; i++) {
        p.header = (struct fipc_message){.type = 1, .size = size};
        native(fipc_call, right, &p, &p, sizeof p, FIPC_FOREVER);
    }
    begin();
    for (long i = 0; i < n; i++) // flags and handles came back as 0
        native(fipc_call, right, &p, &p, sizeof p, FIPC_FOREVER);
    end();
}

// The client is on CPU 0.
static void calls(long n, uint32_t size, int server_cpu) {
    struct port_options options = {.flags = PORT_NOTE_SENDERS};
    long port = native(port_create, &options);
    on_cpu(0);
    pid_t child = start_server(port, server_cpu);
    long right = mint(port);
    call_loop(n, right, size);
    close((int)right), close((int)port);
    waitpid(child, NULL, 0);
}
static void call_0(long n) {
    calls(n, 0, 0);
}
static void call_32(long n) {
    calls(n, 32, 0);
}
static void call_64(long n) {
    calls(n, 64, 0);
}

// The same in registers.
static void call_words(long n) {
    struct port_options options = {.flags = PORT_NOTE_SENDERS};
    struct fipc_words words = {.type = 1, .word = {1, 2, 3, 4}};
    long port = native(port_create, &options);
    on_cpu(0);
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        int status = fipc_recv_words((int)port, &words, FIPC_FOREVER);
        while (status == FIPC_CALL)
            status = fipc_reply_recv_words((int)port, &words);
        _exit(0);
    }
    long right = mint(port);
    for (int i = 0; i < 20; i++)
        checked(fipc_call_words((int)right, &words), "fipc_call_words");
    begin();
    for (long i = 0; i < n; i++)
        checked(fipc_call_words((int)right, &words), "fipc_call_words");
    end();
    close((int)right), close((int)port);
    waitpid(child, NULL, 0);
}

static void call_across(long n) {
    calls(n, 64, 1);
}

static void send_receive(long n) {
    struct packet p = {.header = {.size = 64}};
    long port = native(port_create, NULL), right = mint(port);
    begin();
    for (long i = 0; i < n; i++) {
        native(fipc_send, right, &p, 0);
        native(fipc_recv, port, &p, sizeof p, 0);
    }
    end();
    close((int)right), close((int)port);
}

static void signal_alone(long n) {
    long port = native(port_create, NULL);
    begin();
    for (long i = 0; i < n; i++)
        native(object_signal, port, 0, 1u << 24);
    end();
    close((int)port);
}

// Each side signals the other's object and waits on its own, which clears it: n is a round trip, two signals, two
// switches and two waits, so half of it is one way. (seL4's wait clears, too: its row is the same.)
static struct wait_entry taking(long handle) {
    return (struct wait_entry){.handle = (int)handle, .wanted = 1u << 24, .consume = 1u << 24};
}
static void take_turns(long n, long mine, long other) {
    struct wait_entry entry = taking(mine);
    for (long i = 0; i < n; i++) {
        native(object_signal, other, 0, 1u << 24);
        native(object_wait, &entry, 1, FIPC_FOREVER);
    }
}
static void take_turns_at_once(long n, long mine, long other) {
    struct wait_entry entry = taking(mine);
    for (long i = 0; i < n; i++)
        native(object_signal_and_wait, other, 0, 1u << 24, &entry, FIPC_FOREVER);
}
// Whoever has blocked so often after so little is a short runner for any scheduler: neither preempts the other then.
static void sleep_often(void) {
    for (int i = 0; i < 100; i++)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}
static void ping_pong(long n, void (*turns)(long n, long mine, long other)) {
    long a = native(port_create, NULL), b = native(port_create, NULL);
    on_cpu(0);
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        struct wait_entry entry = taking(b);
        sleep_often();
        native(object_wait, &entry, 1, FIPC_FOREVER);
        turns(n + 19, b, a);
        native(object_signal, a, 0, 1u << 24);
        _exit(0);
    }
    sleep_often();
    turns(20, a, b);
    begin();
    turns(n, a, b);
    end();
    waitpid(child, NULL, 0);
    close((int)a), close((int)b);
}
static void signal_and_wait(long n) {
    ping_pong(n, take_turns);
}
static void signal_and_wait_at_once(long n) {
    ping_pong(n, take_turns_at_once);
}

static void duplicate(long n) {
    long port = native(port_create, NULL);
    begin();
    for (long i = 0; i < n; i++)
        close((int)native(handle_duplicate, port, RIGHT_WAIT, 0));
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

struct crowd {
    int start[2], finish[2], done[2]; // pipes: closed to start, closed to finish, written to by the last one
    _Atomic long ready, left;
};

// A client is asleep before and after the measured part.
static void client(struct crowd *crowd, long right, long n) {
    struct packet p = {.header = {.type = 1, .size = 64}};
    char c;
    close(crowd->start[1]), close(crowd->finish[1]);
    native(fipc_call, right, &p, &p, sizeof p, FIPC_FOREVER);
    crowd->ready++;
    read(crowd->start[0], &c, 1);
    for (long i = 0; i < n; i++)
        native(fipc_call, right, &p, &p, sizeof p, FIPC_FOREVER);
    if (--crowd->left == 0)
        write(crowd->done[1], "", 1);
    read(crowd->finish[0], &c, 1);
    _exit(0);
}

// So many processes that call one server at the same time, n calls in all.
static void clients(long n, int count) {
    static pid_t members[CLIENTS];
    struct crowd *crowd = mmap(NULL, sizeof *crowd, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct port_options options = {.flags = PORT_NOTE_SENDERS, .messages = CLIENTS, .bytes = 1 << 20};
    long port = native(port_create, &options);
    char c;
    on_cpu(0);
    pid_t server = start_server(port, 0); // before the pipes, which must not stay open in it
    must(pipe(crowd->start)), must(pipe(crowd->finish)), must(pipe(crowd->done));
    crowd->left = count;
    for (int i = 0; i < count; i++) {
        long right = mint(port);
        if ((members[i] = (pid_t)must(fork())) == 0)
            client(crowd, right, n / count);
        close((int)right);
    }
    while (crowd->ready < count)
        sched_yield();
    begin();
    close(crowd->start[1]);
    read(crowd->done[0], &c, 1);
    end();
    close_all();
    for (int i = 0; i < count; i++)
        waitpid(members[i], NULL, 0);
    waitpid(server, NULL, 0);
    munmap(crowd, sizeof *crowd);
}
static void clients_1(long n) {
    clients(n, 1);
}
static void clients_10(long n) {
    clients(n, 10);
}
static void clients_1000(long n) {
    clients(n, CLIENTS);
}

// So many ports in turn, a message to each.
static void ports(long n, int count) {
    static long ports[PORTS], rights[PORTS];
    struct packet p = {.header = {.size = 64}};
    raise_limit();
    for (int i = 0; i < count; i++) {
        ports[i] = native(port_create, NULL), rights[i] = mint(ports[i]);
        native(fipc_send, rights[i], &p, 0); // a right's first message makes its job pay for some more
        native(fipc_recv, ports[i], &p, sizeof p, 0);
    }
    begin();
    for (long i = 0; i < n; i++) {
        long k = i * 7919 % count;
        native(fipc_send, rights[k], &p, 0);
        native(fipc_recv, ports[k], &p, sizeof p, 0);
    }
    end();
    close_all();
}
static void ports_1(long n) {
    ports(n, 1);
}
static void ports_2(long n) {
    ports(n, 2);
}
static void ports_100(long n) {
    ports(n, 100);
}
static void ports_10000(long n) {
    ports(n, PORTS);
}

// So many handles of one send right, used in turn.
static void handles(long n, int count) {
    static int rights[HANDLES];
    struct packet p = {.header = {.size = 64}};
    raise_limit();
    long port = native(port_create, NULL), right = mint(port);
    for (int i = 0; i < count; i++)
        rights[i] = (int)native(handle_duplicate, right, ~0u, 0);
    begin();
    for (long i = 0; i < n; i++) {
        native(fipc_send, rights[i * 7919 % count], &p, 0);
        native(fipc_recv, port, &p, sizeof p, 0);
    }
    end();
    close_all();
}
static void handles_10(long n) {
    handles(n, 10);
}
static void handles_1000(long n) {
    handles(n, 1000);
}
static void handles_100000(long n) {
    handles(n, HANDLES);
}

const struct row ipc_rows[] = {
    {"fipc_call_0", "fipc_call + reply, no data, 2 processes", call_0, 5000, 0, TESSERA},
    {"fipc_call_words", "fipc_call_words + reply, 4 words in registers", call_words, 5000, 0, TESSERA},
    {"fipc_call_32", "fipc_call + reply, 32 bytes", call_32, 5000, 0, TESSERA},
    {"fipc_call_64", "fipc_call + reply, 64 bytes", call_64, 5000, 0, TESSERA},
    {"fipc_call_across", "fipc_call + reply, 64 bytes, two CPUs", call_across, 5000, 0, TESSERA | TWO_CPUS},
    {"fipc_send_recv", "fipc_send + fipc_recv, 64 bytes, 1 thread", send_receive, 5000, 0, TESSERA},
    {"object_signal", "object_signal, nobody waits", signal_alone, 20000, 0, TESSERA},
    {"signal_wait", "signal + wake + switch + wait again", signal_and_wait, 3000, 2, TESSERA},
    {"signal_and_wait", "the same by object_signal_and_wait, one call", signal_and_wait_at_once, 3000, 2, TESSERA},
    {"handle_duplicate", "handle_duplicate + close", duplicate, 10000, 0, TESSERA},
    {"clients_1", "fipc_call + reply, 1 client", clients_1, 50000, 0, TESSERA},
    {"clients_10", "fipc_call + reply, 10 clients at once", clients_10, 50000, 0, TESSERA},
    {"clients_1000", "fipc_call + reply, 1,000 clients at once", clients_1000, 50000, 0, TESSERA},
    {"ports_1", "fipc_send + fipc_recv, 1 port", ports_1, 10000, 0, TESSERA},
    {"ports_2", "fipc_send + fipc_recv, 2 ports in turn", ports_2, 10000, 0, TESSERA},
    {"ports_100", "fipc_send + fipc_recv, 100 ports in turn", ports_100, 10000, 0, TESSERA},
    {"ports_10000", "fipc_send + fipc_recv, 10,000 ports in turn", ports_10000, 10000, 0, TESSERA},
    {"handles_10", "fipc_send + fipc_recv, 10 handles in turn", handles_10, 10000, 0, TESSERA},
    {"handles_1000", "fipc_send + fipc_recv, 1,000 handles in turn", handles_1000, 10000, 0, TESSERA},
    {"handles_100000", "fipc_send + fipc_recv, 100,000 handles in turn", handles_100000, 10000, 0, TESSERA},
    {NULL},
};
