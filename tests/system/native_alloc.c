// SPDX-License-Identifier: MPL-2.0
// Native calls when memory runs out: on a sanitizing kernel (/proc/tessera/alloc_fail) each allocation that a call
// makes fails in turn. Then the call must say ENOMEM or manage without, leave what there was before, and work the next
// time. On other kernels there is nothing to inject with: skipped.
#include "jobs.h"

#include <abi/ring.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int control = -1;
static struct packet out, in;
static int port, right, memory;

// The n-th allocation of this thread from now on fails; 0: none.
static bool arm(unsigned n) {
    char text[16];
    int size = snprintf(text, sizeof text, "%u", n);
    return pwrite(control, text, (size_t)size, 0) == size;
}
// Has it failed? If not, the question itself may meet the failure.
static bool has_failed(void) {
    char text[16] = "";
    return pread(control, text, sizeof text - 1, 0) > 0 && atoi(text) > 0;
}

// 0, or the error of a call that failed.
#define TRY(call)         \
    do {                  \
        if ((call) < 0)   \
            return errno; \
    } while (0)

static int make_ports(void) {
    int p = (int)port_create(NULL), r;
    if (p < 0)
        return errno;
    r = mint(p, 1, 4);
    int error = r < 0 ? errno : 0;
    close(p), close(r);
    return error;
}

// Sends `out` to the own port and receives it; handles that came are closed. If it was not sent all is as before.
static int send_and_receive(void) {
    int error = fipc_send(right, &out, 0) < 0 ? errno : 0;
    if (error)
        return error;
    expect_handles(&in);
    while (fipc_recv(port, &in, PACKET_ROOM, 0) < 0) { // the message stays where it is
        error = errno;
        if (error != ENOMEM)
            return error;
    }
    for (uint32_t i = 0; i < in.header.handle_count; i++)
        close(in.handles[i].handle);
    return error;
}
static int small_message(void) {
    packet_with(&out, 1, "small", 5);
    return send_and_receive();
}
static int large_message(void) {
    out.header = (struct fipc_message){.size = FIPC_INLINE_MAX};
    return send_and_receive();
}
static int message_with_handles(void) {
    int moved = fcntl(memory, F_DUPFD, 0);
    if (moved < 0)
        return errno;
    out.header = (struct fipc_message){.handles = (uintptr_t)out.handles, .handle_count = 4};
    out.handles[0] = (struct fipc_handle){.handle = moved, .rights = RIGHTS_ALL, .operation = FIPC_MOVE};
    out.handles[1] = (struct fipc_handle){.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    out.handles[2] = (struct fipc_handle){.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY_ON_WRITE};
    out.handles[3] = (struct fipc_handle){.handle = port, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    int error = send_and_receive();
    if (fcntl(moved, F_GETFD) >= 0)
        close(moved);
    return error;
}

// Calls to a server that answers with as much data, and as many handles, as came. It drops calls that it has no memory
// for, but its allocations are not the ones that fail.
static int server_right;
static void serve(int from) {
    static struct packet p;
    for (;;) {
        expect_handles(&p);
        if (fipc_recv(from, &p, PACKET_ROOM, FIPC_FOREVER) != 0)
            _exit(1);
        p.header = (struct fipc_message){
            .size = p.header.size, .handles = (uintptr_t)p.handles, .handle_count = p.header.handle_count};
        for (uint32_t i = 0; i < p.header.handle_count; i++)
            p.handles[i].operation = FIPC_MOVE;
        if (fipc_reply(&p) != 0)
            for (uint32_t i = 0; i < p.header.handle_count; i++)
                close(p.handles[i].handle);
    }
}
static int call(uint32_t size, uint32_t handles) {
    out.header = (struct fipc_message){.size = size, .handles = (uintptr_t)out.handles, .handle_count = handles};
    for (uint32_t i = 0; i < handles; i++)
        out.handles[i] = (struct fipc_handle){.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    expect_handles(&in);
    TRY(fipc_call(server_right, &out, &in, PACKET_ROOM, FIPC_FOREVER));
    for (uint32_t i = 0; i < in.header.handle_count; i++)
        close(in.handles[i].handle);
    return in.header.size == size && in.header.handle_count == handles ? 0 : EBADMSG;
}
static int small_call(void) {
    return call(8, 0);
}
static int large_call(void) {
    return call(8000, 0);
}
static int call_with_handles(void) {
    return call(100, 3);
}

// Caller: another process, which calls `port` again and again. A call that was taken and could not be saved is dropped
// by the next reception.
static int saved_reply(void) {
    in.header.handle_count = 0;
    TRY(fipc_recv(port, &in, PACKET_ROOM, FIPC_FOREVER));
    int saved = (int)fipc_reply_save(0);
    if (saved < 0) {
        int error = errno;
        fipc_reply(packet_with(&out, 1, "", 0));
        return error;
    }
    out.header = (struct fipc_message){.size = 4000};
    int error = fipc_send(saved, &out, 0) < 0 ? errno : 0;
    close(saved);
    return error;
}

static int make_rings(void) {
    int ends[2];
    struct ring_options options = {.slots = 64, .pool = 8 * 4096};
    TRY(syscall(0x230, &options, ends));
    void *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ends[0], 0);
    int error = mapped == MAP_FAILED ? errno : 0;
    if (!error)
        munmap(mapped, 4096);
    close(ends[0]), close(ends[1]);
    return error;
}
static int make_jobs(void) {
    int job = job_create(-1, "alloc", 0);
    if (job < 0)
        return errno;
    struct job_limits limits = {1 << 20, 10, 10, NO_LIMIT};
    int below = job_create(job, "below", 0), error = below < 0 || job_set_limits(job, &limits) < 0 ? errno : 0;
    close(job), close(below);
    return error;
}
static int snapshot(void) {
    int copy = (int)syscall(NATIVE_vmo_clone, memory, 0);
    TRY(copy);
    close(copy);
    return 0;
}
static int threads(void) {
    int thread = (int)syscall(NATIVE_thread_open, 0, 0);
    TRY(thread);
    int error = exception_port_set(thread, right) < 0 || exception_port_set(thread, -1) < 0 ? errno : 0;
    close(thread);
    return error;
}
static int waits(void) {
    struct wait_entry entries[3] = {
        {.handle = port, .wanted = POLLIN}, {.handle = right, .wanted = POLLOUT}, {.handle = memory, .wanted = POLLIN}};
    TRY(object_wait(entries, 3, in_ms(1)));
    int set = epoll_create1(0);
    TRY(set);
    struct epoll_event event = {.events = EPOLLIN};
    int error = epoll_ctl(set, EPOLL_CTL_ADD, port, &event) < 0 || epoll_ctl(set, EPOLL_CTL_ADD, right, &event) < 0 ||
                        epoll_wait(set, &event, 1, 0) < 0
                    ? errno
                    : 0;
    close(set);
    return error;
}
static int transfer(void) {
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    TRY(self);
    int copy = (int)handle_duplicate(right, RIGHTS_ALL, 0), error = copy < 0 ? errno : 0;
    int moved = error ? -1 : (int)handle_transfer(copy, self, RIGHTS_ALL);
    if (!error && moved < 0)
        error = errno, close(copy);
    close(moved), close(self);
    return error;
}
static int through_socket(void) {
    int pair[2], got = -1;
    char byte = 0, room[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    TRY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &right, sizeof right);
    int error = sendmsg(pair[0], &m, MSG_DONTWAIT) < 0 || recvmsg(pair[1], &m, MSG_DONTWAIT) < 0 ? errno : 0;
    if (!error && (c = CMSG_FIRSTHDR(&m)) && c->cmsg_type == SCM_RIGHTS)
        memcpy(&got, CMSG_DATA(c), sizeof got);
    close(got), close(pair[0]), close(pair[1]);
    return error;
}

// Fails each allocation of the scenario in turn.
static void walk(const char *what, int (*scenario)(void)) {
    enum { MOST = 300 };
    int handles = open_fd_count(), failures = 0, refused = 0;
    bool good = scenario() == 0, failed = true, same = true;
    for (unsigned n = 1; n < MOST && failed; n++) {
        arm(n);
        int error = scenario();
        failed = has_failed();
        while (!arm(0))
            ;
        failures += failed;
        refused += error != 0;
        if (error != 0 && (error != ENOMEM || !failed))
            good = false, printf("# allocation %u: %s\n", n, strerror(error));
        same &= open_fd_count() == handles;
    }
    ok(good && !failed, "%s: %d allocations fail, %d times it is told", what, failures, refused);
    ok(same && scenario() == 0, "%s: no handle comes or goes, and it works again", what);
}

// What only the first use by a thread allocates.
static void *first_use(void *number) {
    struct packet p = {};
    arm((unsigned)(uintptr_t)number);
    long status = fipc_recv(port, &p, PACKET_ROOM, 0);
    int error = status < 0 ? errno : 0;
    while (!arm(0))
        ;
    return (void *)(uintptr_t)error;
}
static void new_threads(void) {
    bool good = true;
    for (uintptr_t n = 1; n <= 3; n++) {
        pthread_t thread;
        void *error;
        pthread_create(&thread, NULL, first_use, (void *)n);
        pthread_join(thread, &error);
        good &= (uintptr_t)error == (n == 1 ? ENOMEM : EAGAIN);
    }
    ok(good, "a thread's first reception says so as well");
}

// A table that grows for a reception or a call: in children, whose tables are small.
static void growing_tables(void) {
    bool good = true;
    for (unsigned n = 1; n < 8; n++) {
        int status = in_child({
            volatile char touched[16384];
            for (size_t i = 0; i < sizeof touched; i += 512)
                touched[i] = 1;
            while (dup(memory) < 62)
                ;
            message_with_handles(), small_message();
            for (int fd = 60; fd < 64; fd++)
                dup2(memory, fd);
            arm(n);
            int error = message_with_handles();
            int next = fcntl(memory, F_DUPFD, 500);
            while (!arm(0))
                ;
            bool all = error == 0 || error == ENOMEM;
            all &= next == 500 || errno == ENOMEM;
            _exit(!all || message_with_handles() != 0 || fcntl(memory, F_DUPFD, 900) != 900);
        });
        good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    ok(good, "a table that cannot grow");
}

int main(void) {
    needs_native();
    control = open("/proc/tessera/alloc_fail", O_RDWR);
    if (control < 0) {
        skip("only a sanitizing kernel (DEBUG=1) lets allocations fail", "native calls without memory");
        return tap_done();
    }
    port = (int)port_create(NULL), right = mint(port, 1, 8), memory = memfd_create("m", 0);
    ftruncate(memory, 3 * 4096);
    pwrite(memory, "data", 4, 0), pwrite(memory, "data", 4, 8192);
    int server_port = (int)port_create(NULL);
    server_right = mint(server_port, 1, 8);
    pid_t server = start_child(serve(server_port));
    close(server_port);
    walk("ports", make_ports);
    walk("a small message", small_message);
    walk("a large message", large_message);
    walk("a message with handles", message_with_handles);
    walk("a small call", small_call);
    walk("a large call", large_call);
    walk("a call with handles", call_with_handles);
    walk("rings", make_rings);
    walk("jobs", make_jobs);
    walk("a snapshot", snapshot);
    walk("threads and exceptions", threads);
    walk("waits", waits);
    walk("a transfer", transfer);
    walk("a right through a socket", through_socket);
    new_threads();
    growing_tables();
    pid_t caller = start_child(for (;;) {
        in.header.handle_count = 0;
        fipc_call(right, packet_with(&out, 1, "", 0), &in, PACKET_ROOM, FIPC_FOREVER);
    });
    walk("a saved reply", saved_reply);
    kill(server, SIGKILL), kill(caller, SIGKILL);
    wait_status(server), wait_status(caller);
    close(port), close(right), close(server_right), close(memory), close(control);
    return tap_done();
}
