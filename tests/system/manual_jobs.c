// SPDX-License-Identifier: MPL-2.0
// The examples of docs/jobs.md and docs/rings.md, and that of posix_serve in docs/posixd.md, between checks that they
// do what the pages say. `make lint` compares.
#include "sys.h"

#include <abi/native_numbers.h>
#include <abi/posix_server.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <tessera/job.h>
#include <tessera/port.h>
#include <tessera/ring.h>
#include <tessera/time.h>

static void jobs(void) {
    struct job_limits limits = {.memory = 64 << 20, .handles = 100, .threads = 8, .cpu_share = UINT64_MAX};
    int job = job_create(-1, "worker", JOB_NO_SOCKETS);
    job_set_limits(job, &limits);
    if (fork() == 0) {
        job_enter(job);
        execl("/bin/busybox", "busybox", "sleep", "1000", NULL);
    }
    struct job_info info;
    do
        job_info(job, &info);
    while (info.tasks == 0);
    printf("# %s: %u tasks, %lu KiB\n", info.name, info.tasks, (unsigned long)info.used.memory / 1024);
    job_kill(job); // whatever it did, nothing is left
    poll(&(struct pollfd){.fd = job, .events = POLLIN}, 1, 60000);
    int status;
    killed(wait(&status) > 0 ? status : 0, SIGKILL, "what is in a job ends with it");
    ok(job_info(job, &info) == 0 && info.tasks == 0, "nothing is left");
    close(job);
}

static void rings(void) {
    uint64_t sum = 0;
    int handles[2];
    struct ring_options options = {.slots = 64};
    ring_create(&options, handles);
    if (fork() == 0) {
        struct ring_producer out;
        close(handles[RING_CONSUMER]); // else we would never hear that the consumer is gone
        ring_attach_producer(&out, handles[RING_PRODUCER], &options);
        for (uint64_t i = 0; i < 10; i++)
            ring_send(&out, &i, sizeof i, RING_FOREVER);
        _exit(0);
    }
    struct ring_consumer in;
    uint64_t word;
    close(handles[RING_PRODUCER]);
    ring_attach_consumer(&in, handles[RING_CONSUMER], &options);
    while (ring_receive(&in, &word, sizeof word, RING_FOREVER) == sizeof word)
        sum += word; // ends with -EPIPE
    is(sum, 45, "ten messages came through a ring");
    int status;
    exited(wait(&status) > 0 ? status : -1, 0, "and their sender is done");
    ring_detach(&in.map);
    close(handles[RING_CONSUMER]);
}

enum { FRAMES = 96 };

static int16_t level; // of the sound that is made

static void mix(int16_t *samples) {
    for (int i = 0; i < FRAMES; i++)
        samples[i] = level;
    level++;
}

static int64_t played;

static void play(const int16_t *samples) {
    for (int i = 0; i < FRAMES; i++)
        played += samples[i];
}

// In place: nothing is copied, and the other side is told once for all.
static void batches(void) {
    int handles[2];
    struct ring_options options = {.slots = 64, .pool = 64 * 192};
    struct ring_producer out;
    struct ring_consumer in;
    ring_create(&options, handles);
    ring_attach_producer(&out, handles[RING_PRODUCER], &options);
    ring_attach_consumer(&in, handles[RING_CONSUMER], &options);
    for (int i = 0; i < 8; i++) {
        int16_t *samples = ring_reserve(&out, 192); // null: full
        if (!samples)
            break;
        mix(samples);
        ring_commit(&out, 192);
    }
    ring_flush(&out);
    const void *samples;
    while (ring_peek(&in, &samples) == 192) {
        play(samples);
        ring_next(&in);
    }
    ring_release(&in);
    is(played, 28 * FRAMES, "eight periods of sound came through a ring");
    ring_detach(&out.map), ring_detach(&in.map);
    close(handles[0]), close(handles[1]);
}

static int handled;

static void handle(const uint64_t *message) {
    handled += *message == (uint64_t)handled;
}

static void event_loop(void) {
    int handles[2], set = epoll_create1(EPOLL_CLOEXEC);
    struct ring_options options = {.slots = 4};
    ring_create(&options, handles);
    pid_t child = start_child({
        struct ring_producer out;
        ring_attach_producer(&out, handles[RING_PRODUCER], &options);
        for (uint64_t i = 0; i < 100; i++)
            ring_send(&out, &i, sizeof i, RING_FOREVER);
    });
    struct ring_consumer in;
    struct epoll_event events[16];
    uint64_t message[8], count;
    const void *data;
    ring_attach_consumer(&in, handles[RING_CONSUMER], &options);
    epoll_ctl(set, EPOLL_CTL_ADD, handles[RING_CONSUMER], &(struct epoll_event){.events = EPOLLIN});
    while (handled < 100) {
        while (ring_pop(&in, message, sizeof message) >= 0)
            handle(message);
        atomic_exchange(&in.map.control->consumer_sleeps, 1);
        if (handled == 100 || ring_peek(&in, &data) != -EAGAIN)
            continue;
        epoll_wait(set, events, 16, -1); // has handles[RING_CONSUMER], level-triggered
        read(handles[RING_CONSUMER], &count, 8);
    }
    is(handled, 100, "a hundred messages in an event loop");
    exited(wait_status(child), 0, "from another process");
    ring_detach(&in.map);
    close(set), close(handles[0]), close(handles[1]);
}

static void bells(void) {
    int handles[2];
    struct ring_options options = {.slots = 2};
    ring_create(&options, handles);
    pid_t child = start_child({ ring_bell(handles[RING_PRODUCER]); });
    uint32_t seen = 0;
    seen = (uint32_t)syscall(NATIVE_ring_wait, handles[RING_CONSUMER], seen, deadline_after_ms(10000));
    ok(seen == 1 || seen == 2, "a bell that was rung, and once more by a handle's end (%u)", seen);
    exited(wait_status(child), 0, "by the other side");
    close(handles[0]), close(handles[1]);
}

static void legacy(void) {
    if (!is_root()) {
        skip("not root", "posix_serve");
        return;
    }
    int port = port_create(NULL);
    int status = (int)syscall(NATIVE_posix_serve, port, POSIX_SYSV_MESSAGES);
    is(status, 0, "a family of calls is served");
    pid_t child = start_child({ _exit(msgget(0x1234, 0600) == 17 ? 0 : 1); });
    struct {
        struct fipc_message header;
        union {
            struct posix_request request;
            struct posix_answer answer;
            char room[POSIX_DATA_MAX];
        };
    } m = {};
    status = fipc_recv(port, &m.header, sizeof m, FIPC_FOREVER);
    if (status == 0 && m.header.type == POSIX_MSGGET && m.request.arguments[0] == 0x1234) {
        m.header = (struct fipc_message){.size = sizeof m.answer};
        m.answer = (struct posix_answer){.result = 17};
        status = fipc_reply(&m.header);
    }
    is(status, 0, "its calls come as messages");
    exited(wait_status(child), 0, "and have the server's answers");
    close(port);
    fails(msgget(0x1234, 0600), ENOSYS, "without a server there are none");
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "native calls");
        return tap_done();
    }
    jobs();
    rings();
    batches();
    event_loop();
    bells();
    legacy();
    return tap_done();
}
