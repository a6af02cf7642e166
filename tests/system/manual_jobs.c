// SPDX-License-Identifier: MPL-2.0
// The examples of docs/jobs.md and docs/rings.md, and that of posix_serve in docs/posixd.md, between checks that they
// do what the pages say. `make lint` compares.
#include "sys.h"

#include <abi/native_numbers.h>
#include <abi/posix_server.h>
#include <poll.h>
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
    bells();
    legacy();
    return tap_done();
}
