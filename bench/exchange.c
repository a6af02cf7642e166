// SPDX-License-Identifier: MPL-2.0
// Rows: what a kernel of today offers for what Tessera's own calls do, to set beside them: 64 bytes to another process
// and 64 back, a signal, 8 or 64 bytes through a queue. Each is done in every way that there is; tools/bench takes the
// fastest. A futex and an eventfd carry no data, so the bytes go through shared memory beside them.
#define _GNU_SOURCE
#include "bench.h"

#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DATA_MAX = 64 };

// One direction; in memory that both processes share.
struct way {
    int in, out; // descriptors: written to, read from
    _Alignas(64) _Atomic uint32_t full;
    uint8_t data[DATA_MAX];
};

struct transport {
    void (*open)(struct way ways[2]);
    void (*send)(struct way *way, const void *data, size_t size);
    void (*receive)(struct way *way, void *data, size_t size);
};

static void fail(const char *what) {
    printf("failed: %s\n", what);
    exit(1);
}

static void open_pipes(struct way ways[2]) {
    for (int i = 0; i < 2; i++) {
        int ends[2];
        must(pipe(ends));
        ways[i].in = ends[1], ways[i].out = ends[0];
    }
}
static void open_sockets(struct way ways[2]) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    ways[0].in = ways[1].out = pair[0];
    ways[0].out = ways[1].in = pair[1];
}
static void write_bytes(struct way *way, const void *data, size_t size) {
    if (write(way->in, data, size) != (ssize_t)size)
        fail("write");
}
static void read_bytes(struct way *way, void *data, size_t size) {
    if (read(way->out, data, size) != (ssize_t)size)
        fail("read");
}

static void open_eventfds(struct way ways[2]) {
    for (int i = 0; i < 2; i++)
        ways[i].in = ways[i].out = (int)must(eventfd(0, 0));
}
static void add_event(struct way *way, const void *data, size_t size) {
    uint64_t one = 1;
    memcpy(way->data, data, size);
    write_bytes(way, &one, sizeof one);
}
static void take_event(struct way *way, void *data, size_t size) {
    uint64_t count;
    read_bytes(way, &count, sizeof count);
    memcpy(data, way->data, size);
}

static void open_futexes(struct way ways[2]) {
    ways[0].full = ways[1].full = 0;
}
static void wake_futex(struct way *way, const void *data, size_t size) {
    memcpy(way->data, data, size);
    __c11_atomic_store(&way->full, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &way->full, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void wait_futex(struct way *way, void *data, size_t size) {
    while (!__c11_atomic_load(&way->full, __ATOMIC_ACQUIRE))
        syscall(SYS_futex, &way->full, FUTEX_WAIT, 0, NULL, NULL, 0);
    memcpy(data, way->data, size);
    __c11_atomic_store(&way->full, 0, __ATOMIC_RELAXED);
}

static const struct transport pipes = {open_pipes, write_bytes, read_bytes},
                              sockets = {open_sockets, write_bytes, read_bytes},
                              eventfds = {open_eventfds, add_event, take_event},
                              futexes = {open_futexes, wake_futex, wait_futex};

// ---------------------------------------------------------------- there and back between two processes

static void echo(const struct transport *t, struct way ways[2], size_t size) {
    uint8_t data[DATA_MAX];
    for (;;) {
        t->receive(&ways[0], data, size);
        t->send(&ways[1], data, size);
    }
}

static void round_trips(const struct transport *t, struct way ways[2], size_t size, long n) {
    uint8_t data[DATA_MAX] = {1};
    for (long i = 0; i < n; i++) {
        t->send(&ways[0], data, size);
        t->receive(&ways[1], data, size);
    }
}

static void exchange(const struct transport *t, size_t size, int other_cpu, long n) {
    struct way *ways = mmap(NULL, 2 * sizeof *ways, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ways == MAP_FAILED)
        fail("mmap");
    t->open(ways);
    on_cpu(0);
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        on_cpu(other_cpu);
        echo(t, ways, size);
    }
    round_trips(t, ways, size, 20);
    begin();
    round_trips(t, ways, size, n);
    end();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

// A signal carries nothing; but what goes through a descriptor has to be a byte.
#define rows_of(name, transport, least)       \
    static void name##_64(long n) {           \
        exchange(&transport, DATA_MAX, 0, n); \
    }                                         \
    static void name##_64_across(long n) {    \
        exchange(&transport, DATA_MAX, 1, n); \
    }                                         \
    static void name##_signal(long n) {       \
        exchange(&transport, least, 0, n);    \
    }
rows_of(pipe, pipes, 1);
rows_of(unix, sockets, 1);
rows_of(eventfd, eventfds, 0);
rows_of(futex, futexes, 0);

// ---------------------------------------------------------------- alone

static void futex_alone(long n) {
    uint32_t word = 0;
    begin();
    for (long i = 0; i < n; i++)
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    end();
}

static void eventfd_alone(long n) {
    int event = (int)must(eventfd(0, 0));
    uint64_t one = 1;
    begin();
    for (long i = 0; i < n; i++)
        write(event, &one, sizeof one);
    end();
    close(event);
}

static void pass(const struct transport *t, size_t size, long n) {
    struct way ways[2];
    uint8_t data[DATA_MAX] = {1};
    t->open(ways);
    begin();
    for (long i = 0; i < n; i++) {
        t->send(&ways[0], data, size);
        t->receive(&ways[0], data, size);
    }
    end();
}
static void pipe_pass_8(long n) {
    pass(&pipes, 8, n);
}
static void pipe_pass_64(long n) {
    pass(&pipes, 64, n);
}
static void unix_pass_8(long n) {
    pass(&sockets, 8, n);
}
static void unix_pass_64(long n) {
    pass(&sockets, 64, n);
}

const struct row exchange_rows[] = {
    {"pipe_64", "64 bytes there and back, pipe", pipe_64, 2000},
    {"unix_64", "64 bytes there and back, AF_UNIX", unix_64, 2000},
    {"eventfd_64", "64 bytes there and back, shared memory and eventfd", eventfd_64, 2000},
    {"futex_64", "64 bytes there and back, shared memory and futex", futex_64, 2000},
    {"pipe_64_across", "64 bytes there and back, two CPUs, pipe", pipe_64_across, 2000, 0, TWO_CPUS},
    {"unix_64_across", "64 bytes there and back, two CPUs, AF_UNIX", unix_64_across, 2000, 0, TWO_CPUS},
    {"eventfd_64_across", "64 bytes there and back, two CPUs, eventfd", eventfd_64_across, 2000, 0, TWO_CPUS},
    {"futex_64_across", "64 bytes there and back, two CPUs, futex", futex_64_across, 2000, 0, TWO_CPUS},
    {"pipe_signal", "wake + switch + wait again, pipe", pipe_signal, 2000, 2},
    {"unix_signal", "wake + switch + wait again, AF_UNIX", unix_signal, 2000, 2},
    {"eventfd_signal", "wake + switch + wait again, eventfd", eventfd_signal, 2000, 2},
    {"futex_signal", "wake + switch + wait again, futex", futex_signal, 2000, 2},
    {"futex_alone", "futex wake, nobody waits", futex_alone, 10000},
    {"eventfd_alone", "eventfd write, nobody waits", eventfd_alone, 10000},
    {"pipe_pass_8", "write + read 8 bytes, pipe", pipe_pass_8, 5000},
    {"pipe_pass_64", "write + read 64 bytes, pipe", pipe_pass_64, 5000},
    {"unix_pass_8", "write + read 8 bytes, AF_UNIX", unix_pass_8, 5000},
    {"unix_pass_64", "write + read 64 bytes, AF_UNIX", unix_pass_64, 5000},
    {NULL},
};
