// SPDX-License-Identifier: MPL-2.0
// AF_UNIX sockets: streams, datagrams, sequenced packets; names; blocking; shutdown; options. Handles and credentials
// in messages are in unix_rights.c.
#include "sys.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#define SIOCOUTQ 0x5411

static int pair[2];

static void make_pair(int type) {
    socketpair(AF_UNIX, type, 0, pair);
}
static void close_pair(void) {
    close(pair[0]), close(pair[1]);
}

static int poll_now(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
    poll(&p, 1, 0);
    return p.revents;
}

static socklen_t path_address(struct sockaddr_un *a, const char *path) {
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->sun_path, path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}
static socklen_t abstract_address(struct sockaddr_un *a, const char *text) {
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    strcpy(a->sun_path + 1, text);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
}
#define ADDRESS(a) ((struct sockaddr *)&(a))

static volatile int pipes;
static void count_pipe(int signal) {
    (void)signal, pipes++;
}

static void making(void) {
    fails(socket(AF_UNIX, 77, 0), EINVAL, "a socket type out of range");
    fails(socket(AF_UNIX, 4, 0), ESOCKTNOSUPPORT, "a type that AF_UNIX has not");
    fails(socket(AF_UNIX, SOCK_STREAM, 17), EPROTONOSUPPORT, "a protocol that it has not");
    fails(socket(45, SOCK_STREAM, 0), EAFNOSUPPORT, "a family that nobody has");
    fails(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0), EINVAL, "unknown flags");
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ok(s >= 0, "a stream socket");
    is(fcntl(s, F_GETFD), FD_CLOEXEC, "SOCK_CLOEXEC");
    is(fcntl(s, F_GETFL), O_RDWR | O_NONBLOCK, "SOCK_NONBLOCK");
    struct stat info;
    fstat(s, &info);
    ok(S_ISSOCK(info.st_mode), "fstat says socket");
    char link[64], path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", s);
    ssize_t size = readlink(path, link, sizeof link - 1);
    ok(size > 8 && !memcmp(link, "socket:[", 8), "/proc/self/fd says socket:[N]");
    fails(lseek(s, 0, SEEK_SET), ESPIPE, "a socket does not seek");
    fails(read(s, link, 1), EINVAL, "an unconnected stream cannot be read");
    fails(write(s, link, 1), ENOTCONN, "nor written");
    is(poll_now(s), POLLOUT | POLLHUP, "poll of an unconnected stream");
    fails(listen(s, 1), EINVAL, "listening needs a name");
    fails(accept(s, NULL, NULL), EINVAL, "accepting needs listening");
    fails(getpeername(s, ADDRESS(path), &(socklen_t){sizeof path}), ENOTCONN, "so does getpeername");
    close(s);
    fails(listen(0x7fff, 1), EBADF, "no such descriptor");
    int null = open("/dev/null", O_RDWR);
    fails(listen(null, 1), ENOTSOCK, "not a socket");
    fails(send(null, "", 1, 0), ENOTSOCK, "send to what is none");
    close(null);
    fails(socketpair(AF_UNIX, SOCK_STREAM, 0, (void *)8), EFAULT, "a bad pointer for a pair");
}

static void stream(void) {
    char buffer[64];
    make_pair(SOCK_STREAM);
    is(write(pair[0], "hello", 5), 5, "write to a pair");
    is(read(pair[1], buffer, 2), 2, "a stream is read in parts");
    is(read(pair[1], buffer + 2, 60), 3, "to its end");
    ok(!memcmp(buffer, "hello", 5), "unchanged");
    write(pair[1], "a", 1), write(pair[1], "b", 1), write(pair[1], "c", 1);
    int count = 0;
    ioctl(pair[0], FIONREAD, &count);
    is(count, 3, "FIONREAD");
    is(recv(pair[0], buffer, 10, MSG_PEEK), 3, "MSG_PEEK sees several writes");
    is(read(pair[0], buffer, 10), 3, "one read takes them all");
    ok(!memcmp(buffer, "abc", 3), "in order");
    fails(recv(pair[0], buffer, 1, MSG_DONTWAIT), EAGAIN, "nothing more");
    is(poll_now(pair[0]), POLLOUT, "poll agrees");
    pid_t child = start_child({
        sleeps(getppid());
        write(pair[1], "12", 2);
        sleep_ms(50);
        write(pair[1], "345", 3);
    });
    is(recv(pair[0], buffer, 5, MSG_WAITALL), 5, "MSG_WAITALL waits for all");
    wait_status(child);
    struct iovec in[2] = {{"ab", 2}, {"cde", 3}}, out[3] = {{buffer, 1}, {buffer + 10, 3}, {buffer + 20, 10}};
    is(writev(pair[0], in, 2), 5, "writev");
    is(readv(pair[1], out, 3), 5, "readv");
    ok(buffer[0] == 'a' && !memcmp(buffer + 10, "bcd", 3) && buffer[20] == 'e', "scatters");
    fails(write(pair[0], (void *)8, 5), EFAULT, "a bad pointer to write from");
    write(pair[0], "xyz", 3);
    fails(read(pair[1], (void *)8, 3), EFAULT, "a bad pointer to read to");
    is(read(pair[1], buffer, 3), 3, "loses nothing");
    fails(sendto(pair[0], "x", 1, 0, ADDRESS((struct sockaddr_un){AF_UNIX}), 3), EISCONN,
          "a connected stream takes no address");
    fails(pread(pair[0], buffer, 1, 0), ESPIPE, "pread");
    close_pair();
}

static void stream_end(void) {
    char buffer[8];
    int error = 0;
    socklen_t size = sizeof error;
    make_pair(SOCK_STREAM);
    write(pair[0], "last", 4);
    close(pair[0]);
    is(poll_now(pair[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP, "poll after the peer closed");
    is(read(pair[1], buffer, 8), 4, "what it wrote is still there");
    is(read(pair[1], buffer, 8), 0, "then the end");
    on_signal(SIGPIPE, count_pipe, 0);
    fails(write(pair[1], "x", 1), EPIPE, "writing fails");
    is(pipes, 1, "with SIGPIPE");
    fails(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "or without");
    is(pipes, 1, "by MSG_NOSIGNAL");
    close(pair[1]);
    make_pair(SOCK_STREAM);
    write(pair[1], "unread", 6);
    close(pair[0]);
    ok(poll_now(pair[1]) & POLLERR, "closing with unread data is an error for the peer");
    fails(read(pair[1], buffer, 8), ECONNRESET, "ECONNRESET");
    is(read(pair[1], buffer, 8), 0, "once");
    close(pair[1]);
    make_pair(SOCK_STREAM);
    write(pair[1], "unread", 6);
    close(pair[0]);
    getsockopt(pair[1], SOL_SOCKET, SO_ERROR, &error, &size);
    is(error, ECONNRESET, "SO_ERROR reports it");
    getsockopt(pair[1], SOL_SOCKET, SO_ERROR, &error, &size);
    is(error, 0, "and clears it");
    close(pair[1]);
}

static void shutdowns(void) {
    char buffer[8];
    make_pair(SOCK_STREAM);
    fails(shutdown(pair[0], 3), EINVAL, "no such shutdown");
    write(pair[0], "x", 1);
    is(shutdown(pair[0], SHUT_WR), 0, "SHUT_WR");
    is(poll_now(pair[1]), POLLIN | POLLOUT | POLLRDHUP, "the peer sees a half hang-up");
    is(read(pair[1], buffer, 8), 1, "data before it arrives");
    is(read(pair[1], buffer, 8), 0, "then the end");
    fails(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE, "no more writing");
    is(write(pair[1], "y", 1), 1, "the other direction lives");
    is(read(pair[0], buffer, 8), 1, "and arrives");
    shutdown(pair[1], SHUT_WR);
    ok((poll_now(pair[0]) & (POLLHUP | POLLRDHUP)) == (POLLHUP | POLLRDHUP), "both shut: hang-up");
    close_pair();
    make_pair(SOCK_STREAM);
    shutdown(pair[0], SHUT_RD);
    is(read(pair[0], buffer, 8), 0, "SHUT_RD ends our reads");
    fails(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "and the peer's writes");
    close_pair();
    make_pair(SOCK_STREAM);
    pid_t child = start_child({
        close(pair[0]);
        _exit(read(pair[1], buffer, 1) != 0);
    });
    sleeps(child);
    shutdown(pair[1], SHUT_RDWR);
    exited(wait_status(child), 0, "shutdown wakes a blocked reader");
    close_pair();
}

static void back_pressure(void) {
    static char big[1 << 20], got[1 << 20];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 13 + i / 4099);
    make_pair(SOCK_STREAM);
    pid_t child = start_child({
        close(pair[1]);
        _exit(write(pair[0], big, sizeof big) != sizeof big);
    });
    close(pair[0]);
    size_t total = 0;
    ssize_t size;
    for (size_t step = 1; (size = read(pair[1], got + total, step)) > 0; step = step * 3 % 70001 + 1)
        total += (size_t)size;
    ok(total == sizeof big && !memcmp(big, got, sizeof big), "a megabyte through a stream, read in odd pieces");
    exited(wait_status(child), 0, "and the writer wrote all");
    close(pair[1]);
    make_pair(SOCK_STREAM);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    while ((size = write(pair[0], big, 10000)) > 0)
        sent += (size_t)size;
    ok(size == -1 && errno == EAGAIN, "a full stream is EAGAIN");
    ok(sent >= 100000 && sent <= 10000000, "after %zu bytes", sent);
    is(poll_now(pair[0]), 0, "and not writable");
    int queued = 0;
    ioctl(pair[0], SIOCOUTQ, &queued);
    ok(queued > 0, "SIOCOUTQ");
    for (total = 0; total < sent; total += (size_t)size)
        if ((size = read(pair[1], got, sizeof got)) <= 0)
            break;
    is(total, sent, "all of it can be read");
    is(poll_now(pair[0]), POLLOUT, "then it is writable");
    struct timeval wait = {0, 100000};
    setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    int64_t start = now_ns();
    fails(read(pair[1], got, 1), EAGAIN, "SO_RCVTIMEO ends a read");
    ok(now_ns() - start >= 95000000, "after its time");
    fcntl(pair[0], F_SETFL, 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    while ((size = write(pair[0], big, 10000)) > 0)
        ;
    ok(size == -1 && errno == EAGAIN, "SO_SNDTIMEO ends a write");
    close_pair();
}

static void names(void) {
    struct sockaddr_un a, back;
    socklen_t size = path_address(&a, "socket"), got;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(bind(server, ADDRESS(a), 1), EINVAL, "a short address");
    fails(bind(server, ADDRESS(a), 200), EINVAL, "a long address");
    a.sun_family = AF_INET;
    fails(bind(server, ADDRESS(a), size), EINVAL, "another family's address");
    a.sun_family = AF_UNIX;
    is(bind(server, ADDRESS(a), size), 0, "bind to a path");
    struct stat info;
    stat("socket", &info);
    is(info.st_mode, S_IFSOCK | 0755, "makes a socket node, by umask");
    struct sockaddr_un second;
    socklen_t second_size = path_address(&second, "socket2");
    fails(bind(server, ADDRESS(second), second_size), EINVAL, "once only");
    fails(bind(other, ADDRESS(a), size), EADDRINUSE, "a name that exists");
    got = sizeof back;
    is(getsockname(server, ADDRESS(back), &got), 0, "getsockname");
    ok(got == size && !strcmp(back.sun_path, "socket"), "gives the path");
    fails(open("socket", O_RDWR), ENXIO, "a socket node does not open");
    fails(connect(other, ADDRESS(a), size), ECONNREFUSED, "nobody listens yet");
    is(listen(server, 2), 0, "listen");
    fails(connect(socket(AF_UNIX, SOCK_DGRAM, 0), ADDRESS(a), size), EPROTOTYPE, "another type of socket");
    is(poll_now(server), 0, "nothing to accept");
    is(connect(other, ADDRESS(a), size), 0, "connect does not wait for accept");
    is(poll_now(server), POLLIN, "now there is");
    fails(connect(other, ADDRESS(a), size), EISCONN, "connected already");
    is(write(other, "early", 5), 5, "data may be sent before accept");
    got = sizeof back;
    int connection = accept4(server, ADDRESS(back), &got, SOCK_CLOEXEC);
    ok(connection >= 0, "accept");
    is(got, 2, "the client has no name");
    char buffer[8];
    is(read(connection, buffer, 8), 5, "and its data is there");
    got = sizeof back;
    getpeername(other, ADDRESS(back), &got);
    ok(!strcmp(back.sun_path, "socket"), "getpeername of the client");
    got = sizeof back;
    getsockname(connection, ADDRESS(back), &got);
    ok(!strcmp(back.sun_path, "socket"), "the accepted socket has the server's name");
    int value = 0;
    socklen_t value_size = sizeof value;
    getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &value_size);
    is(value, 1, "SO_ACCEPTCONN");
    close(connection), close(other), close(server);
    other = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect(other, ADDRESS(a), size), ECONNREFUSED, "the name outlives the socket, without it");
    unlink("socket");
    fails(connect(other, ADDRESS(a), size), ENOENT, "until it is removed");
    put_file("plain", "");
    size = path_address(&a, "plain");
    fails(connect(other, ADDRESS(a), size), ECONNREFUSED, "a plain file is no socket");
    size = path_address(&a, "missing/socket");
    fails(bind(other, ADDRESS(a), size), ENOENT, "a folder that is not there");
    close(other);
}

static void abstract_names(void) {
    struct sockaddr_un a, back;
    socklen_t size = abstract_address(&a, "tessera-test"), got = sizeof back;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    is(bind(server, ADDRESS(a), size), 0, "bind to an abstract name");
    fails(bind(other, ADDRESS(a), size), EADDRINUSE, "which is then taken");
    getsockname(server, ADDRESS(back), &got);
    ok(got == size && !memcmp(&a, &back, size), "getsockname gives it");
    listen(server, 1);
    is(connect(other, ADDRESS(a), size), 0, "connect");
    fails(connect(socket(AF_UNIX, SOCK_STREAM, 0), ADDRESS(a), size - 1), ECONNREFUSED, "a prefix is another name");
    fails(connect(socket(AF_UNIX, SOCK_DGRAM, 0), ADDRESS(a), size), ECONNREFUSED, "another type of socket");
    int datagram = socket(AF_UNIX, SOCK_DGRAM, 0);
    is(bind(datagram, ADDRESS(a), size), 0, "has its own names");
    close(datagram);
    close(other), close(server);
    other = socket(AF_UNIX, SOCK_STREAM, 0);
    fails(connect(other, ADDRESS(a), size), ECONNREFUSED, "it goes with its socket");
    is(bind(other, ADDRESS(a), 2), 0, "bind to no name");
    got = sizeof back;
    getsockname(other, ADDRESS(back), &got);
    is(got, 2 + 6, "gives an automatic one");
    is(back.sun_path[0], 0, "which is abstract");
    close(other);
}

static void backlog(void) {
    struct sockaddr_un a;
    socklen_t size = abstract_address(&a, "tessera-backlog");
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client[4], connected = 0;
    bind(server, ADDRESS(a), size);
    listen(server, 1);
    for (int i = 0; i < 4; i++) {
        client[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (connect(client[i], ADDRESS(a), size) == 0)
            connected++;
        else
            ok(errno == EAGAIN, "a full backlog is EAGAIN");
    }
    is(connected, 2, "a backlog of 1 holds two");
    pid_t child = start_child({
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        _exit(connect(c, ADDRESS(a), size) != 0);
    });
    sleeps(child);
    int connection = accept(server, NULL, NULL);
    exited(wait_status(child), 0, "a blocking connect waits for room");
    close(connection);
    fcntl(server, F_SETFL, O_NONBLOCK);
    while ((connection = accept(server, NULL, NULL)) >= 0)
        close(connection);
    is(errno, EAGAIN, "accept without blocking");
    char c;
    int last = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(last, ADDRESS(a), size);
    close(server);
    fails(read(last, &c, 1), ECONNRESET, "a listener that closes resets who waits");
    for (int i = 0; i < 4; i++)
        close(client[i]);
    close(last);
}

static void datagrams(void) {
    char buffer[64];
    make_pair(SOCK_DGRAM);
    write(pair[0], "one", 3), write(pair[0], "", 0), write(pair[0], "three", 5);
    int count = 0;
    ioctl(pair[1], FIONREAD, &count);
    is(count, 3, "FIONREAD is the next datagram's size");
    is(recv(pair[1], buffer, 2, MSG_TRUNC | MSG_PEEK), 3, "MSG_TRUNC gives the full size");
    is(read(pair[1], buffer, 2), 2, "the rest of a datagram");
    is(read(pair[1], buffer, 64), 0, "is lost; an empty datagram arrives");
    is(read(pair[1], buffer, 64), 5, "and the next");
    fails(recv(pair[1], buffer, 1, MSG_DONTWAIT), EAGAIN, "that is all");
    close(pair[0]);
    fails(write(pair[1], "x", 1), ECONNREFUSED, "a closed peer");
    fails(write(pair[1], "x", 1), ENOTCONN, "is forgotten");
    close(pair[1]);

    struct sockaddr_un a, b, from;
    socklen_t a_size = path_address(&a, "dgram"), b_size = abstract_address(&b, "tessera-b"), from_size = sizeof from;
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    bind(receiver, ADDRESS(a), a_size), bind(sender, ADDRESS(b), b_size);
    fails(write(sender, "x", 1), ENOTCONN, "no peer yet");
    is(sendto(sender, "to", 2, 0, ADDRESS(a), a_size), 2, "sendto");
    is(recvfrom(receiver, buffer, 64, 0, ADDRESS(from), &from_size), 2, "recvfrom");
    ok(from_size == b_size && !memcmp(&from, &b, b_size), "tells from whom");
    is(connect(sender, ADDRESS(a), a_size), 0, "connect");
    is(write(sender, "w", 1), 1, "then write");
    read(receiver, buffer, 64);
    is(connect(receiver, ADDRESS(b), b_size), 0, "connected to each other");
    int third = socket(AF_UNIX, SOCK_DGRAM, 0);
    fails(sendto(third, "x", 1, 0, ADDRESS(a), a_size), EPERM, "nobody else may send");
    fails(connect(third, ADDRESS(a), a_size), EPERM, "or connect");
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    is(connect(receiver, &nobody, sizeof nobody), 0, "AF_UNSPEC disconnects");
    ssize_t size;
    int sent = 0;
    while ((size = sendto(third, "x", 1, MSG_DONTWAIT, ADDRESS(a), a_size)) == 1)
        sent++;
    ok(size == -1 && errno == EAGAIN && sent > 5, "a full queue is EAGAIN");
    while (recv(receiver, buffer, 64, MSG_DONTWAIT) >= 0)
        sent--;
    is(sent, 0, "all that went in comes out");
    char *huge = calloc(1, 1 << 20);
    fails(sendto(third, huge, 1 << 20, 0, ADDRESS(a), a_size), EMSGSIZE, "a datagram beyond the buffer");
    static char large[100000], got[100000];
    memset(large, 'L', sizeof large);
    is(sendto(third, large, sizeof large, 0, ADDRESS(a), a_size), sizeof large, "a large one");
    is(recv(receiver, got, sizeof got, 0), sizeof got, "arrives");
    ok(!memcmp(large, got, sizeof got), "unchanged");
    fails(listen(receiver, 1), EOPNOTSUPP, "datagram sockets do not listen");
    shutdown(receiver, SHUT_RD);
    fails(sendto(third, "x", 1, MSG_NOSIGNAL, ADDRESS(a), a_size), EPIPE, "SHUT_RD refuses datagrams");
    free(huge);
    close(receiver), close(sender), close(third), unlink("dgram");
}

static void seqpackets(void) {
    char buffer[64];
    make_pair(SOCK_SEQPACKET);
    write(pair[0], "one", 3), write(pair[0], "three", 5);
    struct iovec iov = {buffer, 2};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    is(recvmsg(pair[1], &message, 0), 2, "part of a packet");
    ok(message.msg_flags & MSG_TRUNC, "MSG_TRUNC says so");
    is(read(pair[1], buffer, 64), 5, "the next read gets the next packet");
    close(pair[0]);
    is(read(pair[1], buffer, 64), 0, "the end");
    fails(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE, "and nobody to send to");
    close(pair[1]);
    struct sockaddr_un a;
    socklen_t size = abstract_address(&a, "tessera-seq");
    int server = socket(AF_UNIX, SOCK_SEQPACKET, 0), client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    fails(send(client, "x", 1, 0), ENOTCONN, "unconnected");
    bind(server, ADDRESS(a), size), listen(server, 1);
    is(connect(client, ADDRESS(a), size), 0, "connect");
    int connection = accept(server, NULL, NULL);
    write(client, "packet", 6);
    is(read(connection, buffer, 64), 6, "accept and read");
    close(server), close(client), close(connection);
}

static void options(void) {
    int value = 0;
    socklen_t size = sizeof value;
    make_pair(SOCK_STREAM);
    getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &size);
    is(value, SOCK_STREAM, "SO_TYPE");
    getsockopt(pair[0], SOL_SOCKET, SO_DOMAIN, &value, &size);
    is(value, AF_UNIX, "SO_DOMAIN");
    getsockopt(pair[0], SOL_SOCKET, SO_PROTOCOL, &value, &size);
    is(value, 0, "SO_PROTOCOL");
    value = 10000;
    is(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof value), 0, "SO_SNDBUF");
    getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, &size);
    is(value, 20000, "is doubled");
    value = 1;
    is(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, sizeof value), 0, "SO_REUSEADDR");
    value = 0;
    getsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, &size);
    is(value, 1, "is remembered");
    fails(setsockopt(pair[0], SOL_SOCKET, 9999, &value, sizeof value), ENOPROTOOPT, "no such option");
    fails(getsockopt(pair[0], SOL_SOCKET, 9999, &value, &size), ENOPROTOOPT, "none to get");
    fails(setsockopt(pair[0], SOL_SOCKET, SO_REUSEADDR, &value, 1), EINVAL, "too short a value");
    fails(setsockopt(pair[0], 6, 1, &value, sizeof value), EOPNOTSUPP, "another protocol's level");
    struct timeval time = {3, 500000}, back;
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    size = sizeof back;
    getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &back, &size);
    ok(size == sizeof back && back.tv_sec == 3 && back.tv_usec == 500000, "SO_RCVTIMEO");
    close_pair();
}

static void many_messages(void) {
    struct mmsghdr messages[4];
    struct iovec iov[4];
    char buffer[4][16];
    make_pair(SOCK_DGRAM);
    for (int i = 0; i < 4; i++) {
        iov[i] = (struct iovec){"message", (size_t)i + 1};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    is(syscall(SYS_sendmmsg, pair[0], messages, 4, 0), 4, "sendmmsg");
    ok(messages[0].msg_len == 1 && messages[3].msg_len == 4, "tells each size");
    for (int i = 0; i < 4; i++)
        iov[i] = (struct iovec){buffer[i], 16};
    is(syscall(SYS_recvmmsg, pair[1], messages, 4, MSG_DONTWAIT, NULL), 4, "recvmmsg");
    ok(messages[0].msg_len == 1 && messages[3].msg_len == 4, "tells them, too");
    write(pair[0], "x", 1);
    is(syscall(SYS_recvmmsg, pair[1], messages, 4, MSG_WAITFORONE, NULL), 1, "MSG_WAITFORONE");
    close_pair();
}

static void interruption(void) {
    char c;
    make_pair(SOCK_STREAM);
    on_signal(SIGALRM, count_pipe, 0);
    pid_t child = start_child({
        sleeps(getppid());
        kill(getppid(), SIGALRM);
    });
    fails(read(pair[0], &c, 1), EINTR, "a signal ends a blocked read");
    wait_status(child);
    on_signal(SIGALRM, count_pipe, SA_RESTART);
    child = start_child({
        sleeps(getppid());
        kill(getppid(), SIGALRM);
        sleep_ms(50);
        write(pair[1], "r", 1);
    });
    is(read(pair[0], &c, 1), 1, "SA_RESTART restarts it");
    wait_status(child);
    struct timeval wait = {30, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    child = start_child({
        sleeps(getppid());
        kill(getppid(), SIGALRM);
    });
    fails(read(pair[0], &c, 1), EINTR, "but not with a time-out");
    wait_status(child);
    close_pair();
}

static void ping_pong(void) {
    make_pair(SOCK_STREAM);
    pid_t child = start_child({
        char c;
        close(pair[0]);
        while (read(pair[1], &c, 1) == 1)
            write(pair[1], &c, 1);
    });
    close(pair[1]);
    int good = 0;
    for (int i = 0; i < 2000; i++) {
        char c = (char)i, back = 0;
        write(pair[0], &c, 1);
        good += read(pair[0], &back, 1) == 1 && back == c;
    }
    is(good, 2000, "2,000 round trips");
    close(pair[0]);
    exited(wait_status(child), 0, "the other side sees the end");
}

int main(void) {
    enter_temp_dir();
    on_signal(SIGPIPE, count_pipe, 0);
    making();
    stream();
    stream_end();
    shutdowns();
    back_pressure();
    names();
    abstract_names();
    backlog();
    datagrams();
    seqpackets();
    options();
    many_messages();
    interruption();
    ping_pong();
    return tap_done();
}
