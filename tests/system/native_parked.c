// SPDX-License-Identifier: MPL-2.0
// Threads that sleep in fipc_call and fipc_reply_recv without a kernel stack: whatever wakes them, and whatever has
// happened to the memory that their message goes to.
#include "native.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { PAGE = 4096 };
static struct packet out, in;
static int port, right;

static char *fresh(size_t size) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

// Answers with the type + 1 and the same data, each message in the memory that `next` names.
static long serve(struct packet *(*next)(void)) {
    struct packet *p = next();
    long status = fipc_recv(port, p, PAGE, FIPC_FOREVER);
    while (status == 0 && p->header.type != 0) {
        p->header.type++;
        p->header.flags = p->header.badge = 0;
        struct packet *answer = p;
        status = fipc_reply_recv(answer, port, p = next(), PAGE, FIPC_FOREVER);
        if (answer != p)
            munmap(answer, PAGE);
    }
    return status;
}
static struct packet *same_memory(void) {
    return &in;
}
static struct packet *fresh_memory(void) {
    return (struct packet *)fresh(PAGE);
}

static pid_t start_server(struct packet *(*next)(void)) {
    return start_child(_exit(serve(next) != 0));
}
static void end_server(pid_t server, const char *what) {
    fipc_send(right, packet_with(&out, 0, "", 0), FIPC_FOREVER);
    exited(wait_status(server), 0, "%s", what);
}

static bool calls_right(uint32_t type, uint32_t size, struct packet *answer) {
    uint8_t data[64];
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 7 + type);
    packet_with(&out, type, data, size);
    if (answer == &in || answer == &out)
        answer->header.badge = 7;
    return fipc_call(right, &out, answer, PAGE, FIPC_FOREVER) == 0 && answer->header.type == type + 1 &&
           answer->header.size == size && answer->header.badge == 0 && memcmp(answer->data, data, size) == 0;
}

static void sizes(void) {
    pid_t server = start_server(same_memory);
    bool good = true;
    for (uint32_t i = 1; i < 5000; i++)
        good &= calls_right(i, i % 65, i & 1 ? &out : &in);
    ok(good, "calls of all small sizes, answered in place and elsewhere");
    end_server(server, "the server has had them all");
}

// More values than are kept in registers across a call, and none is what it was if one register is lost.
static void registers(void) {
    pid_t server = start_server(same_memory);
    volatile unsigned long seed = 12345;
    unsigned long a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17, g = seed * 19,
                  h = seed * 23, i = seed * 29, j = seed * 31, k = seed * 37;
    double x = (double)seed / 3, y = (double)seed / 7;
    bool good = true;
    packet_with(&out, 1, "", 0);
    for (int turn = 0; turn < 100; turn++) {
        good &= fipc_call(right, &out, &in, PAGE, FIPC_FOREVER) == 0;
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i, i += j, j += k, k += a;
        x += y, y += 1.5;
    }
    unsigned long sum = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k;
    a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17, g = seed * 19, h = seed * 23,
    i = seed * 29, j = seed * 31, k = seed * 37;
    double u = (double)seed / 3, v = (double)seed / 7;
    for (int turn = 0; turn < 100; turn++) {
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i, i += j, j += k, k += a;
        u += v, v += 1.5;
    }
    ok(good && sum == (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k) && u == x && v == y, "registers stay");
    end_server(server, "on both sides");
}

// Memory that is there when it is first written to.
static void lazy_memory(void) {
    pid_t server = start_server(fresh_memory);
    bool good = true;
    for (uint32_t i = 1; i < 500; i++) {
        struct packet *answer = fresh_memory();
        good &= calls_right(i, i % 65, answer);
        munmap(answer, PAGE);
    }
    ok(good, "messages and answers to memory that was never touched");
    char *pages = fresh(2 * PAGE);
    struct packet *across = (struct packet *)(pages + PAGE - HEADER - 8);
    ok(calls_right(3, 64, across), "and an answer across the border of two such pages");
    munmap(pages, 2 * PAGE);
    end_server(server, "the server has had them all");
}

// --- signals ---

static volatile sig_atomic_t handled;
static void count_signal(int signal) {
    (void)signal;
    handled++;
}

// Calls until one fails or the type of an answer is 0. Exits with errno or 0, + 100 for each signal.
static pid_t start_caller(int flags) {
    return start_child({
        on_signal(SIGUSR1, count_signal, flags);
        long status;
        do
            status = fipc_call(right, packet_with(&out, 1, "call", 4), &in, PAGE, FIPC_FOREVER);
        while (status == 0 && in.header.type != 0);
        _exit((status == 0 ? 0 : errno) + handled * 100);
    });
}
// Takes some of its calls, and the last is not answered: this caller and this receiver both wait parked by then.
static bool warm_up(void) {
    bool good = fipc_recv(port, &in, PAGE, FIPC_FOREVER) == 0;
    for (int i = 0; i < 10; i++)
        good &= fipc_reply_recv(packet_with(&out, 2, "more", 4), port, &in, PAGE, FIPC_FOREVER) == 0;
    return good && in.header.type == 1 && in.header.size == 4;
}

static void signals_to_caller(void) {
    pid_t caller = start_caller(0);
    ok(warm_up(), "a caller waits for its answer");
    kill(caller, SIGUSR1);
    exited(wait_status(caller), EINTR + 100, "a signal interrupts it");
    fails(fipc_reply(packet_with(&out, 0, "", 0)), EPIPE, "its answer is refused");

    caller = start_caller(SA_RESTART);
    ok(warm_up(), "another, with SA_RESTART");
    for (int i = 0; i < 2; i++) {
        kill(caller, SIGUSR1);
        sleep_ms(5);
        sleeps(caller);
    }
    is(fipc_reply(packet_with(&out, 0, "", 0)), 0, "goes on waiting");
    exited(wait_status(caller), 100, "and handles both, which are one, when it has its answer");

    caller = start_caller(0);
    ok(warm_up(), "a third");
    kill(caller, SIGKILL);
    killed(wait_status(caller), SIGKILL, "is killed");
    fails(fipc_reply(&out), EPIPE, "and gets nothing");

    caller = start_caller(0);
    ok(warm_up(), "a fourth");
    kill(caller, SIGSTOP);
    sleep_ms(5);
    is(fipc_reply(packet_with(&out, 0, "", 0)), 0, "is answered while it is stopped");
    kill(caller, SIGCONT);
    exited(wait_status(caller), 0, "and has it when it goes on");
}

// Answers one call, then waits by fipc_reply_recv; then answers what it gets with type 5.
static pid_t start_waiting_server(int flags) {
    pid_t server = start_child({
        on_signal(SIGUSR1, count_signal, flags);
        bool good = fipc_recv(port, &in, PAGE, FIPC_FOREVER) == 0;
        for (int i = 0; good && i < 10; i++)
            good = fipc_reply_recv(packet_with(&out, 6, "", 0), port, &in, PAGE, FIPC_FOREVER) == 0;
        long status = fipc_reply_recv(packet_with(&out, 6, "", 0), port, &in, PAGE, FIPC_FOREVER);
        int error = status == 0 ? 0 : errno;
        if (status == 0)
            fipc_reply(packet_with(&out, 5, "", 0));
        _exit((good ? error : 99) + 100 * handled);
    });
    bool good = true;
    for (int i = 0; i < 11; i++)
        good &= fipc_call(right, packet_with(&out, 1, "", 0), &in, PAGE, FIPC_FOREVER) == 0 && in.header.type == 6;
    ok(good, "a server waits for its next message");
    sleeps(server);
    return server;
}

static void signals_to_server(void) {
    pid_t server = start_waiting_server(0);
    kill(server, SIGUSR1);
    exited(wait_status(server), EINTR + 100, "a signal interrupts it");

    server = start_waiting_server(SA_RESTART);
    kill(server, SIGUSR1);
    sleep_ms(5);
    sleeps(server);
    is(fipc_call(right, packet_with(&out, 1, "", 0), &in, PAGE, FIPC_FOREVER), 0, "with SA_RESTART it goes on");
    is(in.header.type, 5, "and has not answered twice");
    exited(wait_status(server), 100, "it handled the signal");

    server = start_waiting_server(0);
    kill(server, SIGKILL);
    killed(wait_status(server), SIGKILL, "a server that waits is killed");
    fails(fipc_call(right, packet_with(&out, 1, "", 0), &in, PAGE, in_ms(10)), ETIMEDOUT, "and takes no more");
}

// --- one side parked, the other not ---

static void other_ways(void) {
    pid_t server = start_server(same_memory);
    ok(calls_right(1, 64, &in), "a server");
    sleeps(server);
    is(fipc_call(right, packet_with(&out, 8, "deadline", 8), &in, PAGE, in_ms(10000)), 0, "a call with a deadline");
    is(in.header.type, 9, "is answered");
    sleeps(server);
    static uint8_t large[500];
    is(fipc_call(right, packet_with(&out, 10, large, sizeof large), &in, PAGE, FIPC_FOREVER), 0, "a larger one");
    ok(in.header.type == 11 && in.header.size == sizeof large, "too");
    sleeps(server);
    end_server(server, "a message that is no call ends it");

    pid_t caller = start_caller(0);
    ok(warm_up(), "a caller");
    is(fipc_reply_recv(packet_with(&out, 2, large, sizeof large), port, &in, PAGE, FIPC_FOREVER), 0, "a large answer");
    int saved = (int)fipc_reply_save(0);
    ok(saved >= 0, "its next call is put aside");
    is(fipc_send(saved, packet_with(&out, 2, "", 0), 0), 0, "and answered");
    close(saved);
    is(fipc_recv(port, &in, PAGE, FIPC_FOREVER), 0, "a call");
    out.header = (struct fipc_message){.type = 2, .handle_count = 1, .handles = (uintptr_t)out.handles};
    out.handles[0] = (struct fipc_handle){.handle = right, .operation = FIPC_COPY, .rights = RIGHTS_ALL};
    is(fipc_reply(&out), 0, "that is answered with a handle");
    exited(wait_status(caller), EMSGSIZE, "for which it has no room");

    caller = start_caller(0);
    ok(warm_up(), "another");
    fails(fipc_recv(port, &in, PAGE, 0), EAGAIN, "whose call is dropped");
    exited(wait_status(caller), EPIPE, "gets EPIPE");

    caller = start_child({
        long status = 0;
        while (status == 0)
            status = fipc_call(right, packet_with(&out, 1, "", 0), &in, HEADER + 8, FIPC_FOREVER);
        _exit(errno);
    });
    fipc_recv(port, &in, PAGE, FIPC_FOREVER);
    for (int i = 0; i < 5; i++)
        fipc_reply_recv(packet_with(&out, 2, "12345678", 8), port, &in, PAGE, FIPC_FOREVER);
    fails(fipc_reply_recv(packet_with(&out, 2, "123456789", 9), port, &in, PAGE, in_ms(20)), ETIMEDOUT, "a byte more");
    exited(wait_status(caller), EMSGSIZE, "is the caller's affair");
}

// Tasks of several threads keep their stacks.
static void threads(void) {
    pthread_t thread;
    pid_t server = start_child({
        pthread_create(&thread, NULL, sleep_long, NULL);
        _exit(serve(same_memory) != 0);
    });
    bool good = true;
    for (uint32_t i = 1; i < 300; i++)
        good &= calls_right(i, i % 65, &in);
    ok(good, "one thread calls a task of two");
    end_server(server, "which has had them all");
    server = start_server(fresh_memory);
    pid_t caller = start_child({
        pthread_create(&thread, NULL, sleep_long, NULL);
        bool fine = true;
        for (uint32_t i = 1; i < 300; i++)
            fine &= calls_right(i, i % 65, &in);
        _exit(!fine);
    });
    exited(wait_status(caller), 0, "a task of two calls one of one");
    end_server(server, "which has had them all");
}

// --- memory that somebody else changes meanwhile ---

// Runs in the memory of its parent, but with a handle table of its own, so the parent still is one thread to it.
static char other_stack[65536] __attribute__((aligned(16)));
static int to_other[2];
static struct packet *target;
static int spoil(void *unmap) {
    char byte;
    while (read(to_other[0], &byte, 1) == 1) {
        if (unmap)
            munmap(target, PAGE);
        else
            mprotect(target, PAGE, PROT_READ);
        byte = 1;
        write(to_other[0], &byte, 1);
    }
    return 0;
}

// The answer's memory goes away while the caller waits; what it then gets is an error, and the next call is fine.
static void spoiled_answers(bool unmap) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t caller = start_child({
        to_other[0] = pair[0];
        target = fresh_memory();
        pid_t other = clone(spoil, other_stack + sizeof other_stack, CLONE_VM | SIGCHLD, unmap ? target : NULL);
        close(pair[1]);
        int failed = 0;
        for (uint32_t i = 1; i <= 20; i++) {
            packet_with(&out, i, "some", 4);
            if (fipc_call(right, &out, target, PAGE, FIPC_FOREVER) != 0 && errno == EFAULT)
                failed++;
            munmap(target, PAGE);
            mmap(target, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
        kill(other, SIGKILL), waitpid(other, NULL, 0);
        _exit(failed);
    });
    long status = fipc_recv(port, &in, PAGE, FIPC_FOREVER);
    for (int i = 1; i <= 20 && status == 0; i++) {
        char byte = 0;
        if (i % 2 == 0)
            status = write(pair[1], &byte, 1) == 1 && read(pair[1], &byte, 1) == 1 ? 0 : -1;
        if (status == 0)
            status = i == 20 ? fipc_reply(packet_with(&out, 2, "answer", 6))
                             : fipc_reply_recv(packet_with(&out, 2, "answer", 6), port, &in, PAGE, FIPC_FOREVER);
    }
    is(status, 0, "a server answers");
    exited(wait_status(caller), 10, "half its caller's memory is %s meanwhile", unmap ? "gone" : "read-only");
    close(pair[0]), close(pair[1]);
}

// The same for a server's message: the call is there for the next try.
static void spoiled_messages(bool unmap) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t server = start_child({
        to_other[0] = pair[0];
        target = fresh_memory();
        pid_t other = clone(spoil, other_stack + sizeof other_stack, CLONE_VM | SIGCHLD, unmap ? target : NULL);
        close(pair[1]);
        int failed = 0;
        long status = fipc_recv(port, target, PAGE, FIPC_FOREVER);
        while (status == 0 && target->header.type != 0) {
            packet_with(&out, target->header.type + 1, target->data, target->header.size);
            status = fipc_reply_recv(&out, port, target, PAGE, FIPC_FOREVER);
            if (status != 0 && errno == EFAULT) {
                failed++;
                mmap(target, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
                status = fipc_recv(port, target, PAGE, 0);
            }
        }
        kill(other, SIGKILL), waitpid(other, NULL, 0);
        _exit(status == 0 ? failed : 99);
    });
    bool good = true;
    for (uint32_t i = 1; i <= 20; i++) {
        char byte = 0;
        if (i % 2 == 0)
            good &= write(pair[1], &byte, 1) == 1 && read(pair[1], &byte, 1) == 1;
        good &= calls_right(i, 64, &in);
    }
    ok(good, "calls to a server whose memory is %s now and then", unmap ? "gone" : "read-only");
    fipc_send(right, packet_with(&out, 0, "", 0), FIPC_FOREVER);
    exited(wait_status(server), 10, "are put back, and taken at its next try");
    close(pair[0]), close(pair[1]);
}

// Killed at any moment, both ends: the other one gets an answer or an error, and so does who comes after.
static void sudden_ends(void) {
    unsigned seed = 7;
    bool good = true;
    for (int i = 0; i < 200 && good; i++) {
        pid_t server = start_server(i & 1 ? same_memory : fresh_memory);
        pid_t caller = start_child({
            for (uint32_t n = 1;; n++)
                if (!calls_right(n % 1000 + 1, n % 65, &in))
                    _exit(errno == EPIPE ? 0 : 1);
        });
        seed = seed * 1103515245 + 12345;
        struct timespec some = {.tv_nsec = seed >> 16 & 0x1ffff};
        nanosleep(&some, NULL);
        kill(i & 2 ? server : caller, SIGKILL);
        if (!(i & 2)) {
            int status = wait_status(caller);
            good &= WIFSIGNALED(status) && calls_right(5, 64, &in);
            kill(server, SIGKILL);
            wait_status(server);
            continue;
        }
        wait_status(server); // what it had not taken waits for the next server
        kill(caller, SIGKILL);
        int status = wait_status(caller);
        good &= WIFSIGNALED(status) || WEXITSTATUS(status) == 0;
    }
    ok(good, "two hundred pairs of which one is killed");
}

int main(void) {
    needs_native();
    port = (int)port_create(NULL), right = mint(port, 4, 4);
    sizes();
    registers();
    lazy_memory();
    signals_to_caller();
    signals_to_server();
    other_ways();
    threads();
    spoiled_answers(true);
    spoiled_answers(false);
    spoiled_messages(true);
    spoiled_messages(false);
    sudden_ends();
    return tap_done();
}
