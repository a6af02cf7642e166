// SPDX-License-Identifier: MPL-2.0
// Calls and replies: data both ways, reply rights, deadlines, signals, the server's death.
#include "native.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct packet out, in;

// Answers each call with its data, inverted, and its type + 1, until type 0.
static void echo(int port) {
    static struct packet p;
    expect_handles(&p);
    long status = fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER);
    while (status == 0 && p.header.type != 0) {
        if (!(p.header.flags & FIPC_CALL)) {
            status = fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER);
            continue;
        }
        for (uint32_t i = 0; i < p.header.size; i++)
            p.data[i] = ~p.data[i];
        p.header = (struct fipc_message){.type = p.header.type + 1, .size = p.header.size};
        status = fipc_reply_recv(&p, port, &p, PACKET_ROOM, FIPC_FOREVER);
    }
    _exit(status != 0);
}

static bool call_echo(int right, uint32_t type, uint32_t size) {
    uint8_t data[FIPC_INLINE_MAX];
    for (uint32_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 31 + type);
    if (fipc_call(right, packet_with(&out, type, data, size), &in, PACKET_ROOM, FIPC_FOREVER) != 0)
        return false;
    bool good = in.header.type == type + 1 && in.header.size == size;
    for (uint32_t i = 0; i < size; i++)
        good &= in.data[i] == (uint8_t)~data[i];
    return good;
}

static void calls(void) {
    int port = port_create(NULL), right = mint(port, 9, 4);
    pid_t server = start_child(echo(port));
    close(port);
    ok(call_echo(right, 1, 0), "a call without data");
    ok(call_echo(right, 2, 64), "64 bytes");
    ok(call_echo(right, 3, 65), "65 bytes");
    ok(call_echo(right, 4, FIPC_INLINE_MAX), "8192 bytes");
    bool good = true;
    for (uint32_t i = 0; i < 3000; i++)
        good &= call_echo(right, i + 1, i % 130);
    ok(good, "three thousand of all sizes");
    kill(server, SIGKILL);
    fails(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER), EPIPE, "a dead server");
    wait_status(server);
    close(right);
}

static void reply_rights(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    fails(fipc_reply(&out), EBADF, "a reply to nobody");
    fails(fipc_reply_save(0), EBADF, "nor can that be saved");
    pid_t caller = start_child({
        long status = fipc_call(right, packet_with(&out, 1, "x", 1), &in, PACKET_ROOM, FIPC_FOREVER);
        _exit(status == 0 ? (int)in.header.type : errno);
    });
    is(fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER), 0, "take a call");
    ok(in.header.flags & FIPC_CALL, "it says that it is one");
    is(fipc_reply(packet_with(&out, 77, "", 0)), 0, "reply");
    fails(fipc_reply(&out), EBADF, "twice");
    exited(wait_status(caller), 77, "the caller has the first");

    caller = start_child(_exit(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) == 0 ? 0 : errno));
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "receive again instead of a reply");
    exited(wait_status(caller), EPIPE, "then the caller gets EPIPE");

    caller =
        start_child(_exit(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) == 0 ? (int)in.header.type : errno));
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    int saved = (int)fipc_reply_save(0);
    ok(saved >= 0, "save the right to reply");
    fails(fipc_reply(&out), EBADF, "then the thread has it no more");
    is(fipc_send(saved, packet_with(&out, 55, "", 0), 0), 0, "use it");
    fails(fipc_send(saved, &out, 0), EBADF, "twice");
    exited(wait_status(caller), 55, "the caller has the answer");
    close(saved);

    caller = start_child(_exit(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) == 0 ? 0 : errno));
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    close((int)fipc_reply_save(0));
    exited(wait_status(caller), EPIPE, "a saved right that is closed");

    caller = start_child(_exit(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) == 0 ? 0 : errno));
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    saved = (int)fipc_reply_save(0);
    kill(caller, SIGKILL), wait_status(caller);
    fails(fipc_send(saved, &out, 0), EPIPE, "a caller that was killed");
    close(saved);

    caller = start_child(_exit(fipc_call(right, &out, &in, HEADER + 8, FIPC_FOREVER) == 0 ? 0 : errno));
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    is(fipc_reply(packet_with(&out, 1, "too long for it", 15)), 0, "a reply never fails");
    exited(wait_status(caller), EMSGSIZE, "the caller had too little room");
    close(port), close(right);
}

static void deadlines(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    int64_t start = now_ns();
    out.header = (struct fipc_message){.type = 3};
    fails(fipc_call(right, &out, &in, PACKET_ROOM, in_ms(30)), ETIMEDOUT, "a call that nobody takes");
    ok(now_ns() - start >= 30'000'000, "not before its time");
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "and it is not in the queue any more");
    _Atomic bool *taken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t caller = start_child({
        long status;
        do // again, if nobody has taken it by then
            status = fipc_call(right, &out, &in, PACKET_ROOM, in_ms(30));
        while (!*taken);
        _exit(status == 0 ? 0 : errno);
    });
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    *taken = true;
    exited(wait_status(caller), ETIMEDOUT, "one that is taken and not answered");
    munmap(taken, 4096);
    fails(fipc_reply(&out), EPIPE, "the answer comes too late");
    fails(fipc_call(right, &out, &in, PACKET_ROOM, 0), EAGAIN, "a call that must not wait");
    fails(fipc_call(right, &out, &in, 8, FIPC_FOREVER), EINVAL, "no room for a header");
    close(port), close(right);
}

static volatile sig_atomic_t handled;
static void count_signal(int signal) {
    (void)signal;
    handled++;
}

// The caller's exit status: its errno, or the reply's type; + 100 for each signal it handled before.
static pid_t start_caller(int right, int flags) {
    return start_child({
        on_signal(SIGUSR1, count_signal, flags);
        out.header = (struct fipc_message){.type = 3};
        long status = fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER);
        _exit((status == 0 ? (int)in.header.type : errno) + handled * 100);
    });
}

static void interruptions(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    pid_t caller = start_caller(right, 0);
    sleeps(caller);
    kill(caller, SIGUSR1);
    exited(wait_status(caller), EINTR + 100, "a call that nobody took is interrupted");
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "and withdrawn");

    caller = start_caller(right, SA_RESTART);
    sleeps(caller);
    kill(caller, SIGUSR1);
    sleep_ms(10);
    is(fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER), 0, "with SA_RESTART it is made again");
    fipc_reply(packet_with(&out, 9, "", 0));
    exited(wait_status(caller), 109, "and answered");
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "once");

    caller = start_caller(right, 0);
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    kill(caller, SIGUSR1);
    exited(wait_status(caller), EINTR + 100, "one that was taken is interrupted");
    fails(fipc_reply(&out), EPIPE, "and its answer refused: not both");

    caller = start_caller(right, SA_RESTART);
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    kill(caller, SIGUSR1);
    sleep_ms(10);
    is(fipc_reply(packet_with(&out, 8, "", 0)), 0, "with SA_RESTART it goes on waiting");
    exited(wait_status(caller), 108, "and handles the signal when it has the answer");

    caller = start_caller(right, 0);
    fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
    kill(caller, SIGTERM);
    killed(wait_status(caller), SIGTERM, "a signal that kills does so at once");
    fails(fipc_reply(&out), EPIPE, "its server learns of it");

    pid_t server = start_child({
        on_signal(SIGUSR1, count_signal, SA_RESTART);
        fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
        long status = fipc_reply_recv(packet_with(&out, 6, "", 0), port, &in, PACKET_ROOM, FIPC_FOREVER);
        fipc_reply(packet_with(&out, 5, "", 0));
        _exit(status == 0 ? handled : 99);
    });
    is(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER), 0, "a server that replies and receives");
    sleeps(server);
    kill(server, SIGUSR1);
    sleep_ms(10);
    is(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER), 0, "goes on receiving after a signal");
    is(in.header.type, 5, "and has not replied twice");
    exited(wait_status(server), 1, "it handled the signal");
    close(port), close(right);
}

// Handles both ways, and back to the caller when nobody takes them.
static void handles(void) {
    int port = port_create(NULL), right = mint(port, 1, 4), ends[2];
    pid_t server = start_child({
        expect_handles(&in);
        fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
        write(in.handles[0].handle, "hi", 2);
        int pair[2];
        pipe(pair);
        write(pair[1], "there", 5);
        out.header = (struct fipc_message){.type = 1, .handles = (uintptr_t)out.handles, .handle_count = 1};
        out.handles[0] = (struct fipc_handle){.handle = pair[0], .rights = RIGHTS_ALL};
        _exit(fipc_reply(&out) != 0 || close(pair[0]) == 0);
    });
    pipe(ends);
    out.header = (struct fipc_message){.handles = (uintptr_t)out.handles, .handle_count = 1};
    out.handles[0] = (struct fipc_handle){.handle = ends[1], .rights = RIGHTS_ALL};
    expect_handles(&in);
    is(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER), 0, "a call with a handle");
    char text[8] = "";
    ok(read(ends[0], text, 7) == 2 && !strcmp(text, "hi"), "that the server used");
    ok(in.header.handle_count == 1 && read(in.handles[0].handle, text, 7) == 5 && !memcmp(text, "there", 5),
       "and one with the answer");
    close(in.handles[0].handle);
    exited(wait_status(server), 0, "which it has no more");
    int before = open_fd_count(), event = dup(ends[0]);
    out.handles[0].handle = event;
    expect_handles(&in);
    fails(fipc_call(right, &out, &in, PACKET_ROOM, in_ms(20)), ETIMEDOUT, "a call that nobody takes");
    ok(fcntl(event, F_GETFD) >= 0, "gives the handle back");
    close(event);
    is(open_fd_count(), before, "and leaves no number taken");
    close(port), close(right), close(ends[0]);
}

// A receiver whose memory is bad: the message is there for the next try, whichever way it came.
static void bad_receivers(void) {
    int port = port_create(NULL), right = mint(port, 4, 4);
    char *bad = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t server = start_child({
        for (uint32_t i = 0; i < 3; i++) {
            if (fipc_recv(port, bad, 4096, FIPC_FOREVER) == 0 || errno != EFAULT)
                _exit(1);
            if (fipc_recv(port, &in, PACKET_ROOM, 0) != 0 || in.header.badge != 4 || in.header.type != 30 + i)
                _exit(2);
            if (in.header.size != i * 50 || (i && in.data[i * 50 - 1] != i))
                _exit(3);
            if (fipc_reply_recv(packet_with(&out, i, "", 0), port, bad, 4096, FIPC_FOREVER) == 0 || errno != EFAULT)
                _exit(4);
            if (fipc_recv(port, &in, PACKET_ROOM, 0) != 0 || in.header.type != 99)
                _exit(5);
            fipc_reply(packet_with(&out, i, "", 0));
        }
    });
    bool good = true;
    for (uint32_t i = 0; i < 3; i++) {
        uint8_t data[150];
        memset(data, (int)i, sizeof data);
        sleeps(server);
        in.header.handle_count = 0;
        good &= fipc_call(right, packet_with(&out, 30 + i, data, i * 50), &in, PACKET_ROOM, FIPC_FOREVER) == 0;
        good &= in.header.type == i;
        sleeps(server);
        good &= fipc_call(right, packet_with(&out, 99, data, 8), &in, PACKET_ROOM, FIPC_FOREVER) == 0;
    }
    ok(good, "calls to a receiver whose memory is bad at first");
    exited(wait_status(server), 0, "which gets each at the next try");
    munmap(bad, 4096), close(port), close(right);
}

static struct {
    _Atomic bool stop;
    struct packet packet;
} shared;

static void *scribble(void *unused) {
    (void)unused;
    for (uint32_t i = 0; !shared.stop; i++) {
        shared.packet.header.size = i % 3 ? 64 : i * 77;
        shared.packet.header.handle_count = i % 5 ? 0 : i;
        shared.packet.header.handles = i % 7 ? (uintptr_t)&shared : i;
        memset(shared.packet.data, (int)i, 64);
    }
    return NULL;
}

// A second thread changes header and data during the call: any error is allowed, any answer must fit its own size.
static void changing_memory(void) {
    int port = port_create(NULL), right = mint(port, 9, 4);
    pid_t server = start_child(echo(port));
    close(port);
    pthread_t thread;
    pthread_create(&thread, NULL, scribble, NULL);
    bool good = true;
    long answered = 0;
    for (int i = 0; i < 20000; i++) {
        in.header.handle_count = 0;
        shared.packet.header.type = 1;
        if (fipc_call(right, &shared.packet, &in, PACKET_ROOM, FIPC_FOREVER) == 0)
            answered++, good &= in.header.type == 2 && in.header.size <= FIPC_INLINE_MAX && in.header.handle_count == 0;
        else
            good &= errno == EMSGSIZE || errno == EFAULT || errno == EBADF || errno == EACCES || errno == EINVAL;
    }
    shared.stop = true;
    pthread_join(thread, NULL);
    ok(good && answered > 0, "memory that another thread changes during calls (%ld answered)", answered);
    ok(call_echo(right, 5, 64), "the server is well");
    kill(server, SIGKILL), wait_status(server);
    close(right);
}

// A server that counts what it answers in shared memory and is killed at random points of calls.
static void random_kills(int rounds) {
    struct count {
        _Atomic long answered, failed;
    } *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long answers = 0, errors = 0, lost = 0;
    uint32_t seed = 12345;
    for (int i = 0; i < rounds; i++) {
        int port = port_create(NULL), right = mint(port, 1, 4);
        pid_t server = start_child({
            int failed = fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
            while (!failed) { // only a call that came is counted
                count->answered++;
                out.header = (struct fipc_message){.type = 2, .size = i % 2 ? 64 : 100};
                failed = fipc_reply_recv(&out, port, &in, PACKET_ROOM, FIPC_FOREVER);
            }
            count->failed++;
        });
        close(port);
        seed = seed * 1664525 + 1013904223;
        unsigned delay = seed >> 16;
        pid_t killer = start_child({
            for (volatile unsigned k = 0; k < delay; k++)
                ;
            kill(server, SIGKILL);
        });
        long before = count->answered, mine = 0;
        for (;;) {
            out.header = (struct fipc_message){.type = 1, .size = i % 3 ? 8 : 200};
            in.header.handle_count = 0;
            if (fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) != 0)
                break;
            mine++;
        }
        if (errno == EPIPE)
            errors++;
        answers += mine;
        long made = count->answered - before;
        lost += made < mine || made > mine + 1; // one may have been cut off between count and reply
        wait_status(killer), wait_status(server);
        close(right);
    }
    is(count->failed, 0, "a server that is killed while it receives sees no error before it dies");
    munmap(count, 4096);
    is(errors, rounds, "%d servers killed: each client gets EPIPE in the end", rounds);
    is(lost, 0, "and before it an answer for each call, %ld in all", answers);
}

static void real_time(int priority) {
    struct sched_param param = {.sched_priority = priority};
    if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param) != 0) // musl's function fails always
        _exit(99);
}

// A server of no importance, called by a thread of great importance, beside one in between that never stops: it must
// run all the same, as long as the call takes.
static void donation(uint32_t size, const char *what) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    cpu_set_t before, one;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one), CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    pid_t server = start_child({
        setpriority(PRIO_PROCESS, 0, 19);
        fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER);
        for (int64_t end = now_ns() + 30'000'000; now_ns() < end;)
            ;
        fipc_reply(packet_with(&out, 4, "", 0));
    });
    sleeps(server);
    _Atomic bool *over = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t caller = start_child({
        real_time(60);
        pid_t hog = start_child({
            real_time(30);
            for (int64_t end = now_ns() + 20'000'000'000; now_ns() < end;)
                ;
            *over = true;
        });
        uint8_t data[200] = {};
        in.header.handle_count = 0;
        long status = fipc_call(right, packet_with(&out, 1, data, size), &in, PACKET_ROOM, FIPC_FOREVER);
        bool meanwhile = !*over; // the other was still computing
        kill(hog, SIGKILL);
        _exit(status != 0 || !meanwhile);
    });
    exited(wait_status(caller), 0, "%s runs at its caller's priority", what);
    wait_status(server);
    sched_setaffinity(0, sizeof before, &before);
    munmap(over, 4096);
    close(port), close(right);
}

// native_calls [SERVERS TO KILL]
int main(int argc, char **argv) {
    needs_native();
    calls();
    reply_rights();
    deadlines();
    interruptions();
    handles();
    bad_receivers();
    changing_memory();
    random_kills(argc > 1 ? atoi(argv[1]) : 1000);
    donation(8, "a server called by the fast path");
    donation(200, "one called by the slow path");
    return tap_done();
}
