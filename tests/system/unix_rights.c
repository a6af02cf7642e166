// SPDX-License-Identifier: MPL-2.0
// Handles and credentials in AF_UNIX messages: SCM_RIGHTS, SCM_CREDENTIALS, SO_PEERCRED; truncation; handles that
// nobody receives; sockets that hold each other.
#include "sys.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static int pair[2];
static void make_pair(int type) {
    socketpair(AF_UNIX, type, 0, pair);
}
static void close_pair(void) {
    close(pair[0]), close(pair[1]);
}

// musl's wrappers copy control messages through a small buffer of their own: 253 descriptors do not fit.
static ssize_t send_message(int socket, struct msghdr *message, int flags) {
    return syscall(SYS_sendmsg, socket, message, flags);
}

// Sends one byte and these descriptors.
static ssize_t send_fds(int socket, const int *fds, size_t count) {
    union {
        char bytes[CMSG_SPACE(300 * sizeof(int))];
        struct cmsghdr align;
    } control = {};
    struct iovec iov = {"x", 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    return send_message(socket, &message, MSG_NOSIGNAL);
}

// Receives up to `room` descriptors; their number, or -1. *flags gets msg_flags.
static int receive_fds(int socket, int *fds, size_t room, int how, int *flags) {
    union {
        char bytes[CMSG_SPACE(300 * sizeof(int))];
        struct cmsghdr align;
    } control = {};
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0};
    ssize_t size = recvmsg(socket, &message, how);
    if (flags)
        *flags = message.msg_flags;
    if (size < 0)
        return -1;
    struct cmsghdr *c = room ? CMSG_FIRSTHDR(&message) : NULL;
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    return (int)count;
}

static int send_fd(int socket, int fd) {
    return (int)send_fds(socket, &fd, 1);
}
static int receive_fd(int socket) {
    int fd = -1;
    return receive_fds(socket, &fd, 1, 0, NULL) == 1 ? fd : -1;
}

static void passing(void) {
    char buffer[16];
    make_pair(SOCK_STREAM);
    put_file("file", "contents");
    int fd = open("file", O_RDWR), before = open_fd_count();
    is(send_fd(pair[0], fd), 1, "a descriptor is sent");
    lseek(fd, 3, SEEK_SET);
    close(fd);
    fd = receive_fd(pair[1]);
    ok(fd >= 0, "and received");
    is(read(fd, buffer, 16), 5, "it is the same open file: the position is shared");
    is(fcntl(fd, F_GETFD), 0, "not close-on-exec");
    close(fd);
    fd = open("file", O_RDONLY);
    send_fd(pair[0], fd), close(fd);
    int got = -1, flags = 0;
    is(receive_fds(pair[1], &got, 1, MSG_CMSG_CLOEXEC, &flags), 1, "MSG_CMSG_CLOEXEC");
    is(fcntl(got, F_GETFD), FD_CLOEXEC, "sets it");
    fails(write(got, "x", 1), EBADF, "rights are not gained on the way");
    close(got);
    is(open_fd_count(), before - 1, "no descriptor is lost");
    fails(send_fd(pair[0], 0x7fff), EBADF, "a descriptor that is not open");
    // To another process.
    pid_t child = start_child({
        int in = receive_fd(pair[1]);
        _exit(write(in, "from the child", 14) != 14);
    });
    int pipe_ends[2];
    pipe(pipe_ends);
    send_fd(pair[0], pipe_ends[1]), close(pipe_ends[1]);
    exited(wait_status(child), 0, "a pipe goes to another process");
    is(read(pipe_ends[0], buffer, 16), 14, "which writes to it");
    is(read(pipe_ends[0], buffer, 16), 0, "and was the last to hold it");
    close(pipe_ends[0]);
    close_pair();
}

static void several(void) {
    int fds[300], got[300], flags = 0, pipe_ends[2];
    pipe(pipe_ends);
    make_pair(SOCK_STREAM);
    for (int i = 0; i < 300; i++)
        fds[i] = pipe_ends[0];
    int before = open_fd_count();
    is(send_fds(pair[0], fds, 253), 1, "253 at once");
    fails(send_fds(pair[0], fds, 254), EINVAL, "no more");
    is(receive_fds(pair[1], got, 253, 0, &flags), 253, "all arrive");
    ok(!(flags & MSG_CTRUNC), "whole");
    for (int i = 0; i < 253; i++)
        close(got[i]);
    send_fds(pair[0], fds, 3);
    is(receive_fds(pair[1], got, 2, 0, &flags), 2, "room for two of three");
    ok(flags & MSG_CTRUNC, "MSG_CTRUNC");
    close(got[0]), close(got[1]);
    send_fds(pair[0], fds, 3);
    is(receive_fds(pair[1], got, 0, 0, &flags), 0, "no room at all");
    ok(flags & MSG_CTRUNC, "MSG_CTRUNC");
    char c;
    send_fds(pair[0], fds, 3);
    is(read(pair[1], &c, 1), 1, "read drops descriptors");
    is(open_fd_count(), before, "none is left behind");
    // A stream read stops after a message with descriptors.
    char buffer[8];
    write(pair[0], "ab", 2);
    send_fd(pair[0], pipe_ends[0]);
    write(pair[0], "c", 1);
    got[0] = -1;
    struct iovec iov = {buffer, 8};
    char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    is(recvmsg(pair[1], &message, 0), 3, "a read stops after descriptors");
    memcpy(&got[0], CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
    close(got[0]);
    is(read(pair[1], buffer, 8), 1, "the rest follows");
    // Peeking gives descriptors, too; and leaves them.
    send_fd(pair[0], pipe_ends[0]);
    is(receive_fds(pair[1], got, 1, MSG_PEEK, NULL), 1, "MSG_PEEK gives a descriptor");
    is(receive_fds(pair[1], got + 1, 1, 0, NULL), 1, "and leaves it for the next");
    ok(got[0] != got[1], "which is another number");
    close(got[0]), close(got[1]), close_pair(), close(pipe_ends[0]), close(pipe_ends[1]);
}

static void unreceived(void) {
    int pipe_ends[2];
    struct pollfd p;
    pipe(pipe_ends);
    make_pair(SOCK_DGRAM);
    send_fd(pair[0], pipe_ends[1]), close(pipe_ends[1]);
    p = (struct pollfd){.fd = pipe_ends[0], .events = POLLIN};
    is(poll(&p, 1, 0), 0, "a descriptor in flight keeps its pipe open");
    close_pair();
    is(poll(&p, 1, 30000), 1, "until the socket it is in closes");
    ok(p.revents & POLLHUP, "then it is closed");
    close(pipe_ends[0]);
}

// How many sockets the kernel's collector has looked at; 0: not Tessera.
static long looks(void) {
    char *text = get_file("/proc/tessera/collector");
    return text ? atol(text + strlen("looks ")) : 0;
}

// Each pair in flight in the next one: closing the last closes them all, one inside the other. The work is in
// proportion to the links: some dozen looks for each, and a look at all each 5 ms.
static void chain(int type, int length) {
    int inner[2], outer[2];
    long before = looks();
    int64_t began = now_ns();
    socketpair(AF_UNIX, type, 0, inner);
    bool good = true;
    for (int i = 0; i < length && good; i++) {
        good = socketpair(AF_UNIX, type, 0, outer) == 0 && send_fds(outer[0], inner, 2) == 1;
        close(inner[0]), close(inner[1]);
        memcpy(inner, outer, sizeof inner);
    }
    ok(good, "a chain of %d sockets in flight", length);
    close(inner[0]), close(inner[1]);
    socketpair(AF_UNIX, type, 0, inner);
    is(write(inner[0], "x", 1), 1, "is gone at one stroke");
    close(inner[0]), close(inner[1]);
    long links = 2 * length + 1000, allowed = 100 * links + (long)((now_ns() - began) / 5'000'000 + 2) * links;
    ok(looks() - before <= allowed, "and the collector has looked at %ld sockets", looks() - before);
}

// Each end of the pair goes through the pair itself, along with a pipe that shows when all is freed.
static void cycles(void) {
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        int pipe_ends[2];
        pipe(pipe_ends);
        make_pair(type);
        send_fd(pair[0], pair[0]), send_fd(pair[0], pair[1]), send_fd(pair[1], pair[0]);
        send_fd(pair[1], pipe_ends[1]);
        close(pipe_ends[1]), close_pair();
        // The collector runs when a socket closes (on Linux, soon after).
        make_pair(SOCK_STREAM), close_pair();
        struct pollfd p = {.fd = pipe_ends[0], .events = POLLIN};
        ok(poll(&p, 1, 30000) == 1 && (p.revents & POLLHUP), "sockets that hold only each other are freed (type %d)",
           type);
        close(pipe_ends[0]);
    }
    // A socket in flight that can still be received is not garbage.
    int outer[2];
    char c;
    make_pair(SOCK_STREAM);
    socketpair(AF_UNIX, SOCK_STREAM, 0, outer);
    send_fd(pair[0], pair[0]), send_fd(pair[0], pair[1]); // in its own queue …
    send_fd(outer[0], pair[1]);                           // … and in one that we read
    close_pair();
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair), close_pair();
    int back = receive_fd(outer[1]);
    ok(back >= 0, "a socket that can be received survives");
    int first = receive_fd(back), second = receive_fd(back);
    ok(first >= 0 && second >= 0, "with what is in its queue");
    write(first, "!", 1);
    is(read(second, &c, 1), 1, "and works");
    close(first), close(second), close(back), close(outer[0]), close(outer[1]);
}

static void flying_limit(void) {
    exited(in_child({
               struct rlimit limit = {30, 30};
               setrlimit(RLIMIT_NOFILE, &limit);
               if (setgid(12345) < 0 || setuid(12345) < 0)
                   _exit(is_root());
               make_pair(SOCK_STREAM);
               fcntl(pair[0], F_SETFL, O_NONBLOCK);
               int sent = 0;
               while (sent < 1000 && send_fd(pair[0], pair[0]) == 1)
                   sent++;
               _exit(!(errno == ETOOMANYREFS && sent >= 30 && sent <= 40));
           }),
           0, "descriptors in flight are limited: ETOOMANYREFS");
}

// Sends one byte; with these credentials if they are not null.
static ssize_t send_credentials(int socket, const struct ucred *cred) {
    char control[CMSG_SPACE(sizeof *cred)] = {};
    struct iovec iov = {"c", 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    if (cred) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_CREDENTIALS;
        c->cmsg_len = CMSG_LEN(sizeof *cred);
        memcpy(CMSG_DATA(c), cred, sizeof *cred);
    }
    return sendmsg(socket, &message, 0);
}

static bool receive_credentials(int socket, struct ucred *cred) {
    char control[CMSG_SPACE(sizeof *cred)] = {}, byte;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(socket, &message, 0) != 1)
        return false;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (!c || c->cmsg_type != SCM_CREDENTIALS)
        return false;
    memcpy(cred, CMSG_DATA(c), sizeof *cred);
    return true;
}

static void credentials(void) {
    struct ucred cred = {}, mine = {getpid(), getuid(), getgid()};
    socklen_t size = sizeof cred;
    int on = 1;
    make_pair(SOCK_STREAM);
    is(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &size), 0, "SO_PEERCRED");
    ok(cred.pid == mine.pid && cred.uid == mine.uid && cred.gid == mine.gid, "of a pair: us");
    send_credentials(pair[0], NULL);
    ok(!receive_credentials(pair[1], &cred), "no credentials unless asked for");
    is(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0, "SO_PASSCRED");
    send_credentials(pair[0], NULL);
    ok(receive_credentials(pair[1], &cred) && cred.pid == mine.pid, "then they come by themselves");
    is(send_credentials(pair[0], &mine), 1, "our own may be given");
    exited(in_child({ send_credentials(pair[0], NULL); }), 0, "a child sends");
    ok(receive_credentials(pair[1], &cred) && cred.pid == mine.pid, "ours first");
    ok(receive_credentials(pair[1], &cred) && cred.pid != mine.pid && cred.pid > 0, "then the child's");
    exited(in_child({
               if (setgid(12345) < 0 || setuid(12345) < 0)
                   _exit(is_root());
               struct ucred other = {getpid(), 0, 12345};
               bool good = send_credentials(pair[0], &other) == -1 && errno == EPERM;
               other = (struct ucred){1, 12345, 12345};
               good &= send_credentials(pair[0], &other) == -1 && errno == EPERM;
               _exit(!good);
           }),
           0, "nobody may give another's");
    close_pair();
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "creds"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&a, sizeof a);
    listen(server, 1);
    pid_t child = start_child({
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        connect(c, (struct sockaddr *)&a, sizeof a);
        getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &size);
        char byte;
        read(c, &byte, 1);
        _exit(cred.pid != getppid());
    });
    int connection = accept(server, NULL, NULL);
    getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &cred, &size);
    is(cred.pid, child, "SO_PEERCRED of an accepted socket: who connected");
    close(connection);
    exited(wait_status(child), 0, "of the client: who listened");
    close(server);
}

static void hostile(void) {
    char control[64] = {};
    struct iovec iov = {"x", 1};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = 32};
    struct cmsghdr *c = (struct cmsghdr *)control;
    make_pair(SOCK_STREAM);
    *c = (struct cmsghdr){.cmsg_len = 8, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    fails(send_message(pair[0], &message, 0), EINVAL, "a control message shorter than its header");
    c->cmsg_len = 1000;
    fails(send_message(pair[0], &message, 0), EINVAL, "one longer than its buffer");
    c->cmsg_len = CMSG_LEN(4);
    c->cmsg_type = 99;
    fails(send_message(pair[0], &message, 0), EINVAL, "an unknown type");
    message.msg_control = (void *)8;
    fails(send_message(pair[0], &message, 0), EFAULT, "a bad control pointer");
    message.msg_control = NULL, message.msg_controllen = 0, message.msg_iovlen = 2000;
    fails(send_message(pair[0], &message, 0), EMSGSIZE, "too many pieces");
    message.msg_iovlen = 1, message.msg_iov = (void *)8;
    fails(send_message(pair[0], &message, 0), EFAULT, "a bad list of pieces");
    fails(send_message(pair[0], (void *)8, 0), EFAULT, "a bad message");
    fails(syscall(SYS_recvmsg, pair[0], (void *)8, 0), EFAULT, "a bad message to receive to");
    close_pair();
}

// SCM_RIGHTS in two pieces arrives as one.
static void pieces(void) {
    make_pair(SOCK_STREAM);
    struct iovec iov = {"x", 1};
    union {
        char bytes[2 * CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int ends[2], fds[3];
    pipe(ends);
    struct cmsghdr *c;
    for (int i = 0; i < 2; i++) {
        c = (struct cmsghdr *)(control.bytes + (size_t)i * CMSG_SPACE(sizeof(int)));
        c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &ends[i], sizeof(int));
    }
    is(send_message(pair[0], &message, 0), 1, "two SCM_RIGHTS in a message");
    is(receive_fds(pair[1], fds, 3, 0, NULL), 2, "both descriptors arrive, in one");
    char c0 = 0;
    ok(write(fds[1], "p", 1) == 1 && read(fds[0], &c0, 1) == 1 && c0 == 'p', "in order");
    int bad = 999;
    memcpy(CMSG_DATA(c), &bad, sizeof bad);
    fails(send_message(pair[0], &message, 0), EBADF, "one that is not open");
    close(fds[0]), close(fds[1]), close(ends[0]), close(ends[1]);
    close_pair();
}

int main(void) {
    alarm(100);
    enter_temp_dir();
    passing();
    several();
    pieces();
    unreceived();
    cycles();
    int length = access("/proc/tessera/alloc_fail", F_OK) == 0 ? 1000 : 10000; // a sanitizing kernel is slow
    chain(SOCK_STREAM, length);
    chain(SOCK_DGRAM, length);
    flying_limit();
    credentials();
    hostile();
    return tap_done();
}
