// SPDX-License-Identifier: MPL-2.0
// poll, ppoll, select, pselect: readiness, timeouts, masks, bad descriptors.
#include "sys.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile int handled;
static void handle(int signal) {
    handled = signal;
}

static void polling(void) {
    int a[2], b[2];
    pipe(a), pipe(b);
    struct pollfd fds[] = {{.fd = a[0], .events = POLLIN},
                           {.fd = -1, .events = POLLIN},
                           {.fd = b[0], .events = POLLIN},
                           {.fd = 777, .events = POLLIN}};
    is(poll(fds, 3, 0), 0, "nothing is ready");
    int64_t start = now_ns();
    is(poll(fds, 3, 30), 0, "nor within 30 ms");
    ok(now_ns() - start >= 30'000'000, "which it waited for");
    write(b[1], "x", 1);
    is(poll(fds, 3, -1), 1, "one is ready");
    ok(fds[0].revents == 0 && fds[1].revents == 0 && fds[2].revents == POLLIN, "the right one");
    is(poll(fds, 4, 0), 2, "a bad descriptor counts");
    is(fds[3].revents, POLLNVAL, "as POLLNVAL");
    is(poll(NULL, 0, 5), 0, "no descriptors: just a wait");
    pid_t child = start_child({
        sleep_ms(20);
        write(a[1], "y", 1);
    });
    fds[2].fd = -1;
    is(poll(fds, 3, 30000), 1, "poll wakes when something comes");
    wait_status(child);
    int file = open("/etc/passwd", O_RDONLY);
    struct pollfd f = {.fd = file, .events = POLLIN | POLLOUT};
    ok(poll(&f, 1, 0) == 1 && f.revents == (POLLIN | POLLOUT), "a file is always ready");
    close(file);
    exited(in_child({
               setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 10});
               struct pollfd many[20] = {};
               _exit(!(poll(many, 20, 0) == -1 && errno == EINVAL));
           }),
           0, "more entries than descriptors are allowed");
    // The same descriptor twice; one that is closed while waiting stays quiet.
    struct pollfd twice[] = {{.fd = a[0], .events = POLLIN}, {.fd = a[0], .events = POLLIN}};
    is(poll(twice, 2, 0), 2, "one descriptor twice counts twice");
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

static void masks(void) {
    sigset_t block = signal_set(SIGUSR1, 0), none;
    sigemptyset(&none);
    on_signal(SIGUSR1, handle, SA_RESTART);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    struct timespec long_time = {30, 0};
    handled = 0;
    fails(ppoll(NULL, 0, &long_time, &none), EINTR, "ppoll lets a pending signal in");
    is(handled, SIGUSR1, "its handler ran");
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    ok(sigismember(&now, SIGUSR1), "the old mask is back");
    raise(SIGUSR1);
    handled = 0;
    fails(pselect(0, NULL, NULL, NULL, &long_time, &none), EINTR, "pselect too");
    is(handled, SIGUSR1, "its handler ran");
    raise(SIGUSR1);
    is(ppoll(NULL, 0, &(struct timespec){0, 1000}, &block), 0, "a blocked one stays out");
    sigprocmask(SIG_SETMASK, &none, NULL);
    fails(ppoll(NULL, 0, &(struct timespec){0, -1}, NULL), EINVAL, "a negative time");
}

static void selecting(void) {
    int ends[2];
    pipe(ends);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(ends[0], &in), FD_SET(ends[1], &out);
    struct timeval zero = {};
    is(select(ends[1] + 1, &in, &out, NULL, &zero), 1, "select");
    ok(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out), "only the write end is ready");
    write(ends[1], "x", 1);
    FD_SET(ends[0], &in);
    is(select(ends[1] + 1, &in, &out, NULL, NULL), 2, "both");
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    FD_SET(50, &in);
    fails(select(51, &in, NULL, NULL, &zero), EBADF, "a descriptor that is not open");
    fails(select(-1, NULL, NULL, NULL, &zero), EINVAL, "a negative count");
    struct timeval brief = {0, 30'000};
    int64_t start = now_ns();
    is(select(0, NULL, NULL, NULL, &brief), 0, "a wait");
    ok(now_ns() - start >= 30'000'000, "of the given time");
    char c;
    read(ends[0], &c, 1);
    pid_t child = start_child({
        sleep_ms(20);
        write(ends[1], "z", 1);
    });
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    struct timeval long_time = {30, 0};
    is(select(ends[0] + 1, &in, NULL, NULL, &long_time), 1, "wakes when something comes");
    wait_status(child);
    close(ends[0]), close(ends[1]);
}

static void sockets(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct pollfd p = {.fd = pair[0], .events = POLLIN | POLLOUT | POLLRDHUP};
    ok(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "a fresh socket is writable");
    write(pair[1], "x", 1);
    ok(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT), "and readable");
    shutdown(pair[1], SHUT_WR);
    poll(&p, 1, 0);
    ok(p.revents & POLLRDHUP && !(p.revents & POLLHUP), "the peer's shutdown is POLLRDHUP");
    close(pair[1]);
    poll(&p, 1, 0);
    ok(p.revents & POLLHUP && p.revents & POLLIN, "its end is POLLHUP");
    close(pair[0]);
}

static void many(void) {
    enum { PIPES = 150 };
    int ends[PIPES][2];
    struct pollfd fds[PIPES];
    bool good = true;
    for (int i = 0; i < PIPES; i++) {
        pipe(ends[i]);
        fds[i] = (struct pollfd){.fd = ends[i][0], .events = POLLIN};
    }
    for (int i = 0; i < PIPES; i += 7) {
        write(ends[i][1], "x", 1);
        good &= poll(fds, PIPES, 0) == i / 7 + 1 && fds[i].revents == POLLIN;
    }
    ok(good, "150 descriptors");
    for (int i = 0; i < PIPES; i++)
        close(ends[i][0]), close(ends[i][1]);
}

int main(void) {
    polling();
    masks();
    selecting();
    sockets();
    many();
    return tap_done();
}
