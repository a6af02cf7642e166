// SPDX-License-Identifier: MPL-2.0
// Messages of four words in registers: between two that wait for such, with callers and servers whose messages lie in
// memory, by all ways through the kernel, and whatever else wakes who waits.
#include "sys.h"

#include <pthread.h>
#include <sys/ptrace.h>
#include <tessera/port.h>
#include <tessera/words.h>

enum { BADGE = 0x1234'5678 };
static int port, right;

// A message in memory.
static struct packet {
    struct fipc_message header;
    uint64_t word[8];
} out, in;
static struct packet *packet_of(struct packet *p, uint32_t type, uint32_t size) {
    *p = (struct packet){.header = {.type = type, .size = size}};
    for (unsigned i = 0; i < 8; i++)
        p->word[i] = 0x0101'0101'0101'0101 * (i + 1);
    return p;
}

static int64_t in_ms(int ms) {
    return now_ns() + ms * 1'000'000LL;
}

static struct fipc_words words_of(uint32_t type) {
    return (struct fipc_words){77, type, {type * 3ul, ~(uint64_t)type, 1ul << 63 | type, 5}};
}
static bool are(const struct fipc_words *w, uint32_t type, const uint64_t *words) {
    return w->type == type && memcmp(w->word, words, sizeof w->word) == 0;
}

// Answers with the type + 1 and the words inverted, until the type is 0 or a message is no call.
static int serve(void) {
    struct fipc_words w = {};
    int status = fipc_recv_words(port, &w, FIPC_FOREVER);
    while (status == FIPC_CALL && w.type != 0) {
        if (w.badge != BADGE)
            return 1;
        w.type++;
        for (unsigned i = 0; i < 4; i++)
            w.word[i] = ~w.word[i];
        status = fipc_reply_recv_words(port, &w);
    }
    return status < 0 ? 2 : 0;
}
static pid_t start_server(void) {
    return start_child(_exit(serve()));
}
static void end_server(pid_t server, const char *what) {
    fipc_send(right, &packet_of(&out, 0, 0)->header, FIPC_FOREVER);
    exited(wait_status(server), 0, "%s", what);
}

static bool calls_right(uint32_t type) {
    struct fipc_words w = words_of(type), want = w;
    for (unsigned i = 0; i < 4; i++)
        want.word[i] = ~want.word[i];
    return fipc_call_words(right, &w) == 0 && are(&w, type + 1, want.word) && w.badge == 0;
}
static bool call_many(uint32_t count) {
    bool good = true;
    for (uint32_t i = 1; i <= count; i++)
        good &= calls_right(i * 0x10'0001);
    return good;
}

static void both_ways(void) {
    pid_t server = start_server();
    ok(call_many(3000), "calls, with the words of both sides and the badge");
    end_server(server, "which the server has had all");
}

// More values than are kept in registers across a call, and none is what it was if one register is lost.
static void registers(void) {
    pid_t server = start_server();
    volatile unsigned long seed = 12345;
    unsigned long a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17, g = seed * 19;
    double x = (double)seed / 3;
    for (uint32_t turn = 1; turn < 100; turn++)
        calls_right(turn), a += b, b += c, c += d, d += e, e += f, f += g, g += a, x += 1.5;
    unsigned long sum = a ^ b ^ c ^ d ^ e ^ f ^ g;
    a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17, g = seed * 19;
    double y = (double)seed / 3;
    for (uint32_t turn = 1; turn < 100; turn++)
        a += b, b += c, c += d, d += e, e += f, f += g, g += a, y += 1.5;
    ok(sum == (a ^ b ^ c ^ d ^ e ^ f ^ g) && x == y, "other registers stay");
    end_server(server, "on both sides");
}

// --- one side in memory ---

static void server_in_memory(void) {
    pid_t caller = start_child({
        struct fipc_words w;
        int wrong = 0;
        const uint64_t *in_order = packet_of(&out, 0, 0)->word;
        for (uint32_t size = 0; size <= 32; size += 8) {
            w = words_of(size + 1);
            uint64_t want[4] = {};
            memcpy(want, in_order, size);
            wrong += fipc_call_words(right, &w) != 0 || !are(&w, size, want) || w.badge != 0;
        }
        w = words_of(9);
        wrong += (fipc_call_words(right, &w) != -EMSGSIZE) * 10;
        w = words_of(9);
        wrong += (fipc_call_words(right, &w) != -EMSGSIZE) * 20;
        w = words_of(9);
        wrong += (fipc_call_words(right, &w) != -EPIPE) * 40;
        _exit(wrong);
    });
    bool good = true;
    int status = fipc_recv(port, &in.header, sizeof in, FIPC_FOREVER);
    for (uint32_t size = 0; size <= 32 && status == 0; size += 8) {
        struct fipc_words want = words_of(size + 1);
        good &= in.header.size == 32 && in.header.flags == FIPC_CALL && in.header.handle_count == 0 &&
                in.header.badge == BADGE && in.header.type == want.type && memcmp(in.word, want.word, 32) == 0;
        status = fipc_reply_recv(&packet_of(&out, size, size)->header, port, &in.header, sizeof in, FIPC_FOREVER);
    }
    ok(good && status == 0, "a server that receives to memory gets 32 bytes");
    is(fipc_reply_recv(&packet_of(&out, 1, 33)->header, port, &in.header, sizeof in, FIPC_FOREVER), 0, "33 bytes and");
    struct fipc_handle handle = {.handle = right, .rights = RIGHT_SEND, .operation = FIPC_COPY};
    packet_of(&out, 1, 8)->header.handles = (uintptr_t)&handle;
    out.header.handle_count = 1;
    is(fipc_reply(&out.header), 0, "a handle are its caller's affair");
    is(fipc_recv(port, &in.header, sizeof in, FIPC_FOREVER), 0, "one more call");
    is(fipc_recv(port, &in.header, sizeof in, 0), -EAGAIN, "that is dropped");
    exited(wait_status(caller), 0, "shorter answers are filled up, longer ones and handles are EMSGSIZE");
}

static void caller_in_memory(void) {
    pid_t server = start_server();
    bool good = true;
    for (uint32_t turn = 0; turn < 330; turn++) {
        uint32_t size = turn % 33;
        uint8_t want[32] = {};
        packet_of(&out, turn + 1, size);
        memcpy(want, out.word, size);
        struct packet *answer = turn & 1 ? &in : &out;
        good &= fipc_call(right, &out.header, &answer->header, sizeof out, FIPC_FOREVER) == 0;
        for (unsigned i = 0; i < 32; i++)
            want[i] = ~want[i];
        good &= answer->header.type == turn + 2 && answer->header.size == 32 && answer->header.badge == 0 &&
                answer->header.handle_count == 0 && memcmp(answer->word, want, 32) == 0;
    }
    ok(good, "calls from memory of up to 32 bytes are filled up, and answered with 32");
    packet_of(&out, 1, 8);
    is(fipc_call(right, &out.header, &in.header, sizeof in.header + 31, FIPC_FOREVER), -EMSGSIZE,
       "too little room for that");
    is(fipc_call(right, &out.header, &in.header, sizeof in.header + 32, in_ms(10'000)), 0, "one with a deadline");
    end_server(server, "the server has had them all");

    server = start_child({
        struct fipc_words w;
        int status = fipc_recv_words(port, &w, FIPC_FOREVER), wrong = status != FIPC_CALL;
        for (uint32_t turn = 0; turn < 6; turn++) {
            status = fipc_reply_recv_words(port, &w);
            wrong += status != -EMSGSIZE || fipc_recv_words(port, &w, FIPC_FOREVER) != -EMSGSIZE;
            wrong += fipc_recv(port, &in.header, sizeof in, FIPC_FOREVER) != 0 || in.header.size != 64;
        }
        _exit(wrong);
    });
    is(fipc_call(right, &packet_of(&out, 1, 32)->header, &in.header, sizeof in, FIPC_FOREVER), 0, "a call");
    for (uint32_t turn = 0; turn < 5; turn++)
        good &= fipc_call(right, &packet_of(&out, 1, 64)->header, &in.header, sizeof in, FIPC_FOREVER) == 0;
    ok(good, "longer ones are left to fipc_recv");
    is(fipc_call(right, &out.header, &in.header, sizeof in, FIPC_FOREVER), -EPIPE, "and the server ends");
    exited(wait_status(server), 0, "having been told each time");
}

// --- what is no answer ---

static void errors(void) {
    struct fipc_words w = words_of(1), same = w;
    is(fipc_call_words(-1, &w), -EBADF, "no handle");
    is(fipc_call_words(1000, &w), -EBADF, "none there");
    is(fipc_call_words(port, &w), -EACCES, "a port is not called");
    is(fipc_recv_words(right, &w, 0), -EACCES, "nor received from a right");
    is(fipc_reply_recv_words(right, &w), -EACCES, "even with an answer");
    is(fipc_reply_recv_words(port, &w), -EBADF, "an answer to nobody");
    is(fipc_recv_words(port, &w, 0), -EAGAIN, "nothing there");
    is(fipc_recv_words(port, &w, in_ms(5)), -ETIMEDOUT, "nor a moment later");
    ok(are(&w, same.type, same.word), "the words are as they were");
    is(fipc_send(right, &packet_of(&out, 6, 32)->header, 0), 0, "what is sent");
    is(fipc_recv_words(port, &w, 0), 0, "is no call");
    ok(are(&w, 6, out.word) && w.badge == BADGE, "and there");
    is(fipc_reply_recv_words(port, &w), -EBADF, "cannot be answered");

    int other = port_create(&(struct port_options){.flags = PORT_NOTE_SENDERS}), gone = port_right(other, 3);
    close(gone);
    is(fipc_recv_words(other, &w, 0), FIPC_NOTE, "a note");
    ok(w.type == FIPC_NOTE_NO_SENDERS && w.badge == 3, "that the right is gone");
    struct port_right single = {.badge = 4, .rights = RIGHT_SEND, .flags = PORT_RIGHT_ONCE};
    int once = port_mint(other, &single), another = port_right(other, 5);
    pid_t server = start_child({
        struct fipc_words mine;
        fipc_recv_words(other, &mine, FIPC_FOREVER);
        fipc_reply_recv_words(other, &mine);
        int saved = fipc_reply_save(0);
        fipc_recv_words(other, &mine, FIPC_FOREVER);
        fipc_send(saved, &packet_of(&out, 8, 16)->header, 0);
        fipc_recv_words(other, &mine, FIPC_FOREVER);
    });
    close(other);
    is(fipc_call_words(once, &w), 0, "a right for once");
    is(fipc_call_words(once, &w), -EBADF, "not twice");
    pid_t caller = start_child({
        struct fipc_words mine = words_of(1);
        uint64_t want[4] = {0x0101'0101'0101'0101, 0x0202'0202'0202'0202};
        _exit(fipc_call_words(another, &mine) != 0 || !are(&mine, 8, want));
    });
    sleeps(caller);
    w = words_of(5);
    is(fipc_call_words(another, &w), -EPIPE, "a call that the server drops");
    exited(wait_status(caller), 0, "one that it has put aside is answered");
    kill(server, SIGKILL);
    wait_status(server);
    is(fipc_call_words(another, &w), -EPIPE, "nobody can receive any more");
    close(once), close(another);
}

// --- signals ---

static volatile sig_atomic_t handled;
static void count_signal(int signal) {
    (void)signal;
    handled++;
}

// Calls until it fails, or is answered with type 0. Exits with the error, + 100 for each signal.
static pid_t start_caller(int flags) {
    return start_child({
        struct fipc_words w;
        on_signal(SIGUSR1, count_signal, flags);
        int status;
        do
            w = words_of(1), status = fipc_call_words(right, &w);
        while (status == 0 && w.type != 0);
        _exit(-status + handled * 100);
    });
}
// Takes some of its calls, and the last is not answered: this caller and this receiver both wait parked by then.
static bool warm_up(void) {
    struct fipc_words w = {};
    bool good = fipc_recv_words(port, &w, FIPC_FOREVER) == FIPC_CALL;
    for (int i = 0; i < 10; i++)
        good &= fipc_reply_recv_words(port, &w) == FIPC_CALL;
    return good && w.type == 1;
}

static void signals_to_caller(void) {
    pid_t caller = start_caller(0);
    ok(warm_up(), "a caller waits for its answer");
    kill(caller, SIGUSR1);
    exited(wait_status(caller), EINTR + 100, "a signal interrupts it");
    is(fipc_reply(&packet_of(&out, 0, 0)->header), -EPIPE, "its answer is refused");

    caller = start_caller(SA_RESTART);
    ok(warm_up(), "another, with SA_RESTART");
    kill(caller, SIGUSR1);
    sleep_ms(5);
    sleeps(caller);
    is(fipc_reply(&packet_of(&out, 0, 0)->header), 0, "goes on waiting");
    exited(wait_status(caller), 100, "and handles it when it has its answer");

    caller = start_caller(SA_RESTART);
    sleeps(caller);
    kill(caller, SIGUSR1);
    sleep_ms(5);
    sleeps(caller);
    ok(warm_up(), "one that nobody had taken is made again, as it was");
    kill(caller, SIGSTOP);
    sleep_ms(5);
    is(fipc_reply(&packet_of(&out, 0, 0)->header), 0, "it is answered while it is stopped");
    kill(caller, SIGCONT);
    exited(wait_status(caller), 100, "and has it when it goes on");

    caller = start_caller(0);
    ok(warm_up(), "a fourth");
    kill(caller, SIGKILL);
    killed(wait_status(caller), SIGKILL, "is killed");
    is(fipc_reply(&out.header), -EPIPE, "and gets nothing");
}

// Answers eleven calls with type 6, and after a signal what it gets then with type 5.
static pid_t start_waiting_server(int flags) {
    pid_t server = start_child({
        struct fipc_words w = {};
        on_signal(SIGUSR1, count_signal, flags);
        int status = fipc_recv_words(port, &w, FIPC_FOREVER);
        for (int i = 0; i < 11 && status == FIPC_CALL; i++)
            w.type = 6, status = fipc_reply_recv_words(port, &w);
        if (status == FIPC_CALL)
            fipc_reply(&packet_of(&out, w.type + 1, 0)->header);
        _exit(status < 0 ? -status + 100 * handled : 100 * handled);
    });
    struct fipc_words w = words_of(1);
    bool good = true;
    for (int i = 0; i < 11; i++)
        good &= fipc_call_words(right, &w) == 0 && w.type == 6;
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
    struct fipc_words w = words_of(40);
    is(fipc_call_words(right, &w), 0, "with SA_RESTART it goes on");
    is(w.type, 41, "with what it gets, and has not answered twice");
    exited(wait_status(server), 100, "it handled the signal");
    server = start_waiting_server(0);
    kill(server, SIGKILL);
    killed(wait_status(server), SIGKILL, "a server that waits is killed");
}

// --- other ways through the kernel ---

// Tasks of several threads keep their stacks.
static void threads(void) {
    pthread_t thread;
    pid_t server = start_child({
        pthread_create(&thread, NULL, sleep_long, NULL);
        _exit(serve());
    });
    ok(call_many(300), "one thread calls a task of two");
    end_server(server, "which has had them all");
    server = start_server();
    pid_t caller = start_child({
        pthread_create(&thread, NULL, sleep_long, NULL);
        _exit(!call_many(300));
    });
    exited(wait_status(caller), 0, "a task of two calls one of one");
    end_server(server, "which has had them all");
}

// What a tracer lets go on at each call's entry and exit.
static void traced(void) {
    pid_t server = start_server();
    pid_t caller = start_child({
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(!call_many(20));
    });
    int status = wait_status(caller), stops = 0;
    for (; WIFSTOPPED(status) && stops < 1000; stops++) {
        ptrace(PTRACE_SYSCALL, caller, NULL, NULL);
        status = wait_status(caller);
    }
    exited(status, 0, "calls by a traced thread");
    ok(stops > 40, "which stops at each");
    end_server(server, "the server has had them all");
}

// Two servers in one port, one of them to memory, and callers of both kinds at once.
static void mixed(void) {
    pid_t servers[] = {start_server(), start_child({
                           int status = fipc_recv(port, &in.header, sizeof in, FIPC_FOREVER);
                           while (status == 0 && in.header.type != 0) {
                               in.header.type++, in.header.flags = 0, in.header.size = 32;
                               for (unsigned i = 0; i < 4; i++)
                                   in.word[i] = ~in.word[i];
                               status = fipc_reply_recv(&in.header, port, &in.header, sizeof in, FIPC_FOREVER);
                           }
                           _exit(status != 0);
                       })};
    pid_t callers[4];
    for (int i = 0; i < 4; i++)
        callers[i] = start_child({
            bool good = true;
            for (uint32_t turn = 1; turn < 500; turn++) {
                packet_of(&out, turn, 32);
                good &= i & 1 ? calls_right(turn)
                              : fipc_call(right, &out.header, &out.header, sizeof out, FIPC_FOREVER) == 0 &&
                                    out.header.type == turn + 1 && out.word[3] == ~0x0404'0404'0404'0404ul;
            }
            _exit(!good);
        });
    for (int i = 0; i < 4; i++)
        exited(wait_status(callers[i]), 0, "caller %d of four has its own answers", i);
    for (int i = 0; i < 2; i++)
        fipc_send(right, &packet_of(&out, 0, 0)->header, FIPC_FOREVER);
    for (int i = 0; i < 2; i++)
        exited(wait_status(servers[i]), 0, "server %d of two", i);
}

// Killed at any moment, both ends: the other one gets an answer or an error, and so does who comes after.
static void sudden_ends(void) {
    unsigned seed = 7;
    bool good = true;
    for (int i = 0; i < 150 && good; i++) {
        pid_t server = start_server();
        pid_t caller = start_child({
            for (uint32_t n = 1;; n++)
                if (!calls_right(n % 1000 + 1))
                    _exit(1);
        });
        seed = seed * 1103515245 + 12345;
        nanosleep(&(struct timespec){.tv_nsec = seed >> 16 & 0x1ffff}, NULL);
        bool server_ends = i & 1;
        kill(server_ends ? server : caller, SIGKILL);
        wait_status(server_ends ? server : caller);
        if (!server_ends)
            good &= calls_right(5);
        kill(server_ends ? caller : server, SIGKILL);
        wait_status(server_ends ? caller : server);
    }
    ok(good, "many pairs of which one is killed");
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "native calls");
        return tap_done();
    }
    port = port_create(NULL), right = port_right(port, BADGE);
    both_ways();
    registers();
    server_in_memory();
    caller_in_memory();
    errors();
    signals_to_caller();
    signals_to_server();
    threads();
    traced();
    mixed();
    sudden_ends();
    return tap_done();
}
