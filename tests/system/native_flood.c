// SPDX-License-Identifier: MPL-2.0
// Floods: clients that send as fast as they can, and one that behaves. Time is not measured but messages: how many of
// others the server takes between a call and its answer. Turns are by right: what a job was given one right for has one
// turn, however many processes use it. The message that the server is at is as long as the call itself, so such a flood
// costs no more than twice the time.
#include "jobs.h"

#include <sys/mman.h>

static struct packet out, in;

// The server's side of what it has answered, in memory that all see.
static struct shared {
    _Atomic uint32_t served; // messages and calls taken
    _Atomic uint32_t mine[64];
} *shared;

static void serve(int port) {
    static struct packet p;
    p.header.handle_count = 0;
    long status = fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER);
    while (status == 0) {
        uint32_t number = ++shared->served;
        shared->mine[p.header.badge % COUNT(shared->mine)]++;
        bool call = p.header.flags & FIPC_CALL;
        p.header = (struct fipc_message){.type = number};
        status = call ? fipc_reply_recv(&p, port, &p, PACKET_ROOM, FIPC_FOREVER)
                      : fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER);
    }
    _exit(1);
}

static long take(int port) {
    in.header.handle_count = 0;
    return fipc_recv(port, &in, PACKET_ROOM, 0);
}

// No other process, no chance: who is next?
static void order(void) {
    enum { FLOODERS = 20 };
    struct port_options options = {.messages = 1000};
    int port = port_create(&options), good = mint(port, 1000, 8), bad[FLOODERS];
    out.header = (struct fipc_message){.size = 8};
    bool sent = true;
    for (int i = 0; i < FLOODERS; i++) {
        bad[i] = mint(port, (uint64_t)i, 10);
        for (int k = 0; k < 10; k++)
            sent &= fipc_send(bad[i], &out, 0) == 0;
    }
    ok(sent, "twenty rights with ten messages each");
    for (int i = 0; i < FLOODERS; i++)
        take(port);
    fipc_send(good, &out, 0);
    ok(take(port) == 0 && in.header.badge == 1000, "who has sent nothing yet comes first");
    fipc_send(good, &out, 0);
    int waited = 0;
    while (take(port) == 0 && in.header.badge != 1000)
        waited++;
    is(waited, FLOODERS, "its next message comes after one of everybody");
    for (int i = 0; i < FLOODERS; i++)
        take(port);
    fipc_send(good, &out, 0);
    ok(take(port) == 0 && in.header.badge == 1000, "and after another round it comes first again");
    int rounds[FLOODERS] = {};
    bool fair = true;
    for (int taken = 0; take(port) == 0; taken++)
        fair &= in.header.badge < FLOODERS && rounds[in.header.badge]++ == taken / FLOODERS;
    ok(fair, "in each round everybody has a turn");
    for (int i = 0; i < FLOODERS; i++)
        close(bad[i]);
    close(port), close(good);
}

// Clients of a job that do nothing but send: `size` bytes each, as calls or as messages.
static void bomb(int right, uint32_t size, bool calls) {
    static struct packet p;
    for (;;) {
        p.header = (struct fipc_message){.size = size};
        if (calls)
            fipc_call(right, &p, &in, PACKET_ROOM, FIPC_FOREVER);
        else
            fipc_send(right, &p, FIPC_FOREVER);
    }
}

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

// The median of messages that the server takes from a call on to its answer, the call included. Before each, others
// have had `between` turns. A client that loses its CPU between the two looks at the counter sees more than there was:
// therefore the median.
static int turns_of_a_call(int right, uint32_t between) {
    enum { CALLS = 101 };
    static int turns[CALLS];
    for (int i = 0; i < CALLS; i++) {
        uint32_t start = shared->served;
        if (!eventually(shared->served - start >= between))
            return -1;
        uint32_t before = shared->served;
        in.header.handle_count = 0;
        if (fipc_call(right, packet_with(&out, 1, "hello", 5), &in, PACKET_ROOM, FIPC_FOREVER) != 0)
            return -1;
        turns[i] = (int)(in.header.type - before);
    }
    qsort(turns, CALLS, sizeof *turns, compare);
    return turns[CALLS / 2];
}

// A job of processes that flood: through one right, or each with one of its own.
static void flood(int processes, bool one_right, uint32_t size, bool calls, const char *what) {
    int port = port_create(NULL), good = mint(port, 63, 4), job = job_with(NO_LIMITS), right = -1;
    memset(shared, 0, sizeof *shared);
    pid_t server = start_child(serve(port)), bombers[32];
    for (int i = 0; i < processes; i++) {
        if (!one_right || i == 0)
            right = mint(port, (uint64_t)i, 16);
        bombers[i] = start_in_job(job, bomb(right, size, calls));
        if (!one_right)
            close(right);
    }
    if (one_right)
        close(right);
    int senders = one_right ? 1 : processes;
    ok(eventually(shared->served > 200), "%s: the flood runs", what);
    int turns = turns_of_a_call(good, 2 * (uint32_t)senders + 2);
    ok(turns >= 1 && turns <= 1 + senders,
       "%s: a call waits for one message of each right at most (%d turns, its own too)", what, turns);
    int served = 0;
    while (served < senders && eventually(shared->mine[served] > 0))
        served++;
    is(served, senders, "and nobody is starved");
    is(job_kill(job), 0, "the job's end");
    for (int i = 0; i < processes; i++)
        wait_status(bombers[i]);
    uint32_t mine = shared->mine[63];
    in.header.handle_count = 0;
    is(fipc_call(good, packet_with(&out, 1, "", 0), &in, PACKET_ROOM, FIPC_FOREVER), 0, "leaves the server well");
    is(shared->mine[63], mine + 1, "that has served the call once");
    kill(server, SIGKILL), wait_status(server);
    close(port), close(good), close(job);
}

// What lies in a queue is bounded by credits, whatever is sent.
static void bounded(void) {
    struct port_options options = {.messages = 50, .bytes = 20'000};
    int port = port_create(&options), a = mint(port, 1, 30), b = mint(port, 2, 30);
    out.header = (struct fipc_message){.size = 1000};
    int sent = 0;
    while (fipc_send(a, &out, 0) == 0 || fipc_send(b, &out, 0) == 0)
        sent++;
    ok(errno == EAGAIN && sent == 20, "bytes bound what is queued (%d)", sent);
    while (take(port) == 0)
        ;
    out.header = (struct fipc_message){};
    for (sent = 0; fipc_send(a, &out, 0) == 0; sent++)
        ;
    is(sent, 30, "messages of one right");
    for (; fipc_send(b, &out, 0) == 0; sent++)
        ;
    is(sent, 50, "and of the port");
    close(port), close(a), close(b);
}

int main(void) {
    needs_native();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    order();
    flood(8, true, 8, false, "eight processes with one right");
    flood(8, true, FIPC_INLINE_MAX, false, "eight with the largest messages");
    flood(8, false, 8, false, "eight with a right each");
    flood(30, false, 64, true, "thirty that call");
    bounded();
    munmap(shared, sizeof *shared);
    return tap_done();
}
