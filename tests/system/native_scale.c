// SPDX-License-Identifier: MPL-2.0
// Many of everything: 10,000 ports, 100,000 handles, 1,000 clients of one server; and one too many: errors are clean,
// and afterwards all is back. (What a message costs then is a row of the benchmark.)
#include "jobs.h"

#include <abi/ring.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct packet out, in;

static char *leaks(void) {
    static char text[2][4096];
    static int turn;
    turn ^= 1;
    char *got = get_file("/proc/tessera/leaks");
    snprintf(text[turn], sizeof text[turn], "%s", got ? got : "");
    return text[turn];
}
// The counters of what FIPC makes.
static bool all_back(const char *before) {
    static const char *const kinds[] = {"\nhandles ", "\nport ", "\nsend_right ", "\nreply_object ",
                                        "\nring ",    "\njob ",  "\nthreads "};
    const char *now = leaks();
    bool good = true;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const char *a = strstr(before, kinds[i]), *b = strstr(now, kinds[i]);
        long was = a ? atol(a + strlen(kinds[i])) : 0, is_now = b ? atol(b + strlen(kinds[i])) : 0;
        if (is_now != was && (a || is_now != 0))
            good = false, printf("#%s%ld, was %ld\n", kinds[i] + 1, is_now, was);
    }
    return good;
}

static void ports_and_handles(void) {
    enum { PORTS = 10'000, HANDLES = 100'000 };
    static int ports[PORTS], rights[PORTS];
    char *before = leaks();
    bool good = true;
    for (int i = 0; i < PORTS; i++) {
        ports[i] = (int)port_create(NULL), rights[i] = mint(ports[i], (uint64_t)i, 4);
        good &= ports[i] >= 0 && rights[i] >= 0;
    }
    ok(good, "ten thousand ports with a right each");
    for (int i = 0; i < PORTS; i++)
        good &= fipc_send(rights[i], packet_with(&out, (uint32_t)i, &i, sizeof i), 0) == 0;
    ok(good, "a message to each");
    for (int i = PORTS - 1; i >= 0; i--) {
        in.header.handle_count = 0;
        good &= fipc_recv(ports[i], &in, PACKET_ROOM, 0) == 0 && in.header.badge == (uint64_t)i &&
                in.header.type == (uint32_t)i && !memcmp(in.data, &i, sizeof i);
    }
    ok(good, "each has its own");
    int last = -1;
    for (int i = 2 * PORTS; i < HANDLES; i++)
        good &= (last = (int)handle_duplicate(rights[i % PORTS], RIGHTS_SENDER, 0)) >= 0;
    ok(good && last >= HANDLES, "a hundred thousand handles");
    good &= fipc_send(last, packet_with(&out, 5, "x", 1), 0) == 0;
    in.header.handle_count = 0;
    good &= fipc_recv(ports[(HANDLES - 1) % PORTS], &in, PACKET_ROOM, 0) == 0 && in.header.type == 5;
    pid_t child = start_child({
        in.header.handle_count = 0;
        _exit(fipc_call(last, packet_with(&out, 6, "", 0), &in, PACKET_ROOM, FIPC_FOREVER) != 0);
    });
    in.header.handle_count = 0;
    good &= fipc_recv(ports[(HANDLES - 1) % PORTS], &in, PACKET_ROOM, FIPC_FOREVER) == 0 && fipc_reply(&out) == 0;
    exited(wait_status(child), 0, "a message and a call by the last one");
    ok(good, "arrive");
    syscall(SYS_close_range, ports[0], ~0u, 0);
    ok(eventually(all_back(before)), "when they are closed all is back");
}

static void clients(void) {
    enum { CLIENTS = 1000, CALLS = 5 };
    static int rights[CLIENTS];
    static pid_t children[CLIENTS];
    int calls[CLIENTS] = {}, port = port_create(NULL);
    for (int i = 0; i < CLIENTS; i++)
        rights[i] = mint(port, (uint64_t)i, 2);
    bool good = true;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        children[i] = start_child({
            close(port);
            bool right_answers = true;
            for (uint32_t k = 0; k < CALLS; k++) {
                in.header.handle_count = 0;
                right_answers &=
                    fipc_call(rights[i], packet_with(&out, k, &i, sizeof i), &in, PACKET_ROOM, FIPC_FOREVER) == 0;
                right_answers &= in.header.type == i * CALLS + k;
            }
            _exit(!right_answers);
        });
        good &= children[i] > 0;
    }
    ok(good, "a thousand clients, each with a right of its own");
    for (int i = 0; i < CLIENTS * CALLS; i++) {
        in.header.handle_count = 0;
        good &= fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER) == 0;
        uint32_t client = (uint32_t)in.header.badge;
        good &= client < CLIENTS && in.header.type == (uint32_t)calls[client]++ && !memcmp(in.data, &client, 4);
        fipc_reply(packet_with(&out, client * CALLS + in.header.type, "", 0));
    }
    ok(good, "all of their calls come, in order");
    for (int i = 0; i < CLIENTS; i++) {
        int status = wait_status(children[i]);
        good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    ok(good, "and each has its own answers");
    syscall(SYS_close_range, port, ~0u, 0);
}

// All that makes handles, in a table that is full, or in a job whose limit is reached.
static void one_too_many(const char *what) {
    static struct packet p;
    int ends[2] = {-1, -1}, port = port_create(NULL), right = mint(port, 1, 4), memory = memfd_create("m", 0),
        last = -1, next;
    struct ring_options ring = {.slots = 8};
    struct fipc_handle items[2] = {{.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY},
                                   {.handle = right, .rights = RIGHTS_ALL, .operation = FIPC_COPY}};
    p.header = (struct fipc_message){.handles = (uintptr_t)items, .handle_count = 2};
    ok(fipc_send(right, &p, 0) == 0, "%s: a message with two handles is queued", what);
    while ((next = (int)port_create(NULL)) >= 0)
        last = next;
    is(errno, EMFILE, "%s: no more ports", what);
    fails(mint(port, 1, 1), EMFILE, "no rights");
    fails(handle_duplicate(right, RIGHTS_ALL, 0), EMFILE, "no duplicates");
    fails(syscall(0x230, &ring, ends), EMFILE, "no rings");
    fails(syscall(NATIVE_vmo_clone, memory, 0), EMFILE, "no snapshots");
    fails(syscall(NATIVE_thread_open, 0, 0), EMFILE, "no threads");
    fails(job_create(-1, "no", 0), EMFILE, "no jobs");
    expect_handles(&in);
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EMFILE, "nothing that comes with handles");
    in.header.handle_count = 1;
    fails(fipc_call(right, &p, &in, PACKET_ROOM, FIPC_FOREVER), EMFILE, "no call that expects one");
    close(last);
    fails(syscall(0x230, &ring, ends), EMFILE, "nor half a ring when one place is free");
    is(port_create(NULL), last, "it is free still");
    close(last), close(last - 1);
    expect_handles(&in);
    ok(fipc_recv(port, &in, PACKET_ROOM, 0) == 0 && in.header.handle_count == 2, "with two places the message comes");
}

// In a child; what its checks say is repeated if one fails.
static int apart(int job, const char *what) {
    int said = memfd_create("said", 0);
    int status = in_child({
        dup2(said, 1);
        if (job >= 0 && job_enter(job) < 0)
            _exit(99);
        if (job < 0)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200});
        one_too_many(what);
        _exit(tap_failed > 0);
    });
    char text[8192] = "";
    pread(said, text, sizeof text - 1, 0);
    for (char *line = strtok(text, "\n"); status != 0 && line; line = strtok(NULL, "\n"))
        printf("# %s\n", line);
    close(said);
    return status;
}

static void exhaustion(void) {
    char *before = leaks();
    exited(apart(-1, "a full table"), 0, "a full table: errors that say so, and nothing half done");
    exited(apart(-1, "again"), 0, "and it can be done again");
    struct job_limits limits = NO_LIMITS;
    limits.handles = 60;
    int job = job_with(limits);
    exited(apart(job, "a job's limit"), 0, "a job's limit of handles is as clean");
    struct job_info info;
    ok(job_info(job, &info) == 0 && info.used.handles == 0, "and nothing of it is in use then");
    close(job);
    ok(eventually(all_back(before)), "all is back");
}

int main(void) {
    needs_native();
    exhaustion();
    if (setrlimit(RLIMIT_NOFILE, &(struct rlimit){150'000, 150'000}) < 0) {
        skip("the limit of open files cannot be raised", "many of everything");
        return tap_done();
    }
    ports_and_handles();
    clients();
    return tap_done();
}
