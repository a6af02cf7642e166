// SPDX-License-Identifier: MPL-2.0
// epoll: level, edge and one-shot, changes while waiting, nesting, and its refusals.
#include "sys.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>

static int set(int ep, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.u64 = 0x1234'5678'0000'0000ull + fd};
    return epoll_ctl(ep, operation, fd, &event);
}
static struct epoll_event got[16];
static int ready(int ep) {
    return epoll_wait(ep, got, 16, 0);
}

static void control(void) {
    int ep = epoll_create1(EPOLL_CLOEXEC), ends[2];
    pipe(ends);
    ok(ep >= 0 && fcntl(ep, F_GETFD) == FD_CLOEXEC, "epoll_create1");
    is(set(ep, EPOLL_CTL_ADD, ends[0], EPOLLIN), 0, "add");
    fails(set(ep, EPOLL_CTL_ADD, ends[0], EPOLLIN), EEXIST, "twice");
    fails(set(ep, EPOLL_CTL_MOD, ends[1], EPOLLIN), ENOENT, "change what is not there");
    fails(set(ep, EPOLL_CTL_DEL, ends[1], 0), ENOENT, "remove what is not there");
    fails(set(ep, EPOLL_CTL_ADD, 999, EPOLLIN), EBADF, "add nothing");
    fails(set(999, EPOLL_CTL_ADD, ends[0], EPOLLIN), EBADF, "to nothing");
    fails(set(ends[0], EPOLL_CTL_ADD, ends[1], EPOLLIN), EINVAL, "to what is no epoll");
    fails(set(ep, 99, ends[0], EPOLLIN), EINVAL, "an unknown operation");
    fails(set(ep, EPOLL_CTL_ADD, ep, EPOLLIN), EINVAL, "add itself");
    int file = open("/etc/passwd", O_RDONLY);
    fails(set(ep, EPOLL_CTL_ADD, file, EPOLLIN), EPERM, "a file cannot be watched");
    close(file);
    fails(epoll_wait(ep, got, 0, 0), EINVAL, "room for no events");
    fails(epoll_create1(0x1), EINVAL, "an unknown flag");
    is(ready(ep), 0, "nothing is ready");
    int64_t start = now_ns();
    is(epoll_wait(ep, got, 1, 30), 0, "nor within 30 ms");
    ok(now_ns() - start >= 30'000'000, "which it waited for");
    write(ends[1], "x", 1);
    is(ready(ep), 1, "now it is");
    ok(got[0].events == EPOLLIN && got[0].data.u64 == 0x1234'5678'0000'0000ull + ends[0], "with the data given");
    void *unwritable = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fails(epoll_wait(ep, unwritable, 1, 0), EFAULT, "no place to write it");
    fails(epoll_wait(ep, unwritable, 1, -1), EFAULT, "nor for who would wait");
    is(ready(ep), 1, "it is still there");
    munmap(unwritable, 4096);
    is(set(ep, EPOLL_CTL_DEL, ends[0], 0), 0, "remove");
    is(ready(ep), 0, "nothing");
    close(ep), close(ends[0]), close(ends[1]);
}

static void triggering(void) {
    int ep = epoll_create1(0), ends[2];
    char c;
    pipe2(ends, O_NONBLOCK);
    set(ep, EPOLL_CTL_ADD, ends[0], EPOLLIN);
    write(ends[1], "ab", 2);
    ok(ready(ep) == 1 && ready(ep) == 1, "level: reported as long as it is so");
    read(ends[0], &c, 1);
    is(ready(ep), 1, "still");
    read(ends[0], &c, 1);
    is(ready(ep), 0, "no more");
    set(ep, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET);
    is(ready(ep), 0, "edge: nothing yet");
    write(ends[1], "a", 1);
    is(ready(ep), 1, "reported when it comes");
    is(ready(ep), 0, "once");
    write(ends[1], "b", 1);
    is(ready(ep), 1, "and again when more comes");
    is(ready(ep), 0, "once");
    set(ep, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET);
    is(ready(ep), 1, "a change looks anew");
    set(ep, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT);
    is(ready(ep), 1, "one-shot: reported");
    write(ends[1], "c", 1);
    is(ready(ep), 0, "then off");
    set(ep, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT);
    is(ready(ep), 1, "until armed again");
    close(ends[1]);
    while (read(ends[0], &c, 1) > 0)
        ;
    set(ep, EPOLL_CTL_MOD, ends[0], 0);
    ok(ready(ep) == 1 && got[0].events == EPOLLHUP, "EPOLLHUP comes unasked");
    close(ends[0]), close(ep);
}

static void closing(void) {
    int ep = epoll_create1(0), ends[2];
    pipe(ends);
    set(ep, EPOLL_CTL_ADD, ends[0], EPOLLIN);
    int again = dup(ends[0]);
    write(ends[1], "x", 1);
    close(ends[0]);
    is(ready(ep), 1, "a duplicate keeps a closed descriptor watched");
    close(again);
    is(ready(ep), 0, "the last close ends it");
    close(ends[1]);
    int fds[10];
    for (int i = 0; i < 10; i++) {
        fds[i] = eventfd(1, 0);
        set(ep, EPOLL_CTL_ADD, fds[i], EPOLLIN);
    }
    is(epoll_wait(ep, got, 4, 0), 4, "at most as many as there is room for");
    unsigned seen = 0;
    for (int round = 0; round < 3; round++) {
        int n = epoll_wait(ep, got, 4, 0);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 10; k++)
                if ((int)(uint32_t)got[i].data.u64 == fds[k])
                    seen |= 1u << k;
    }
    is(seen, 1023, "and all get their turn");
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    is(ready(ep), 0, "all closed");
    close(ep);
}

static void nesting(void) {
    int outer = epoll_create1(0), inner = epoll_create1(0), event = eventfd(0, 0);
    set(inner, EPOLL_CTL_ADD, event, EPOLLIN);
    is(set(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0, "an epoll in an epoll");
    is(ready(outer), 0, "nothing");
    eventfd_write(event, 1);
    is(ready(outer), 1, "what is ready inside makes it ready outside");
    fails(set(inner, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP, "no circle");
    close(event), close(inner), close(outer);
    int chain[8];
    for (int i = 0; i < 8; i++)
        chain[i] = epoll_create1(0);
    int depth = 0;
    while (depth < 7 && set(chain[depth + 1], EPOLL_CTL_ADD, chain[depth], EPOLLIN) == 0)
        depth++;
    ok(depth < 7 && errno == ELOOP, "nor a chain without end (%d)", depth);
    for (int i = 0; i < 8; i++)
        close(chain[i]);
}

static int shared_ep;
static int woken;
static void *wait_once(void *unused) {
    struct epoll_event event;
    if (epoll_wait(shared_ep, &event, 1, 30000) == 1)
        __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return unused;
}
static void waking(void) {
    shared_ep = epoll_create1(0);
    int event = eventfd(0, EFD_NONBLOCK);
    set(shared_ep, EPOLL_CTL_ADD, event, EPOLLIN | EPOLLET);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, wait_once, NULL);
    threads_sleep(3);
    eventfd_write(event, 1);
    ok(eventually(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 1), "an edge wakes a thread");
    sleep_ms(20);
    is(woken, 1, "one only");
    eventfd_write(event, 1);
    ok(eventually(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 2), "the next edge the next");
    eventfd_write(event, 1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    is(woken, 3, "all three");
    // Added while a thread waits.
    int late = eventfd(1, 0);
    pthread_create(&threads[0], NULL, wait_once, NULL);
    threads_sleep(1);
    set(shared_ep, EPOLL_CTL_ADD, late, EPOLLIN);
    pthread_join(threads[0], NULL);
    is(woken, 4, "what is added ready wakes a waiter");
    close(late), close(event), close(shared_ep);
    sigset_t mask;
    sigemptyset(&mask);
    int ep = epoll_create1(0);
    is(epoll_pwait(ep, got, 1, 0, &mask), 0, "epoll_pwait");
    is(syscall(SYS_epoll_pwait2, ep, got, 1, &(struct timespec){0, 1000}, NULL, 0), 0, "epoll_pwait2");
    close(ep);
}

static void sockets(void) {
    int ep = epoll_create1(0), pair[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    set(ep, EPOLL_CTL_ADD, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    ok(ready(ep) == 1 && got[0].events == EPOLLOUT, "a socket is writable");
    write(pair[1], "x", 1);
    ok(ready(ep) == 1 && got[0].events == (EPOLLIN | EPOLLOUT), "and readable");
    close(pair[1]);
    ok(ready(ep) == 1 && (got[0].events & (EPOLLHUP | EPOLLRDHUP)) == (EPOLLHUP | EPOLLRDHUP), "and hung up");
    close(pair[0]), close(ep);
}

// A terminal can be waited for, whichever way its file was opened; a device that never waits cannot.
static void terminals(void) {
    int ep = epoll_create1(0), master, named, peer;
    char name[64], c;
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    ok(grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, sizeof name) == 0, "a pty");
    named = open(name, O_RDWR | O_NOCTTY);
    peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    struct termios raw;
    tcgetattr(named, &raw);
    cfmakeraw(&raw);
    tcsetattr(named, TCSANOW, &raw);
    is(set(ep, EPOLL_CTL_ADD, named, EPOLLIN), 0, "the slave, opened by name");
    is(set(ep, EPOLL_CTL_ADD, peer, EPOLLIN), 0, "opened through the master");
    is(set(ep, EPOLL_CTL_ADD, master, EPOLLIN), 0, "and the master");
    is(ready(ep), 0, "nothing is ready");
    write(master, "a", 1);
    ok(eventually(ready(ep) == 2), "typing makes both files of the slave readable");
    read(named, &c, 1);
    is(ready(ep), 0, "until it is read");
    write(peer, "b", 1);
    ok(eventually(ready(ep) == 1) && got[0].data.u64 == 0x1234'5678'0000'0000ull + master,
       "output makes the master readable");
    close(named), close(peer);
    ok(eventually(ready(ep) == 1 && (got[0].events & EPOLLHUP)), "and it hears that the slave is gone");
    int null = open("/dev/null", O_RDWR);
    fails(set(ep, EPOLL_CTL_ADD, null, EPOLLIN), EPERM, "/dev/null is refused");
    close(null), close(master), close(ep);
}

int main(void) {
    control();
    triggering();
    closing();
    nesting();
    waking();
    sockets();
    terminals();
    return tap_done();
}
