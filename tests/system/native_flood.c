// SPDX-License-Identifier: MPL-2.0
// Floods: clients that send as fast as they can, and one that behaves. Time is not measured but messages: how many of
// others the server takes between a call and its answer. Jobs take turns, and within a job its rights: whatever a job
// has of rights, processes and jobs of its own, it has one turn. The message that the server is at is as long as the
// call itself, so a flood costs no more than twice the time.
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

// Sends `count` messages through each right, from a process in the job, which then ends. How many it could.
static int send_from(int job, const int *rights, int how_many, int count) {
    int status = in_job(job, {
        int sent = 0;
        out.header = (struct fipc_message){.size = 8};
        for (int i = 0; i < how_many; i++)
            for (int k = 0; k < count; k++)
                sent += fipc_send(rights[i], &out, 0) == 0;
        _exit(sent / 8);
    });
    return WIFEXITED(status) ? WEXITSTATUS(status) * 8 : -1;
}
static bool one_from(int job, int right) {
    return WEXITSTATUS(in_job(job, {
               out.header = (struct fipc_message){.size = 8};
               _exit(fipc_send(right, &out, 0) != 0);
           })) == 0;
}
// Messages of others before the next one with this badge.
static int others_before(int port, uint64_t badge) {
    int others = 0;
    while (take(port) == 0) {
        if (in.header.badge == badge)
            return others;
        others++;
    }
    return -1;
}

static int longer(int a, int b) {
    return a > b ? a : b;
}

// No other process, no chance: a job with a hundred rights and jobs below it, and one with one right.
static void jobs(void) {
    enum { RIGHTS = 100, EACH = 8, BELOW = 5 };
    struct port_options options = {.messages = RIGHTS * EACH};
    int port = port_create(&options), good = mint(port, 1000, 8), bad[RIGHTS], job = job_with(NO_LIMITS),
        other = job_with(NO_LIMITS);
    for (int i = 0; i < RIGHTS; i++)
        bad[i] = mint(port, (uint64_t)i, EACH);
    is(send_from(job, bad, RIGHTS, EACH), RIGHTS * EACH, "a job fills the port through a hundred rights");
    ok(one_from(other, good), "another job may queue one message still");
    ok(!one_from(other, good), "and no second one");
    ok(!one_from(job, bad[0]), "nor the first job any");
    is(others_before(port, 1000), 1, "that message waits for one of the first job's");
    int most = 0;
    for (int i = 0; i < 20; i++)
        most = longer(most, one_from(other, good) ? others_before(port, 1000) : 1000);
    is(most, 1, "whenever the job sends again, it waits for one message of the other");
    bool seen[RIGHTS] = {}, fair = true;
    for (int i = 0; i <= 20; i++) // so many have had a turn
        seen[i] = true;
    for (int i = 21; i < RIGHTS && take(port) == 0; i++) {
        fair &= !seen[in.header.badge];
        seen[in.header.badge] = true;
    }
    ok(fair, "within the job the rights take turns");
    while (take(port) == 0)
        ;
    int below[BELOW];
    for (int i = 0; i < BELOW; i++) {
        below[i] = job_create(job, "below", 0);
        send_from(below[i], &bad[i], 1, EACH);
    }
    send_from(job, &bad[BELOW], 1, EACH);
    most = 0;
    for (int i = 0; i < 8; i++)
        most = longer(most, one_from(other, good) ? others_before(port, 1000) : 1000);
    is(most, 1, "jobs of its own give a job no more turns");
    while (take(port) == 0)
        ;
    send_from(job, &good, 1, 8), take(port), take(port);
    ok(one_from(other, good) && others_before(port, 1000) == 0, "a right that two jobs use");
    int count = 0;
    while (take(port) == 0)
        count++;
    is(count, 6, "loses nothing");
    for (int i = 0; i < RIGHTS; i++)
        close(bad[i]);
    for (int i = 0; i < BELOW; i++)
        close(below[i]);
    close(port), close(good), close(job), close(other);
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

// A client of a job that does nothing but send: `size` bytes each, as calls or as messages.
static void bomb(const int *rights, int count, uint32_t size, bool calls) {
    static struct packet p;
    for (int i = 0;; i = (i + 1) % count) {
        p.header = (struct fipc_message){.size = size};
        if (calls)
            fipc_call(rights[i], &p, &in, PACKET_ROOM, FIPC_FOREVER);
        else
            fipc_send(rights[i], &p, FIPC_FOREVER);
    }
}

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

// The median of messages that the server takes from a call on to its answer, the call included, for a client of
// another job that calls again at once. One that loses its CPU between the two looks at the counter sees more than
// there was: therefore the median.
static int turns_of_a_call(int right) {
    enum { CALLS = 101 };
    static int turns[CALLS];
    for (int i = 0; i < CALLS; i++) {
        uint32_t before = shared->served;
        in.header.handle_count = 0;
        if (fipc_call(right, packet_with(&out, 1, "hello", 5), &in, PACKET_ROOM, FIPC_FOREVER) != 0)
            return -1;
        turns[i] = (int)(in.header.type - before);
    }
    qsort(turns, CALLS, sizeof *turns, compare);
    return turns[CALLS / 2];
}

// A job of processes that flood, each through rights of its own in turn; or all through the same one (`rights` 0).
static void flood(int processes, int rights, uint32_t size, bool calls, const char *what) {
    int port = port_create(NULL), good = mint(port, 63, 4), job = job_with(NO_LIMITS);
    memset(shared, 0, sizeof *shared);
    pid_t server = start_child(serve(port)), bombers[32];
    int own[100], count = rights ? rights : 1;
    for (int i = 0; i < processes; i++) {
        for (int k = 0; k < count && (rights || i == 0); k++)
            own[k] = mint(port, (uint64_t)(rights == 1 ? i : k % 60), 16);
        bombers[i] = start_in_job(job, bomb(own, count, size, calls));
        for (int k = 0; k < count && rights; k++)
            close(own[k]);
    }
    if (!rights)
        close(own[0]);
    ok(eventually(shared->served > 200), "%s: the flood runs", what);
    int turns = turns_of_a_call(good);
    ok(turns >= 1 && turns <= 2, "%s: a call waits for one message at most (%d turns, its own too)", what, turns);
    int senders = rights == 0 ? 1 : rights == 1 ? processes : rights < 60 ? rights : 60, served = 0;
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
    jobs();
    flood(8, 0, 8, false, "eight processes with one right");
    flood(8, 0, FIPC_INLINE_MAX, false, "eight with the largest messages");
    flood(20, 1, 8, false, "twenty with a right each");
    flood(30, 1, 64, true, "thirty that call");
    flood(4, 100, 8, false, "four with a hundred rights each");
    bounded();
    munmap(shared, sizeof *shared);
    return tap_done();
}
