// SPDX-License-Identifier: MPL-2.0
// AF_UNIX sockets: streams, datagrams, packets, names, passing of descriptors and credentials.
#include "sys.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static char buffer[70000];

static struct sockaddr_un address(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, path);
    return a;
}
static int bind_to(int fd, const char *path) {
    struct sockaddr_un a = address(path);
    return bind(fd, (struct sockaddr *)&a, sizeof a);
}
static int connect_to(int fd, const char *path) {
    struct sockaddr_un a = address(path);
    return connect(fd, (struct sockaddr *)&a, sizeof a);
}

static void pairs(void) {
    int s[2];
    is(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0, "socketpair");
    is(fcntl(s[0], F_GETFD), FD_CLOEXEC, "SOCK_CLOEXEC");
    is(write(s[0], "hello", 5), 5, "write");
    is(send(s[0], " there", 6, 0), 6, "send");
    is(recv(s[1], buffer, 8, MSG_PEEK), 8, "MSG_PEEK");
    is(read(s[1], buffer, 100), 11, "a stream joins what was sent");
    ok(!memcmp(buffer, "hello there", 11), "in order");
    fails(recv(s[1], buffer, 1, MSG_DONTWAIT), EAGAIN, "MSG_DONTWAIT");
    int count;
    write(s[0], "abc", 3);
    ok(ioctl(s[1], FIONREAD, &count) == 0 && count == 3, "FIONREAD");
    is(shutdown(s[0], SHUT_WR), 0, "shutdown");
    is(read(s[1], buffer, 10), 3, "what is left");
    is(read(s[1], buffer, 10), 0, "then the end");
    is(write(s[1], "back", 4), 4, "the other way still works");
    is(read(s[0], buffer, 10), 4, "arrives");
    close(s[1]);
    signal(SIGPIPE, SIG_IGN);
    fails(send(s[0], "x", 1, 0), EPIPE, "the peer is gone");
    close(s[0]);
    exited(in_child({
               signal(SIGPIPE, SIG_DFL);
               int p[2];
               socketpair(AF_UNIX, SOCK_STREAM, 0, p);
               close(p[1]);
               _exit(!(send(p[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE));
           }),
           0, "MSG_NOSIGNAL");
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[1], "unread", 6);
    close(s[0]);
    char c;
    ok(read(s[1], &c, 1) == -1 && errno == ECONNRESET, "a peer that closes with unread data resets");
    close(s[1]);
    fails(socketpair(AF_UNIX, 7, 0, s), ESOCKTNOSUPPORT, "an unknown kind");
    fails(socketpair(99, SOCK_STREAM, 0, s), EAFNOSUPPORT, "an unknown family");
    fails(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT, "an unknown protocol");
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pid_t child = start_child({
        close(s[1]);
        memset(buffer, 'q', sizeof buffer);
        for (int i = 0; i < 10; i++)
            if (send(s[0], buffer, sizeof buffer, 0) != sizeof buffer)
                _exit(1);
    });
    close(s[0]);
    size_t total = 0;
    ssize_t size;
    bool good = true;
    while ((size = read(s[1], buffer, 1000)) > 0) {
        total += size;
        for (ssize_t i = 0; i < size; i++)
            good &= buffer[i] == 'q';
    }
    ok(good && total == 10 * sizeof buffer, "a sender waits for room, nothing is lost");
    exited(wait_status(child), 0, "and ends");
    close(s[1]);
}

static void streams(void) {
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect_to(client, "sock"), ENOENT, "nobody there");
    is(bind_to(server, "sock"), 0, "bind");
    struct stat info;
    ok(stat("sock", &info) == 0 && S_ISSOCK(info.st_mode), "makes a socket file");
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(bind_to(other, "sock"), EADDRINUSE, "a name that is taken");
    fails(bind_to(server, "sock2"), EINVAL, "bound already");
    fails(connect_to(client, "sock"), ECONNREFUSED, "nobody listens");
    fails(accept(server, NULL, NULL), EINVAL, "accept without listen");
    is(listen(server, 2), 0, "listen");
    fcntl(server, F_SETFL, O_NONBLOCK);
    fails(accept(server, NULL, NULL), EAGAIN, "nobody yet");
    fcntl(server, F_SETFL, 0);
    is(connect_to(client, "sock"), 0, "connect");
    fails(connect_to(client, "sock"), EISCONN, "twice");
    struct pollfd p = {.fd = server, .events = POLLIN};
    is(poll(&p, 1, 0), 1, "the listener is readable");
    is(write(client, "early", 5), 5, "send before it is accepted");
    struct sockaddr_un peer;
    socklen_t length = sizeof peer;
    int conn = accept4(server, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ok(conn >= 0 && length == sizeof(sa_family_t), "accept; the client has no name");
    ok(fcntl(conn, F_GETFL) & O_NONBLOCK && fcntl(conn, F_GETFD) == FD_CLOEXEC, "accept4's flags");
    is(read(conn, buffer, 10), 5, "receive");
    length = sizeof peer;
    ok(getpeername(client, (struct sockaddr *)&peer, &length) == 0 && same_text(peer.sun_path, "sock"), "getpeername");
    length = sizeof peer;
    ok(getsockname(conn, (struct sockaddr *)&peer, &length) == 0 && same_text(peer.sun_path, "sock"), "getsockname");
    fails(getpeername(server, (struct sockaddr *)&peer, &length), ENOTCONN, "a listener has no peer");
    struct {
        int pid, uid, gid;
    } who;
    length = sizeof who;
    ok(getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0 && who.pid == getpid() &&
           (uid_t)who.uid == getuid(),
       "SO_PEERCRED");
    int value;
    length = sizeof value;
    ok(getsockopt(conn, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_STREAM, "SO_TYPE");
    length = sizeof value;
    ok(getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value == 1, "SO_ACCEPTCONN");
    length = sizeof value;
    ok(getsockopt(conn, SOL_SOCKET, SO_ERROR, &value, &length) == 0 && value == 0, "SO_ERROR");
    fails(setsockopt(conn, SOL_SOCKET, 9999, &value, sizeof value), ENOPROTOOPT, "an unknown option");
    struct timeval brief = {0, 20'000};
    fcntl(conn, F_SETFL, 0);
    setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
    int64_t start = now_ns();
    fails(read(conn, buffer, 1), EAGAIN, "SO_RCVTIMEO");
    ok(now_ns() - start >= 20'000'000, "after the time");
    close(client), close(conn), close(server), close(other);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect_to(client, "sock"), ECONNREFUSED, "the name outlives the listener, which refuses");
    close(client);
    // A name without a file.
    struct sockaddr_un hidden = {.sun_family = AF_UNIX, .sun_path = "\0hidden"};
    server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    is(bind(server, (struct sockaddr *)&hidden, 9), 0, "an abstract name");
    listen(server, 5);
    is(connect(client, (struct sockaddr *)&hidden, 9), 0, "connect to it");
    close(server), close(client);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect(client, (struct sockaddr *)&hidden, 9), ECONNREFUSED, "it is gone with its socket");
    hidden.sun_family = AF_INET;
    fails(connect(client, (struct sockaddr *)&hidden, 9), EINVAL, "a wrong family");
    close(client);
}

// A client that has come and gone before it is accepted: what it sent is there, and its name.
static void gone_clients(void) {
    struct sockaddr_un peer;
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(server, "short-visits");
    listen(server, 5);
    for (int named = 0; named < 2; named++) {
        int client = socket(AF_UNIX, SOCK_STREAM, 0);
        if (named)
            is(bind_to(client, "visitor"), 0, "a client with a name");
        is(connect_to(client, "short-visits"), 0, "connect");
        is(write(client, "bye", 3), 3, "write");
        close(client);
        socklen_t length = sizeof peer, wanted = named ? sizeof(sa_family_t) + sizeof "visitor" : sizeof(sa_family_t);
        int conn = accept(server, (struct sockaddr *)&peer, &length);
        ok(conn >= 0 && length == wanted, "accept after it has closed (%s)", strerror(conn < 0 ? errno : 0));
        ok(!named || same_text(peer.sun_path, "visitor"), "its name");
        length = sizeof peer;
        ok(getpeername(conn, (struct sockaddr *)&peer, &length) == 0 && length == wanted, "getpeername");
        length = sizeof peer;
        is(recvfrom(conn, buffer, 10, 0, (struct sockaddr *)&peer, &length), 3, "what it sent");
        is(length, named ? wanted : 0, "and from whom");
        is(read(conn, buffer, 10), 0, "then the end");
        close(conn);
    }
    close(server);
}

static void datagrams(void) {
    int a = socket(AF_UNIX, SOCK_DGRAM, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind_to(a, "dg-a"), bind_to(b, "dg-b");
    struct sockaddr_un to = address("dg-a"), from;
    is(sendto(b, "one", 3, 0, (struct sockaddr *)&to, sizeof to), 3, "sendto");
    is(sendto(b, "three", 5, 0, (struct sockaddr *)&to, sizeof to), 5, "another");
    socklen_t length = sizeof from;
    is(recvfrom(a, buffer, 100, 0, (struct sockaddr *)&from, &length), 3, "messages keep their bounds");
    ok(same_text(from.sun_path, "dg-b"), "with their sender");
    is(recv(a, buffer, 2, MSG_TRUNC), 5, "one that is cut tells its length");
    is(sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof to), 0, "an empty one");
    is(recv(a, buffer, 10, 0), 0, "arrives");
    fails(send(b, "x", 1, 0), ENOTCONN, "send to nobody");
    is(connect(b, (struct sockaddr *)&to, sizeof to), 0, "connect");
    is(send(b, "x", 1, 0), 1, "then send");
    fails(sendto(b, "x", 1, 0, (struct sockaddr *)&(struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "nobody"},
                 sizeof to),
          ENOENT, "to a name that does not exist");
    close(a);
    fails(send(b, "x", 1, 0), ECONNREFUSED, "the receiver is gone");
    close(b);
    int s[2];
    is(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0, "SOCK_SEQPACKET");
    write(s[0], "ab", 2), write(s[0], "cd", 2);
    ok(read(s[1], buffer, 1) == 1 && read(s[1], buffer, 10) == 2 && buffer[0] == 'c',
       "keeps bounds; the rest of a cut packet is lost");
    close(s[0]);
    is(read(s[1], buffer, 10), 0, "and has an end");
    close(s[1]);
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s);
    int sent = 0;
    while (sent < 100'000 && send(s[0], "m", 1, 0) == 1)
        sent++;
    ok(sent > 5 && sent < 100'000 && errno == EAGAIN, "a queue has an end (%d)", sent);
    int got = 0;
    while (recv(s[1], buffer, 1, 0) == 1)
        got++;
    is(got, sent, "nothing is lost");
    close(s[0]), close(s[1]);
}

// Sends one byte with these descriptors.
static ssize_t send_fds(int socket, const int *fds, int count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(300 * sizeof(int))];
    } control = {};
    struct iovec vector = {"f", 1};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    return syscall(SYS_sendmsg, socket, &message, 0); // libc has a limit of its own
}
// Receives into fds; gives how many came.
static int receive_fds(int socket, int *fds, int room, int flags, int *message_flags) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(300 * sizeof(int))];
    } control;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(room * sizeof(int))};
    if (recvmsg(socket, &message, flags) != 1)
        return -1;
    if (message_flags)
        *message_flags = message.msg_flags;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    int count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    return count;
}

static void descriptors(void) {
    int s[2], got[4], flags;
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    put_file("passed", "contents");
    int before = open_fd_count();
    int fds[] = {open("passed", O_RDONLY), open("/dev/null", O_WRONLY)};
    lseek(fds[0], 3, SEEK_SET);
    is(send_fds(s[0], fds, 2), 1, "send two descriptors");
    close(fds[0]), close(fds[1]);
    is(receive_fds(s[1], got, 4, MSG_CMSG_CLOEXEC, NULL), 2, "receive them");
    is(fcntl(got[0], F_GETFD), FD_CLOEXEC, "MSG_CMSG_CLOEXEC");
    ok(read(got[0], buffer, 10) == 5 && !memcmp(buffer, "tents", 5), "the same open file, offset included");
    close(got[0]), close(got[1]);
    is(open_fd_count(), before, "nothing is left over");
    fds[0] = open("passed", O_RDONLY), fds[1] = open("passed", O_RDONLY);
    send_fds(s[0], fds, 2);
    is(receive_fds(s[1], got, 1, 0, &flags), 1, "room for one of two");
    ok(flags & MSG_CTRUNC, "MSG_CTRUNC");
    close(got[0]);
    is(open_fd_count(), before + 2, "the other is closed");
    send_fds(s[0], fds, 2);
    is(read(s[1], buffer, 1), 1, "a plain read takes the byte");
    is(open_fd_count(), before + 2, "and drops the descriptors");
    int bad = 999;
    fails(send_fds(s[0], &bad, 1), EBADF, "a descriptor that is not open");
    static int many[300];
    for (int i = 0; i < 300; i++)
        many[i] = fds[0];
    fails(send_fds(s[0], many, 300), EINVAL, "too many at once");
    exited(in_child({
               close(s[1]);
               int pipe_ends[2];
               pipe(pipe_ends);
               write(pipe_ends[1], "through", 7);
               send_fds(s[0], pipe_ends, 1);
           }),
           0, "a child sends a pipe and ends");
    receive_fds(s[1], got, 4, 0, NULL);
    is(read(got[0], buffer, 10), 7, "which lives on here");
    close(got[0]);
    // A socket in its own queue must be freed all the same.
    for (int i = 0; i < 50; i++) {
        int loop[2];
        socketpair(AF_UNIX, SOCK_STREAM, 0, loop);
        send_fds(loop[0], loop, 2);
        close(loop[0]), close(loop[1]);
    }
    ok(true, "sockets sent through themselves");
    close(fds[0]), close(fds[1]), close(s[0]), close(s[1]);
}

static void credentials(void) {
    int s[2], one = 1;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    pid_t child = start_child(write(s[0], "c", 1));
    wait_status(child);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control;
    char byte;
    struct iovec vector = {&byte, 1};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    is(recvmsg(s[1], &message, 0), 1, "a message");
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    int who[3] = {};
    if (ok(c && c->cmsg_type == 2, "with SCM_CREDENTIALS"))
        memcpy(who, CMSG_DATA(c), sizeof who);
    ok(who[0] == child && (uid_t)who[1] == getuid(), "of who sent it");
    close(s[0]), close(s[1]);
}

int main(void) {
    enter_temp_dir();
    pairs();
    streams();
    gone_clients();
    datagrams();
    descriptors();
    credentials();
    return tap_done();
}
