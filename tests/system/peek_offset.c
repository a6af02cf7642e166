// SPDX-License-Identifier: MPL-2.0
// SO_PEEK_OFF: MSG_PEEK begins where the last one ended; on AF_UNIX sockets of each type, and UDP.
#include "inet.h"

#include <errno.h>
#include <pthread.h>
#include <sys/un.h>

#ifndef SO_PEEK_OFF
#define SO_PEEK_OFF 42
#endif

static int pair[2];

static int offset_of(int fd) {
    int value = -2;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, &size) == 0 ? value : -1000 - errno;
}
static int set_offset(int fd, int value) {
    return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof value);
}

// Receives at most `room` bytes and compares.
static void gets(int fd, int flags, size_t room, const char *wanted, const char *what) {
    char got[64] = {};
    ssize_t size = recv(fd, got, room, flags | MSG_DONTWAIT);
    ok(size == (ssize_t)strlen(wanted) && !memcmp(got, wanted, strlen(wanted)), "%s: \"%s\" (got %zd \"%s\")", what,
       wanted, size, got);
}
static void peeks(int fd, size_t room, const char *wanted, const char *what) {
    gets(fd, MSG_PEEK, room, wanted, what);
}
static void finds_nothing(int fd, const char *what) {
    char got[8];
    fails(recv(fd, got, sizeof got, MSG_PEEK | MSG_DONTWAIT), EAGAIN, "%s", what);
}

static void options(void) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    is(offset_of(pair[0]), -1, "off at first");
    is(set_offset(pair[0], 7), 0, "set");
    is(offset_of(pair[0]), 7, "and kept");
    is(set_offset(pair[0], -5), 0, "any negative number turns it off");
    is(offset_of(pair[0]), -5, "and is kept");
    fails(setsockopt(pair[0], SOL_SOCKET, SO_PEEK_OFF, "x", 1), EINVAL, "a byte");
    close(pair[0]), close(pair[1]);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    fails(set_offset(s, 0), EOPNOTSUPP, "TCP has none");
    is(offset_of(s), -1000 - EOPNOTSUPP, "to be got, either");
    close(s);
}

static void stream(void) {
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    int to = pair[0], from = pair[1];
    write(to, "abcdef", 6), write(to, "ghi", 3);
    peeks(from, 3, "abc", "off");
    peeks(from, 3, "abc", "stays at the first byte");
    set_offset(from, 1);
    peeks(from, 3, "bcd", "from 1");
    is(offset_of(from), 4, "moved");
    peeks(from, 3, "efg", "over two packets");
    gets(from, 0, 2, "ab", "a read takes from the beginning");
    is(offset_of(from), 5, "and moves it back");
    peeks(from, 60, "hi", "the rest");
    finds_nothing(from, "no more");
    is(offset_of(from), 7, "stays behind all");
    write(to, "jk", 2);
    peeks(from, 60, "jk", "what came since");
    gets(from, 0, 60, "cdefghijk", "all is still there");
    is(offset_of(from), 0, "at the beginning");
    finds_nothing(from, "empty");
    write(to, "lm", 2);
    set_offset(from, 100);
    finds_nothing(from, "far behind");
    gets(from, 0, 1, "l", "a read");
    is(offset_of(from), 99, "by one");
    shutdown(to, SHUT_WR);
    is(recv(from, (char[8]){}, 8, MSG_PEEK), 0, "the end, seen from behind");
    set_offset(from, 0);
    peeks(from, 8, "m", "then the rest");
    is(recv(from, (char[8]){}, 8, MSG_PEEK), 0, "and the end");
    close(to), close(from);
}

// AF_UNIX: datagrams of either type.
static void packets(int type, const char *name) {
    socketpair(AF_UNIX, type, 0, pair);
    int to = pair[0], from = pair[1];
    write(to, "abcd", 4), write(to, "", 0), write(to, "efg", 3);
    set_offset(from, 0);
    char got[8];
    struct iovec part = {got, 3};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    is(recvmsg(from, &message, MSG_PEEK), 3, "%s: three of four", name);
    ok(message.msg_flags & MSG_TRUNC, "are cut");
    is(recvmsg(from, &message, MSG_PEEK), 1, "the last");
    ok(got[0] == 'd' && !(message.msg_flags & MSG_TRUNC), "is not");
    is(offset_of(from), 4, "behind it");
    peeks(from, 8, "", "the empty one");
    peeks(from, 1, "e", "is passed over then");
    is(recv(from, got, 1, MSG_PEEK | MSG_TRUNC), 2, "MSG_TRUNC: what is left");
    is(offset_of(from), 6, "counted as it was copied");
    gets(from, 0, 2, "ab", "the first");
    is(offset_of(from), 2, "moves by all of it");
    gets(from, 0, 8, "", "the second");
    peeks(from, 8, "g", "the third");
    finds_nothing(from, "no more");
    gets(from, 0, 8, "efg", "the third is read");
    is(offset_of(from), 0, "at the beginning");
    set_offset(from, -1);
    write(to, "", 0), write(to, "h", 1);
    peeks(from, 8, "", "off: an empty one");
    peeks(from, 8, "", "stays");
    gets(from, 0, 8, "", "is read");
    gets(from, 0, 8, "h", "once");
    close(to), close(from);
}

static void handles(int type, const char *name) {
    char room[CMSG_SPACE(sizeof(int))] = {}, got[8];
    struct iovec part = {"xy", 2};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    socketpair(AF_UNIX, type, 0, pair);
    write(pair[0], "ab", 2);
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET, control->cmsg_type = SCM_RIGHTS, control->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(control), &pair[0], sizeof(int));
    is(sendmsg(pair[0], &message, 0), 2, "%s: a handle", name);
    set_offset(pair[1], 2);
    part = (struct iovec){got, 1};
    for (int i = 0; i < 2; i++) {
        struct stat a, b;
        int fd = -1;
        memset(room, 0, sizeof room);
        message.msg_controllen = sizeof room;
        is(recvmsg(pair[1], &message, MSG_PEEK), 1, "look at its packet, part %d", i);
        ok(got[0] == "xy"[i], "the byte");
        if ((control = CMSG_FIRSTHDR(&message)))
            memcpy(&fd, CMSG_DATA(control), sizeof fd);
        ok(fstat(fd, &a) == 0 && fstat(pair[0], &b) == 0 && a.st_ino == b.st_ino, "gives the handle each time");
        close(fd);
    }
    close(pair[0]), close(pair[1]);
}

static void udp(const char *text) {
    int from = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    int to = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    bind_to(from, text, 0);
    connect_to(to, text, port_of(from));
    is(offset_of(from), -1, "%s: off", text);
    send(to, "abcd", 4, 0), send(to, "", 0, 0), send(to, "efg", 3, 0);
    set_offset(from, 1);
    peeks(from, 2, "bc", "from 1");
    is(offset_of(from), 3, "moved");
    peeks(from, 8, "d", "the rest of the first");
    peeks(from, 8, "", "the empty one");
    peeks(from, 8, "efg", "the third");
    finds_nothing(from, "no more");
    is(offset_of(from), 7, "behind all");
    gets(from, 0, 8, "abcd", "a read takes the first");
    is(offset_of(from), 3, "and moves it back");
    gets(from, 0, 8, "", "the second");
    finds_nothing(from, "still behind all");
    set_offset(from, 1);
    is(recv(from, (char[8]){}, 1, MSG_PEEK | MSG_TRUNC), 3, "MSG_TRUNC: the whole size");
    is(offset_of(from), 4, "which is what it moves by");
    gets(from, 0, 8, "efg", "the third is read");
    close(to), close(from);
}

// One who waits behind what is there, beside one who waits for anything.
static void *look(void *fd) {
    char got[8] = {};
    ssize_t size = recv(*(int *)fd, got, sizeof got, MSG_PEEK);
    return (void *)(long)(size == 2 && !memcmp(got, "cd", 2));
}
static void waiting(int type, const char *name) {
    pthread_t thread;
    void *result = nullptr;
    socketpair(AF_UNIX, type, 0, pair);
    write(pair[0], "ab", 2);
    set_offset(pair[1], 2);
    pthread_create(&thread, nullptr, look, &pair[1]);
    usleep(20000);
    write(pair[0], "cd", 2);
    pthread_join(thread, &result);
    ok(result != nullptr, "%s: a peek waits for what comes behind", name);
    is(offset_of(pair[1]), 4, "and moves");
    close(pair[0]), close(pair[1]);
}

int main(void) {
    options();
    stream();
    packets(SOCK_DGRAM, "datagrams");
    packets(SOCK_SEQPACKET, "sequenced packets");
    handles(SOCK_STREAM, "stream");
    handles(SOCK_DGRAM, "datagrams");
    handles(SOCK_SEQPACKET, "sequenced packets");
    udp("127.0.0.1");
    udp("::1");
    // Not of streams: Linux 6.1 forgets the offset while it waits there, and looks at the first byte.
    waiting(SOCK_DGRAM, "datagrams");
    waiting(SOCK_SEQPACKET, "sequenced packets");
    return tap_done();
}
