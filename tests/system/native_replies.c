// SPDX-License-Identifier: MPL-2.0
// The right to reply: kept, passed on, dropped in a queue, used by two at once; answers that race with deadlines; and
// servers of several kinds that are killed at random points. A caller gets an answer or an error, never both, never
// neither, and what its server hears of it is the same.
//
// native_replies [SERVERS TO KILL]: 1,000 unless said; `make stress` kills 10,000 (here, and as many in native_calls).
#include "native.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

static struct packet out, in;

static long alive(const char *kind) {
    char *text = get_file("/proc/tessera/leaks"), *line = text ? strstr(text, kind) : NULL;
    return line ? atol(line + strlen(kind)) : 0;
}

// A child that calls once and has no handle but the right. It exits with the answer's type, or 100 + errno.
static pid_t start_caller(int right) {
    return start_child({
        syscall(SYS_close_range, 3, right - 1, 0), syscall(SYS_close_range, right + 1, ~0u, 0);
        in.header.handle_count = 0;
        long status = fipc_call(right, packet_with(&out, 1, "x", 1), &in, PACKET_ROOM, FIPC_FOREVER);
        _exit(status == 0 ? (int)in.header.type : 100 + errno);
    });
}
// Takes a call of a new child and saves the right to answer it.
static int take_and_save(int port, int right, pid_t *caller) {
    *caller = start_caller(right);
    in.header.handle_count = 0;
    return fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER) == 0 ? (int)fipc_reply_save(0) : -1;
}
static long send_handle(int to, int handle, uint32_t operation) {
    out.header = (struct fipc_message){.handles = (uintptr_t)out.handles, .handle_count = 1};
    out.handles[0] = (struct fipc_handle){.handle = handle, .rights = RIGHTS_ALL, .operation = operation};
    return fipc_send(to, &out, 0);
}
static int receive_handle(int port, int64_t deadline) {
    expect_handles(&in);
    return fipc_recv(port, &in, PACKET_ROOM, deadline) == 0 && in.header.handle_count == 1 ? in.handles[0].handle : -1;
}

static void passed_on(void) {
    int port = port_create(NULL), right = mint(port, 1, 4), other = port_create(NULL), to_other = mint(other, 2, 4);
    pid_t caller, helper;
    int saved = take_and_save(port, right, &caller);
    fails(handle_duplicate(saved, RIGHTS_ALL, 0), EACCES, "a right to reply has no duplicate");
    fails(send_handle(to_other, saved, FIPC_COPY), EACCES, "nor a copy in a message");
    is(send_handle(to_other, saved, FIPC_MOVE), 0, "it can be passed on");
    fails(fipc_send(saved, packet_with(&out, 3, "", 0), 0), EBADF, "then it is gone");
    helper = start_child({
        int got = receive_handle(other, FIPC_FOREVER);
        _exit(fipc_send(got, packet_with(&out, 33, "", 0), 0) != 0);
    });
    exited(wait_status(helper), 0, "another process answers with it");
    exited(wait_status(caller), 33, "and the caller has that answer");

    saved = take_and_save(port, right, &caller);
    send_handle(to_other, saved, FIPC_MOVE);
    close(other), close(to_other);
    exited(wait_status(caller), 100 + EPIPE, "passed to a port that closes: EPIPE");

    saved = take_and_save(port, right, &caller);
    send_handle(right, saved, FIPC_MOVE);
    ok(process_state(caller) == 'S', "passed to the port that the call came by: the caller waits");
    saved = receive_handle(port, 0);
    is(fipc_send(saved, packet_with(&out, 34, "", 0), 0), 0, "received again");
    exited(wait_status(caller), 34, "it answers");
    close(saved);

    saved = take_and_save(port, right, &caller);
    send_handle(right, saved, FIPC_MOVE);
    close(port);
    exited(wait_status(caller), 100 + EPIPE, "in the queue of its own port, that closes: EPIPE");
    close(right);

    port = port_create(NULL), right = mint(port, 1, 4);
    saved = take_and_save(port, right, &caller);
    int pair[2];
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &saved, sizeof saved);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    fails(sendmsg(pair[0], &m, 0), EACCES, "SCM_RIGHTS copies, so it does not go there");
    close(pair[0]), close(pair[1]);

    int before = open_fd_count();
    kill(caller, SIGKILL), wait_status(caller);
    out.header = (struct fipc_message){.handles = (uintptr_t)out.handles, .handle_count = 1};
    out.handles[0] = (struct fipc_handle){.handle = dup(0), .rights = RIGHTS_ALL};
    fails(fipc_send(saved, &out, 0), EPIPE, "an answer with a handle to a caller that is dead");
    ok(open_fd_count() == before + 1 && close(out.handles[0].handle) == 0, "leaves the handle where it is");
    close(saved), close(port), close(right);
}

// The right to reply in the table of two processes, and in the hands of two threads: one of them answers.
static int raced;
static _Atomic int race_ready;
static void *answer_race(void *type) {
    struct packet p;
    packet_with(&p, (uint32_t)(uintptr_t)type, "", 0);
    race_ready++;
    while (race_ready < 2)
        ;
    return (void *)(uintptr_t)(fipc_send(raced, &p, 0) == 0);
}
static void two_answers(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    bool good = true;
    for (int i = 0; i < 300; i++) {
        pid_t caller;
        raced = take_and_save(port, right, &caller);
        pthread_t threads[2];
        void *won[2];
        race_ready = 0;
        for (uintptr_t k = 0; k < 2; k++)
            pthread_create(&threads[k], NULL, answer_race, (void *)(50 + k));
        for (int k = 0; k < 2; k++)
            pthread_join(threads[k], &won[k]);
        int status = wait_status(caller), answer = WEXITSTATUS(status);
        good &= (uintptr_t)won[0] + (uintptr_t)won[1] == 1 && answer == (won[0] ? 50 : 51);
        close(raced);
    }
    ok(good, "two threads answer at once, three hundred times: one of them does, and its answer comes");
    good = true;
    for (int i = 0; i < 100; i++) {
        pid_t caller;
        int saved = take_and_save(port, right, &caller);
        pid_t twin = start_child(_exit(fipc_send(saved, packet_with(&out, 61, "", 0), 0) == 0));
        bool mine = fipc_send(saved, packet_with(&out, 60, "", 0), 0) == 0;
        bool others = WEXITSTATUS(wait_status(twin));
        int answer = WEXITSTATUS(wait_status(caller));
        good &= mine != others && answer == (mine ? 60 : 61);
        close(saved);
    }
    ok(good, "nor do two processes answer both");
    close(port), close(right);
}

// Answers that come when the caller gives up: both sides must agree on what happened.
static void deadlines(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    struct result {
        _Atomic uint32_t answered[4000];
    } *server_says = mmap(NULL, sizeof *server_says, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    enum { ROUNDS = 4000, YES = 1, NO = 2 };
    pid_t server = start_child({
        uint32_t seed = 1;
        for (;;) {
            in.header.handle_count = 0;
            if (fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER) != 0)
                _exit(1);
            uint32_t number = in.header.type;
            seed = seed * 1664525 + 1013904223;
            for (volatile uint32_t k = seed >> 20; k > 0; k--)
                ;
            packet_with(&out, number, "", 0);
            int saved = number % 3 == 0 ? (int)fipc_reply_save(0) : -1;
            bool sent = number % 3 == 0 ? saved >= 0 && fipc_send(saved, &out, 0) == 0 : fipc_reply(&out) == 0;
            if (saved >= 0)
                close(saved);
            server_says->answered[number] = sent ? YES : NO;
        }
    });
    int both = 0, neither = 0, answers = 0;
    int64_t patience = 200'000;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        in.header.handle_count = 0;
        in.header.type = ~0u;
        bool answered = fipc_call(right, packet_with(&out, i, "", 0), &in, PACKET_ROOM, now_ns() + patience) == 0;
        answers += answered;
        patience = answered ? patience * 9 / 10 : patience * 10 / 9 + 1000; // about half of them come too late
        if (answered && in.header.type != i)
            both++; // an answer of a call that had failed
        if (!answered && errno == EAGAIN)
            continue; // it was late before it began
        if (!answered && errno != ETIMEDOUT)
            neither++;
        if (answered) {
            eventually(server_says->answered[i] != 0);
            neither += server_says->answered[i] != YES;
        }
    }
    in.header.handle_count = 0;
    fipc_call(right, packet_with(&out, 0, "", 0), &in, PACKET_ROOM, FIPC_FOREVER); // the server has seen all
    int told = 0;
    for (uint32_t i = 1; i < ROUNDS; i++)
        told += server_says->answered[i] == YES;
    ok(answers > 0 && answers < ROUNDS, "%d of %d answers come in time", answers, ROUNDS);
    is(both, 0, "no answer of another call comes");
    is(neither, 0, "who has an answer has one that the server knows of");
    ok(told == answers || told == answers - 1, "and the server is told of as many as came (%d)", told); // number 0
    kill(server, SIGKILL), wait_status(server);
    munmap(server_says, sizeof *server_says);
    close(port), close(right);
}

// ---------------------------------------------------------------- kills

static void *answer_saved(void *port) {
    struct packet p, answer;
    for (;;) {
        expect_handles(&p);
        if (fipc_recv((int)(intptr_t)port, &p, PACKET_ROOM, FIPC_FOREVER) != 0)
            return NULL;
        packet_with(&answer, p.header.type + 1, p.data, p.header.size);
        fipc_send(p.handles[0].handle, &answer, 0);
        close(p.handles[0].handle);
    }
}

// kind 0: replies and receives. 1: with the handles that came. 2: two threads. 3: saves the right to reply and hands it
// to another thread through a port.
static void *serve(void *port_and_kind) {
    static _Thread_local struct packet p;
    int port = (int)((uintptr_t)port_and_kind >> 8), kind = (int)((uintptr_t)port_and_kind & 255), to_helper = -1;
    if (kind == 3) {
        int helper = port_create(NULL);
        to_helper = mint(helper, 1, 0);
        pthread_t thread;
        pthread_create(&thread, NULL, answer_saved, (void *)(intptr_t)helper);
    }
    for (;;) {
        expect_handles(&p);
        if (fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER) != 0)
            return NULL;
        if (kind == 3) {
            int saved = (int)fipc_reply_save(0);
            p.handles[0] = (struct fipc_handle){.handle = saved, .rights = RIGHTS_ALL};
            p.header = (struct fipc_message){
                .type = p.header.type, .size = p.header.size, .handles = (uintptr_t)p.handles, .handle_count = 1};
            fipc_send(to_helper, &p, FIPC_FOREVER);
            continue;
        }
        p.header = (struct fipc_message){.type = p.header.type + 1,
                                         .size = p.header.size,
                                         .handles = (uintptr_t)p.handles,
                                         .handle_count = p.header.handle_count};
        for (uint32_t i = 0; i < p.header.handle_count; i++)
            p.handles[i].operation = FIPC_MOVE;
        fipc_reply(&p);
    }
}

static void kills(int rounds) {
    long answers = 0, ends = 0, wrong = 0, ports = alive("\nport "), replies = alive("\nreply_object ");
    int memory = memfd_create("m", 0), before = open_fd_count();
    uint32_t seed = 99;
    for (int i = 0; i < rounds; i++) {
        int port = port_create(NULL), right = mint(port, 1, 4), kind = i % 4;
        seed = seed * 1664525 + 1013904223;
        unsigned delay = seed >> 16;
        pid_t server = start_child({
            pthread_t thread;
            void *how = (void *)((uintptr_t)port << 8 | (unsigned)kind);
            close(right);
            if (kind == 2)
                pthread_create(&thread, NULL, serve, how);
            serve(how);
        });
        close(port);
        pid_t killer = start_child({
            for (volatile unsigned k = 0; k < delay; k++)
                ;
            kill(server, SIGKILL);
        });
        for (uint32_t number = 0;; number += 2) {
            uint32_t size = number % 3 ? 8 : 300;
            memset(out.data, (int)number, size);
            out.header = (struct fipc_message){.type = number, .size = size, .handles = (uintptr_t)out.handles};
            out.header.handle_count = kind == 1;
            out.handles[0] = (struct fipc_handle){.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
            expect_handles(&in);
            if (fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) != 0)
                break;
            answers++;
            wrong += in.header.type != number + 1 || in.header.size != size || in.data[size - 1] != (uint8_t)number ||
                     in.header.handle_count != (kind == 1);
            if (in.header.handle_count == 1)
                close(in.handles[0].handle);
        }
        ends += errno == EPIPE;
        wait_status(killer), wait_status(server);
        close(right);
    }
    is(ends, rounds, "%d servers of four kinds killed: EPIPE in the end", rounds);
    is(wrong, 0, "and before it the right answer to each call, %ld in all", answers);
    is(open_fd_count(), before, "no handle is left");
    ok(eventually(alive("\nport ") == ports && alive("\nreply_object ") == replies), "no port, no right to reply");
    close(memory);
}

// Callers are killed, the server goes on: it hears of each that has gone.
static void killed_callers(int rounds) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    pid_t server = start_child({
        close(right);
        serve((void *)((uintptr_t)port << 8));
    });
    uint32_t seed = 7;
    for (int i = 0; i < rounds; i++) {
        pid_t caller = start_child(for (uint32_t k = 0;; k++) {
            in.header.handle_count = 0;
            fipc_call(right, packet_with(&out, k, out.data, k % 2 ? 8 : 300), &in, PACKET_ROOM, FIPC_FOREVER);
        });
        seed = seed * 1664525 + 1013904223;
        for (volatile unsigned k = seed >> 16; k > 0; k--)
            ;
        kill(caller, SIGKILL);
        wait_status(caller);
    }
    in.header.handle_count = 0;
    is(fipc_call(right, packet_with(&out, 8, "", 0), &in, PACKET_ROOM, FIPC_FOREVER), 0, "%d callers killed", rounds);
    is(in.header.type, 9, "the server answers the next");
    kill(server, SIGKILL), wait_status(server);
    close(port), close(right);
}

int main(int argc, char **argv) {
    needs_native();
    int rounds = argc > 1 ? atoi(argv[1]) : 1000;
    passed_on();
    two_answers();
    deadlines();
    kills(rounds);
    killed_callers(rounds / 4);
    return tap_done();
}
