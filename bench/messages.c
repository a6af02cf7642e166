// SPDX-License-Identifier: MPL-2.0
// Rows: two sides that pass a message back and forth, rings, bandwidth, and waiting for many descriptors.
#define _GNU_SOURCE
#include "bench.h"

#include <linux/futex.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS 100

// A child echoes `size` bytes from one descriptor to another until the first ends.
static pid_t start_echo(int from, int to, size_t size) {
    pid_t child = must(fork());
    if (child == 0) {
        char data[8];
        while (read(from, data, size) == (ssize_t)size)
            if (write(to, data, size) < 0 || data[0] == 'q')
                break;
        _exit(0);
    }
    return child;
}

static void ping_pong(long n, int to, int from, size_t size) {
    char data[8] = {1};
    for (int i = 0; i < 20; i++)
        if (write(to, data, size) < 0 || read(from, data, size) < 0)
            exit(1);
    begin();
    for (long i = 0; i < n; i++)
        if (write(to, data, size) < 0 || read(from, data, size) < 0)
            exit(1);
    end();
}

static void pipe_ping_pong(long n) {
    int there[2], back[2];
    must(pipe(there)), must(pipe(back));
    pid_t child = must(fork());
    if (child == 0) {
        char c;
        close(there[1]);
        while (read(there[0], &c, 1) == 1)
            write(back[1], &c, 1);
        _exit(0);
    }
    ping_pong(n, there[1], back[0], 1);
    close(there[0]), close(there[1]), close(back[0]), close(back[1]);
    waitpid(child, NULL, 0);
}

static void unix_ping_pong(long n) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    pid_t child = start_echo(pair[1], pair[1], 1);
    ping_pong(n, pair[0], pair[0], 1);
    write(pair[0], "q", 1);
    waitpid(child, NULL, 0);
    close(pair[0]), close(pair[1]);
}

// The one that accepts echoes. Linux boots with lo down.
static void tcp_ping_pong(long n) {
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof name;
    int server = must(socket(AF_INET, SOCK_STREAM, 0)), client = must(socket(AF_INET, SOCK_STREAM, 0)), one = 1;
    must(ioctl(server, SIOCSIFFLAGS, &lo));
    must(bind(server, (struct sockaddr *)&name, size)), must(listen(server, 1));
    must(getsockname(server, (struct sockaddr *)&name, &size));
    must(connect(client, (struct sockaddr *)&name, size));
    int accepted = must(accept(server, NULL, NULL));
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pid_t child = start_echo(accepted, accepted, 1);
    ping_pong(n, client, client, 1);
    write(client, "q", 1);
    waitpid(child, NULL, 0);
    close(client), close(accepted), close(server);
}

static void eventfd_ping_pong(long n) {
    int there = must(eventfd(0, 0)), back = must(eventfd(0, 0));
    pid_t child = start_echo(there, back, 8);
    ping_pong(n, there, back, 8);
    uint64_t quit = 'q';
    write(there, &quit, 8);
    waitpid(child, NULL, 0);
    close(there), close(back);
}

static _Alignas(64) uint32_t turn;
static long futex_rounds;

static void hand_over(uint32_t mine, uint32_t other) {
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != mine)
        syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, other, NULL, NULL, 0);
    __atomic_store_n(&turn, other, __ATOMIC_RELEASE);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *futex_partner(void *unused) {
    for (long i = 0; i < futex_rounds; i++)
        hand_over(1, 0);
    return unused;
}
static void futex_ping_pong(long n) {
    pthread_t thread;
    turn = 0;
    futex_rounds = n + 20;
    must(-pthread_create(&thread, NULL, futex_partner, NULL));
    for (int i = 0; i < 20; i++)
        hand_over(0, 1);
    begin();
    for (long i = 0; i < n; i++)
        hand_over(0, 1);
    end();
    pthread_join(thread, NULL);
}

// Eight processes in a ring of pipes, one byte going round.
static void pipe_ring(long n) {
    enum { MEMBERS = 8 };
    int pipes[MEMBERS][2];
    pid_t children[MEMBERS];
    for (int i = 0; i < MEMBERS; i++)
        must(pipe(pipes[i]));
    for (int i = 1; i < MEMBERS; i++) {
        children[i] = must(fork());
        if (children[i] == 0) {
            for (int k = 0; k < MEMBERS; k++) {
                if (k != (i + 1) % MEMBERS)
                    close(pipes[k][1]);
                if (k != i)
                    close(pipes[k][0]);
            }
            char c;
            while (read(pipes[i][0], &c, 1) == 1)
                write(pipes[(i + 1) % MEMBERS][1], &c, 1);
            _exit(0);
        }
    }
    ping_pong(n, pipes[1][1], pipes[0][0], 1);
    for (int i = 0; i < MEMBERS; i++)
        close(pipes[i][0]), close(pipes[i][1]);
    for (int i = 1; i < MEMBERS; i++)
        waitpid(children[i], NULL, 0);
}

static void pipe_create(long n) {
    begin();
    for (long i = 0; i < n; i++) {
        int ends[2];
        must(pipe(ends));
        close(ends[0]), close(ends[1]);
    }
    end();
}

#define CHUNK 65536
static char chunk[CHUNK];

static void bandwidth(long kib, int from, int to) {
    pid_t child = must(fork());
    if (child == 0) {
        close(to);
        while (read(from, chunk, CHUNK) > 0)
            ;
        _exit(0);
    }
    close(from);
    memset(chunk, 'b', CHUNK);
    begin();
    for (long sent = 0; sent < kib * 1024;)
        sent += must(write(to, chunk, CHUNK));
    close(to);
    waitpid(child, NULL, 0);
    end();
}

static void pipe_bandwidth(long kib) {
    int ends[2];
    must(pipe(ends));
    bandwidth(kib, ends[0], ends[1]);
}

static void unix_bandwidth(long kib) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    bandwidth(kib, pair[0], pair[1]);
}

static struct {
    int pipes[PAIRS][2];
    struct pollfd fds[PAIRS];
    int epoll;
} many;

static void open_many(int ready) {
    many.epoll = must(epoll_create1(0));
    for (int i = 0; i < PAIRS; i++) {
        must(pipe(many.pipes[i]));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = many.pipes[i][0]};
        must(epoll_ctl(many.epoll, EPOLL_CTL_ADD, many.pipes[i][0], &event));
        many.fds[i] = (struct pollfd){.fd = many.pipes[i][0], .events = POLLIN};
        if (i >= PAIRS - ready)
            write(many.pipes[i][1], "r", 1);
    }
}
static void close_many(void) {
    for (int i = 0; i < PAIRS; i++)
        close(many.pipes[i][0]), close(many.pipes[i][1]);
    close(many.epoll);
}

static void run_epoll(long n, int ready) {
    struct epoll_event events[PAIRS];
    open_many(ready);
    begin();
    for (long i = 0; i < n; i++)
        epoll_wait(many.epoll, events, PAIRS, 0);
    end();
    close_many();
}
static void epoll_one(long n) {
    run_epoll(n, 1);
}
static void epoll_all(long n) {
    run_epoll(n, PAIRS);
}
static void poll_many(long n) {
    open_many(1);
    begin();
    for (long i = 0; i < n; i++)
        poll(many.fds, PAIRS, 0);
    end();
    close_many();
}

const struct row message_rows[] = {
    {"pipe_pingpong", "pipe ping-pong, 2 processes", pipe_ping_pong, 2000},
    {"unix_pingpong", "AF_UNIX ping-pong", unix_ping_pong, 2000},
    {"tcp_pingpong", "TCP ping-pong, 127.0.0.1", tcp_ping_pong, 2000},
    {"eventfd_pingpong", "eventfd ping-pong", eventfd_ping_pong, 2000},
    {"futex_pingpong", "futex ping-pong, 2 threads", futex_ping_pong, 2000},
    {"pipe_ring", "pipe ring of 8, per hop", pipe_ring, 500, 8},
    {"pipe_create", "pipe create and close", pipe_create, 2000},
    {"pipe_bandwidth", "pipe bandwidth, per KiB", pipe_bandwidth, 16384},
    {"unix_bandwidth", "AF_UNIX bandwidth, per KiB", unix_bandwidth, 16384},
    {"epoll_one", "epoll_wait, 1 of 100 ready", epoll_one, 5000},
    {"epoll_all", "epoll_wait, all of 100 ready", epoll_all, 1000},
    {"poll_100", "poll, 100 descriptors", poll_many, 1000},
    {NULL},
};
