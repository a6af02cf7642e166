// SPDX-License-Identifier: MPL-2.0
// What the last writer of a stream wrote just before it closed its end is read before the end is: a reader that looks
// at the same moment must not see an empty stream first, and then that nobody is left to write.
#include "inet.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 20000, SECONDS = 2, SPREAD = 97 }; // at most of a kind; moments that are tried

static int ends[2];             // of the round: the reader's, the writer's
static atomic_int round_number; // -1: there are no more

static void delay(int count) {
    for (volatile int i = 0; i < count; i++) {
    }
}

static void *writer(void *argument) {
    (void)argument;
    for (int round = 1, now;; round++) {
        while ((now = atomic_load(&round_number)) != round && now >= 0)
            sched_yield();
        if (now < 0)
            return NULL;
        delay(round * 31 % SPREAD * 4);
        write(ends[1], "x", 1);
        close(ends[1]);
    }
}

static bool make_pipe(void) {
    return pipe(ends) == 0;
}
static bool make_unix(void) {
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0;
}
static bool make_tcp(void) {
    static int listener;
    if (!listener) {
        listener = socket(AF_INET, SOCK_STREAM, 0);
        bind_to(listener, "127.0.0.1", 0);
        listen(listener, 4);
    }
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    return connect_to(ends[1], "127.0.0.1", port_of(listener)) == 0 && (ends[0] = accept(listener, NULL, NULL)) >= 0;
}

static ssize_t read_one(int fd) {
    char c;
    return read(fd, &c, 1);
}
static int null; // opened before all rounds, whose numbers it must not take
static ssize_t splice_one(int fd) {
    return splice(fd, NULL, null, NULL, 1, SPLICE_F_NONBLOCK);
}

// In how many rounds the byte was not read; -1: a stream could not be made.
static int lost(bool (*make)(void), ssize_t (*take)(int)) {
    pthread_t thread;
    int missing = 0;
    time_t end = time(NULL) + SECONDS;
    atomic_store(&round_number, 0);
    pthread_create(&thread, NULL, writer, NULL);
    for (int round = 1; round <= ROUNDS && time(NULL) < end && missing >= 0; round++) {
        if (!make()) {
            missing = -1;
            break;
        }
        int mine = ends[0];
        fcntl(mine, F_SETFL, O_NONBLOCK); // so that the reader is always looking
        atomic_store(&round_number, round);
        ssize_t taken;
        while ((taken = take(mine)) == -1 && errno == EAGAIN) {
        }
        missing += taken != 1;
        close(mine);
        while (fcntl(ends[1], F_GETFD) >= 0)
            sched_yield(); // the next round's descriptors are not to be closed by this one's writer
    }
    atomic_store(&round_number, -1);
    pthread_join(thread, NULL);
    return missing;
}

int main(void) {
    null = open("/dev/null", O_WRONLY);
    is(lost(make_pipe, read_one), 0, "a pipe, read");
    is(lost(make_pipe, splice_one), 0, "a pipe, spliced");
    is(lost(make_unix, read_one), 0, "a pair of sockets");
    is(lost(make_tcp, read_one), 0, "a TCP connection");
    return tap_done();
}
