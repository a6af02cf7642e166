// SPDX-License-Identifier: MPL-2.0
// Handles in queues whose own handles are in them, when several threads let go of the last ones at once. What nobody
// can reach any more must go without anybody else's help. (native_ports has the shapes of circles.)
#include "native.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

// Ports, rights and sockets.
static long alive_all(void) {
    static const char *const kinds[] = {"\nport ", "\nsend_right ", "\nunix_socket "};
    char *text = get_file("/proc/tessera/leaks");
    long count = 0;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        char *line = text ? strstr(text, kinds[i]) : NULL;
        count += line ? atol(line + strlen(kinds[i])) : 0;
    }
    return count;
}

// A right that goes lets go of its port a grace period later, so reading once is not enough.
static bool back_to(long before) {
    return eventually(alive_all() == before);
}

static bool put_into(int right, int handle) {
    struct fipc_handle item = {.handle = handle, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    struct packet p = {.header = {.handles = (uintptr_t)&item, .handle_count = 1}};
    return fipc_send(right, &p, 0) == 0;
}
static bool put_into_socket(int socket, int handle) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &handle, sizeof handle);
    return sendmsg(socket, &m, MSG_DONTWAIT) == 1;
}

// A port that lies in its own queue.
static int circle(void) {
    int port = port_create(NULL), right = mint(port, 0, 0);
    put_into(right, port);
    close(right);
    return port;
}

// The last handle is closed while a call of another thread still uses the object.
static int waited_for;
static void *wait_on_it(void *unused) {
    struct wait_entry entry = {.handle = waited_for, .wanted = 1u << 24};
    object_wait(&entry, 1, FIPC_FOREVER);
    return unused;
}
static void nothing(int signal) {
    (void)signal;
}
static void used_meanwhile(void) {
    long before = alive_all();
    bool good = true;
    on_signal(SIGUSR1, nothing, 0);
    for (int i = 0; i < 5; i++) {
        pthread_t thread;
        struct handle_info info = {};
        waited_for = circle();
        pthread_create(&thread, NULL, wait_on_it, NULL);
        good &= eventually(handle_info(waited_for, &info) == 0 && info.handles == 3); // here, in its queue, in the wait
        close(waited_for);
        pthread_kill(thread, SIGUSR1); // ends the call
        pthread_join(thread, NULL);
        good &= back_to(before);
    }
    ok(good, "a circle whose last handle goes while a call uses it ends with the call");
}

// ---------------------------------------------------------------- all at once

enum { THREADS = 3 };
static _Atomic int arrived, closed, round_number; // round_number -1: no more
static int shared_handles[THREADS];

static void *close_together(void *index) {
    for (int round = 1;; round++) {
        while (round_number != round)
            if (round_number < 0)
                return NULL;
            else
                sched_yield();
        arrived++;
        for (int spins = 1; arrived < THREADS; spins++)
            if (spins % 1000 == 0) // with fewer CPUs than threads
                sched_yield();
        close(shared_handles[(uintptr_t)index]);
        closed++;
    }
}
static void at_once(void) {
    enum { ROUNDS = 100 };
    pthread_t threads[THREADS];
    long before = alive_all();
    int left = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, close_together, (void *)i);
    for (int round = 1; round <= ROUNDS; round++) {
        int a = circle();
        if (round % 3 == 0) { // with a socket in between
            int pair[2], right = mint(a, 0, 0);
            socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
            put_into_socket(pair[0], a), put_into(right, pair[1]);
            close(pair[0]), close(pair[1]), close(right);
        }
        shared_handles[0] = a;
        for (int i = 1; i < THREADS; i++)
            shared_handles[i] = dup(a);
        arrived = closed = 0;
        round_number = round;
        while (closed < THREADS)
            sched_yield();
        left += !back_to(before);
    }
    round_number = -1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    is(left, 0, "three threads close the last handles of a circle at once, a hundred times: nothing is left");
}

static void *make_and_drop(void *unused) {
    for (int i = 0; i < 400; i++) {
        int a = port_create(NULL), to_a = mint(a, 0, 0), b = port_create(NULL), to_b = mint(b, 0, 0);
        put_into(to_a, b), put_into(to_b, a), put_into(to_b, to_a);
        close(a), close(to_a), close(to_b), close(b);
    }
    return unused;
}
static void side_by_side(void) {
    pthread_t threads[THREADS];
    long before = alive_all();
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, make_and_drop, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ok(back_to(before), "nor of those that three threads make and drop side by side");
}

int main(void) {
    needs_native();
    used_meanwhile();
    at_once();
    side_by_side();
    return tap_done();
}
