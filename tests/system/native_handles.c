// SPDX-License-Identifier: MPL-2.0
// Handles: rights only shrink, whatever way they go; forged numbers; information, signals, waits on any object.
#include "jobs.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static uint32_t rights_of(int handle) {
    struct handle_info info = {};
    return handle_info(handle, &info) == 0 ? info.rights : 0;
}

#define no_address(call, error, ...) fails((call) == MAP_FAILED ? -1 : 0, error, __VA_ARGS__)

static int through_socket(int handle) {
    int pair[2];
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &handle, sizeof handle);
    int got = -1;
    if (sendmsg(pair[0], &m, 0) == 1 && recvmsg(pair[1], &m, 0) == 1 && (c = CMSG_FIRSTHDR(&m)))
        memcpy(&got, CMSG_DATA(c), sizeof got);
    close(pair[0]), close(pair[1]);
    return got;
}

static void amplification(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    const uint32_t small = RIGHT_SEND | RIGHT_DUPLICATE | RIGHT_TRANSFER;
    int less = (int)handle_duplicate(right, small, 0);
    is(rights_of(less), small, "a duplicate with fewer rights");
    int more = (int)handle_duplicate(less, RIGHTS_ALL, 0);
    is(rights_of(more), small, "a duplicate of it with all has no more");
    close(more);
    more = fcntl(less, F_DUPFD, 0);
    is(rights_of(more), small, "nor one by fcntl");
    close(more);
    more = dup2(less, 200);
    is(rights_of(more), small, "nor by dup2");
    close(more);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", less);
    fails(open(path, O_RDWR), ENXIO, "it cannot be opened again");
    more = through_socket(less);
    is(rights_of(more), small, "nor does SCM_RIGHTS give more");
    close(more);
    struct fipc_handle item = {.handle = less, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    struct packet p = {.header = {.handles = (uintptr_t)&item, .handle_count = 1}};
    is(fipc_send(right, &p, 0), 0, "sent in a message, asking for all");
    expect_handles(&p);
    fipc_recv(port, &p, PACKET_ROOM, 0);
    is(rights_of(p.handles[0].handle), small, "it has what it had");
    close(p.handles[0].handle);
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int copy = dup(less);
    more = (int)handle_transfer(copy, self, RIGHTS_ALL);
    is(rights_of(more), small, "nor does handle_transfer give more");
    fails(fcntl(copy, F_GETFD), more == copy ? 0 : EBADF, "and the old one is gone");
    close(more), close(self);
    pid_t child = start_child({
        fcntl(less, F_SETFD, 0);
        char number[16], want[16];
        snprintf(number, sizeof number, "%d", less), snprintf(want, sizeof want, "%u", small);
        execl("/proc/self/exe", "native_handles", "rights", number, want, NULL);
        _exit(1);
    });
    exited(wait_status(child), 0, "nor does exec");

    int none = (int)handle_duplicate(right, RIGHT_SEND, 0);
    fails(handle_duplicate(none, RIGHT_SEND, 0), EACCES, "without DUPLICATE there is no duplicate");
    fails(dup(none), EACCES, "nor a dup");
    item = (struct fipc_handle){.handle = none, .rights = RIGHTS_ALL};
    p.header = (struct fipc_message){.handles = (uintptr_t)&item, .handle_count = 1};
    fails(fipc_send(right, &p, 0), EACCES, "without TRANSFER it does not go into a message");
    is(through_socket(none), -1, "nor through a socket");
    struct pollfd poller = {.fd = none, .events = POLLOUT};
    poll(&poller, 1, 0);
    is(poller.revents, POLLNVAL, "without WAIT it cannot be polled");
    fails(object_signal(none, 0, 1u << 24), EACCES, "without SIGNAL it cannot be signalled");
    struct port_right wide = {.rights = RIGHTS_ALL};
    fails(port_mint(port, &wide), EINVAL, "a right cannot be minted with rights that rights do not have");
    int blind = (int)handle_duplicate(port, RIGHT_WAIT | RIGHT_DUPLICATE, 0);
    wide.rights = RIGHT_SEND;
    fails(port_mint(blind, &wide), EACCES, "without RECEIVE a port mints nothing");
    fails(fipc_recv(blind, &p, PACKET_ROOM, 0), EACCES, "nor is anything received");
    close(blind), close(none), close(less), close(right), close(port);
}

// Numbers that were never given: every call refuses every one.
static void forged(void) {
    struct packet p = {};
    struct handle_info info;
    uint64_t seed = 88172645463325252ull;
    long refused = 0, tried = 0;
    const long rounds = 2'000'000; // of five calls
    int port = port_create(NULL);
    for (long i = 0; i < rounds; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        int number = (int)seed;
        if (i % 4 == 0)
            number = 40 + (int)(seed % 1000); // near, but never open
        if (number >= 0 && number < 40)
            continue;
        tried += 5;
        refused += fipc_send(number, &p, 0) == -1 && errno == EBADF;
        refused += fipc_recv(number, &p, PACKET_ROOM, 0) == -1 && errno == EBADF;
        refused += handle_info(number, &info) == -1 && errno == EBADF;
        refused += handle_duplicate(number, RIGHTS_ALL, 0) == -1 && errno == EBADF;
        refused += object_signal(number, 0, 1u << 24) == -1 && errno == EBADF;
    }
    is(refused, tried, "ten million forged numbers");
    int stale = port_create(NULL);
    close(stale);
    fails(fipc_recv(stale, &p, PACKET_ROOM, 0), EBADF, "a stale one");
    fails(fipc_send(0, &p, 0), EACCES, "a file is no right");
    int event = eventfd(0, 0);
    fails(fipc_call(event, &p, &p, PACKET_ROOM, 0), EACCES, "nor an event");
    close(event), close(port);
}

// What a handle says of its object's kind.
static void types(void) {
    int ends[2];
    pipe(ends);
    const struct {
        const char *what;
        int handle;
        uint32_t type;
    } kinds[] = {{"a pidfd", (int)syscall(SYS_pidfd_open, getpid(), 0), OBJECT_TASK},
                 {"a thread", (int)syscall(NATIVE_thread_open, 0, 0), OBJECT_THREAD},
                 {"a job", (int)syscall(NATIVE_job_create, -1, "kind", 0), OBJECT_JOB},
                 {"a port", (int)port_create(NULL), OBJECT_PORT},
                 {"a pipe", ends[0], OBJECT_STREAM},
                 {"an eventfd", eventfd(0, 0), OBJECT_EVENT},
                 {"a timerfd", timerfd_create(CLOCK_MONOTONIC, 0), OBJECT_TIMER},
                 {"an epoll", epoll_create1(0), OBJECT_WAIT_SET},
                 {"a file", open("/proc/self/exe", O_RDONLY), OBJECT_FILE},
                 {"a memfd", memfd_create("x", 0), OBJECT_FILE},
                 {"a folder", open("/", O_RDONLY), OBJECT_DIRECTORY},
                 {"a device", open("/dev/null", O_RDONLY), OBJECT_FILE}};
    for (unsigned i = 0; i < COUNT(kinds); i++) {
        struct handle_info info = {};
        handle_info(kinds[i].handle, &info);
        is(info.type, kinds[i].type, "the type of %s", kinds[i].what);
        close(kinds[i].handle);
    }
    close(ends[1]);
}

static void signals_and_waits(void) {
    int port = port_create(NULL), event = eventfd(0, 0), right = mint(port, 1, 1);
    struct handle_info info;
    is(handle_info(port, &info), 0, "information");
    ok(!strcmp(info.name, "port") && info.handles == 1 && info.signals == 0, "about a port");
    is(object_signal(port, 0, 3u << 24), 0, "raise two user signals");
    struct wait_entry entries[3] = {{.handle = event, .wanted = POLLIN},
                                    {.handle = port, .wanted = 2u << 24},
                                    {.handle = right, .wanted = POLLOUT}};
    is(object_wait(&entries[1], 1, 0), 1, "wait for one of them");
    is(entries[1].observed, 2u << 24, "it is up");
    is(object_wait(entries, 3, 0), 2, "two of three have something");
    ok(entries[0].observed == 0 && entries[2].observed == POLLOUT, "the right ones");
    is(object_signal(port, 3u << 24, 0), 0, "clear them");
    fails(object_wait(&entries[1], 1, in_ms(20)), ETIMEDOUT, "then a wait ends with its deadline");
    fails(object_signal(port, 0, POLLIN), EINVAL, "the object's own signals are its own");
    fails(object_wait(entries, 65, 0), EINVAL, "too many");
    entries[0].handle = 999;
    fails(object_wait(entries, 2, 0), EBADF, "a bad one");
    pid_t child = start_child({
        sleep_ms(10);
        _exit(object_signal(port, 0, 1u << 30) != 0);
    });
    struct wait_entry one = {.handle = port, .wanted = 1u << 30};
    is(object_wait(&one, 1, FIPC_FOREVER), 1, "woken by another process's signal");
    wait_status(child);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", right);
    char *text = get_file(path);
    ok(text && strstr(text, "type:\tsend-right") && strstr(text, "SEND DUPLICATE TRANSFER WAIT") &&
           strstr(text, "badge:\t1"),
       "fdinfo tells type, rights and badge");
    snprintf(path, sizeof path, "/proc/self/fd/%d", port);
    char link[64] = "";
    readlink(path, link, sizeof link - 1);
    ok(!strcmp(link, "anon_inode:[port]"), "and fd the kind");
    close(port), close(event), close(right);
}

static void snapshots(void) {
    int memory = memfd_create("x", 0);
    write(memory, "before", 6);
    ftruncate(memory, 100'000);
    int copy = (int)syscall(NATIVE_vmo_clone, memory, 0);
    ok(copy >= 0, "clone a memfd");
    pwrite(memory, "after!", 6, 0);
    char data[7] = "";
    struct stat info;
    pread(copy, data, 6, 0);
    fstat(copy, &info);
    ok(!strcmp(data, "before") && info.st_size == 100'000, "it has what was there then");
    pwrite(copy, "mine!!", 6, 0);
    pread(memory, data, 6, 0);
    ok(!strcmp(data, "after!"), "and is private");
    int port = port_create(NULL), right = mint(port, 0, 0);
    struct fipc_handle item = {.handle = memory, .rights = RIGHTS_ALL, .operation = FIPC_COPY_ON_WRITE};
    static struct packet p;
    p.header = (struct fipc_message){.handles = (uintptr_t)&item, .handle_count = 1};
    is(fipc_send(right, &p, 0), 0, "send a snapshot");
    pwrite(memory, "later!", 6, 0);
    expect_handles(&p);
    fipc_recv(port, &p, PACKET_ROOM, 0);
    pread(p.handles[0].handle, data, 6, 0);
    ok(!strcmp(data, "after!"), "of when it was sent");
    char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, p.handles[0].handle, 0);
    ok(mapped != MAP_FAILED && !memcmp(mapped, "after!", 6), "which can be mapped");
    fails(syscall(NATIVE_vmo_clone, port, 0), EBADF, "a port cannot be cloned");
    munmap(mapped, 4096);
    close(p.handles[0].handle), close(copy), close(memory), close(port), close(right);
}

static void *map(int handle, int prot, int flags) {
    return mmap(NULL, 4096, prot, flags, handle, 0);
}

// What a handle may be mapped for, and what mprotect may make of that.
static void mappings(void) {
    const uint32_t all = RIGHT_READ | RIGHT_WRITE | RIGHT_EXEC | RIGHT_MAP;
    int memory = memfd_create("x", 0);
    ftruncate(memory, 4096);
    int no_map = (int)handle_duplicate(memory, all & ~RIGHT_MAP, 0);
    no_address(map(no_map, PROT_READ, MAP_PRIVATE), EACCES, "without MAP a handle is not mapped");
    no_address(map(no_map, PROT_NONE, MAP_SHARED), EACCES, "not even for nothing");
    is(pread(no_map, (char[8]){}, 8, 0), 8, "though it may be read");
    int no_read = (int)handle_duplicate(memory, all & ~RIGHT_READ, 0);
    no_address(map(no_read, PROT_WRITE, MAP_SHARED), EACCES, "without READ it is not mapped");
    int no_write = (int)handle_duplicate(memory, all & ~RIGHT_WRITE, 0);
    no_address(map(no_write, PROT_READ | PROT_WRITE, MAP_SHARED), EACCES, "without WRITE not shared for writing");
    void *shared = map(no_write, PROT_READ, MAP_SHARED);
    void *private = map(no_write, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    ok(shared != MAP_FAILED && private != MAP_FAILED, "but for reading, and privately for writing");
    fails(mprotect(shared, 4096, PROT_READ | PROT_WRITE), EACCES, "mprotect adds no WRITE");
    is(mprotect(shared, 4096, PROT_READ | PROT_EXEC), 0, "but EXEC, which the handle has");
    int no_exec = (int)handle_duplicate(memory, all & ~RIGHT_EXEC, 0);
    no_address(map(no_exec, PROT_READ | PROT_EXEC, MAP_PRIVATE), EACCES, "without EXEC not for executing");
    void *plain = map(no_exec, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    ok(plain != MAP_FAILED, "but for all else");
    fails(mprotect(plain, 4096, PROT_READ | PROT_EXEC), EACCES, "and mprotect adds none");
    void *moved = mremap(plain, 4096, 8192, MREMAP_MAYMOVE);
    ok(moved != MAP_FAILED, "move it");
    fails(mprotect(moved, 4096, PROT_EXEC), EACCES, "not there either");
    int pipes[2];
    pipe(pipes);
    no_address(map(pipes[0], PROT_READ, MAP_PRIVATE), ENODEV, "what has no memory is ENODEV, as on Linux");
    munmap(moved, 8192), munmap(shared, 4096), munmap(private, 4096);
    close(pipes[0]), close(pipes[1]), close(no_map), close(no_read), close(no_write), close(no_exec), close(memory);
}

static void exhaustion(void) {
    struct packet p = {};
    int port = port_create(NULL), right = mint(port, 0, 4), event = eventfd(0, 0), last = -1, handle;
    struct fipc_handle items[2] = {{.handle = event, .rights = RIGHTS_ALL, .operation = FIPC_COPY},
                                   {.handle = event, .rights = RIGHTS_ALL, .operation = FIPC_COPY}};
    p.header = (struct fipc_message){.handles = (uintptr_t)items, .handle_count = 2};
    fipc_send(right, &p, 0);
    while ((handle = (int)port_create(NULL)) >= 0)
        last = handle;
    is(errno, EMFILE, "ports until the table is full");
    expect_handles(&p);
    fails(fipc_recv(port, &p, PACKET_ROOM, 0), EMFILE, "a message with handles does not fit");
    close(last);
    fails(fipc_recv(port, &p, PACKET_ROOM, 0), EMFILE, "nor do two into one place");
    close(last - 1);
    is(fipc_recv(port, &p, PACKET_ROOM, 0), 0, "two do");
    is(p.header.handle_count, 2, "and none was lost");
    for (int fd = 3; fd <= last; fd++)
        close(fd);
}

int main(int argc, char **argv) {
    if (argc > 3 && !strcmp(argv[1], "rights"))
        return rights_of(atoi(argv[2])) != (uint32_t)atoi(argv[3]);
    needs_native();
    amplification();
    forged();
    types();
    signals_and_waits();
    snapshots();
    mappings();
    exhaustion();
    return tap_done();
}
