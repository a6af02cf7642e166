// SPDX-License-Identifier: MPL-2.0
// TCP's urgent data: MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI, SIGURG.
#include "inet.h"

#include <sys/ioctl.h>
#include <sys/select.h>

static int at_mark(int fd) {
    int at = -1;
    ioctl(fd, SIOCATMARK, &at);
    return at;
}
static int unread(int fd) {
    int left = -1;
    ioctl(fd, FIONREAD, &left);
    return left;
}

static void apart(const char *text) {
    int pair[2];
    char got[16] = {};
    tcp_pair(text, pair);
    fails(recv(pair[1], got, 1, MSG_OOB), EINVAL, "%s: no urgent data", text);
    is(at_mark(pair[1]), 0, "no mark");
    is(send(pair[0], "abcX", 4, MSG_OOB), 4, "send, the last byte urgent");
    is(wait_events(pair[1], POLLPRI), POLLPRI | POLLIN | POLLOUT, "POLLPRI");
    is(unread(pair[1]), 3, "FIONREAD counts to the mark");
    is(send(pair[0], "de", 2, 0), 2, "more");
    is(at_mark(pair[1]), 0, "the mark is not yet reached");
    is(recv(pair[1], got, 1, MSG_OOB | MSG_PEEK), 1, "MSG_PEEK of it");
    is(got[0], 'X', "is the last byte");
    struct iovec vec = {got, sizeof got};
    struct msghdr header = {.msg_iov = &vec, .msg_iovlen = 1};
    is(recvmsg(pair[1], &header, MSG_OOB), 1, "recvmsg of it");
    ok(got[0] == 'X' && header.msg_flags & MSG_OOB, "has MSG_OOB");
    fails(recv(pair[1], got, 1, MSG_OOB), EINVAL, "only once");
    is(events_of(pair[1]), POLLIN | POLLOUT, "POLLPRI goes");
    is(recv(pair[1], got, sizeof got, 0), 3, "a read ends at the mark");
    ok(!memcmp(got, "abc", 3), "with what came before");
    is(at_mark(pair[1]), 1, "now we are there");
    is(recv(pair[1], got, sizeof got, MSG_PEEK), 2, "looking goes around it");
    is(recv(pair[1], got, sizeof got, 0), 2, "so does reading");
    ok(!memcmp(got, "de", 2), "with what came after");
    is(at_mark(pair[1]), 0, "the mark is behind us");
    close(pair[0]), close(pair[1]);
}

static void passed_over(void) {
    int pair[2];
    char got[16] = {};
    tcp_pair("127.0.0.1", pair);
    send(pair[0], "X", 1, MSG_OOB);
    is(wait_events(pair[1], POLLPRI), POLLPRI | POLLOUT, "urgent data alone is not readable");
    is(at_mark(pair[1]), 1, "the mark comes first");
    fails(recv(pair[1], got, sizeof got, MSG_DONTWAIT), EAGAIN, "a read finds nothing");
    fails(recv(pair[1], got, 1, MSG_OOB), EINVAL, "but has gone past the mark");
    send(pair[0], "aX", 2, MSG_OOB);
    wait_events(pair[1], POLLPRI);
    is(recv(pair[1], got, sizeof got, 0), 1, "up to the next mark");
    send(pair[0], "Y", 1, MSG_OOB);
    is(recv(pair[1], got, 1, MSG_OOB), 1, "a newer one");
    is(got[0], 'Y', "counts");
    send(pair[0], "b", 1, 0);
    wait_events(pair[1], POLLIN);
    is(recv(pair[1], got, sizeof got, 0), 1, "the older one at the front is lost");
    is(got[0], 'b', "what comes next is read");
    send(pair[0], "cX", 2, MSG_OOB), send(pair[0], "dY", 2, MSG_OOB);
    wait_events(pair[1], POLLPRI);
    is(recv(pair[1], got, 16, 0), 3, "an older one that is not at the front is ordinary");
    ok(!memcmp(got, "cXd", 3), "and read");
    close(pair[0]), close(pair[1]);
}

static void in_line(void) {
    int pair[2];
    char got[16] = {};
    tcp_pair("127.0.0.1", pair);
    set(pair[1], SOL_SOCKET, SO_OOBINLINE, 1);
    send(pair[0], "abX", 3, MSG_OOB), send(pair[0], "cd", 2, 0);
    is(wait_events(pair[1], POLLPRI) & POLLPRI, POLLPRI, "POLLPRI with SO_OOBINLINE, too");
    ok(eventually(unread(pair[1]) == 5), "FIONREAD counts all");
    fails(recv(pair[1], got, 1, MSG_OOB), EINVAL, "nothing is apart");
    is(recv(pair[1], got, sizeof got, 0), 2, "a read ends before the mark");
    is(at_mark(pair[1]), 1, "there it is");
    is(recv(pair[1], got, sizeof got, 0), 3, "and the next begins with it");
    ok(!memcmp(got, "Xcd", 3), "in line");
    is(events_of(pair[1]), POLLOUT, "nothing is left");
    close(pair[0]), close(pair[1]);
}

static volatile int urgent;
static void count(int signal) {
    (void)signal, urgent++;
}

static void told(void) {
    int pair[2];
    fd_set set;
    tcp_pair("127.0.0.1", pair);
    on_signal(SIGURG, count, SA_RESTART);
    send(pair[0], "X", 1, MSG_OOB);
    is(wait_events(pair[1], POLLPRI) & POLLPRI, POLLPRI, "nobody is named");
    is(urgent, 0, "no SIGURG");
    fcntl(pair[1], F_SETOWN, getpid());
    send(pair[0], "Y", 1, MSG_OOB);
    ok(eventually(urgent == 1), "SIGURG to who is, without O_ASYNC");
    send(pair[0], "z", 1, 0);
    wait_events(pair[1], POLLIN);
    is(urgent, 1, "not for other data");
    FD_ZERO(&set);
    FD_SET(pair[1], &set);
    is(select(pair[1] + 1, NULL, NULL, &set, &(struct timeval){}), 1, "an exception for select");
    close(pair[0]), close(pair[1]);
}

static void ends(void) {
    int pair[2];
    char got[4];
    tcp_pair("127.0.0.1", pair);
    send(pair[0], "X", 1, MSG_OOB);
    close(pair[0]);
    wait_events(pair[1], POLLRDHUP);
    is(recv(pair[1], got, 1, MSG_OOB), 1, "urgent data outlives its sender");
    is(recv(pair[1], got, sizeof got, 0), 0, "then comes the end");
    close(pair[1]);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    apart("127.0.0.1");
    apart("::1");
    passed_over();
    in_line();
    told();
    ends();
    return tap_done();
}
