// SPDX-License-Identifier: MPL-2.0
// A TCP socket that is disconnected (connect with AF_UNSPEC) and connected again; what TCP_INFO tells; what lo counts.
#include "inet.h"

static int disconnect(int fd) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    return connect(fd, &none, sizeof none);
}

static void reconnecting(void) {
    int server = listener_on("127.0.0.1", 5), s = socket(AF_INET, SOCK_STREAM, 0), peer;
    char got[16];
    is(disconnect(s), 0, "one that is not connected");
    is(connect_to(s, "127.0.0.1", port_of(server)), 0, "connect");
    peer = accept(server, NULL, NULL);
    write(peer, "unread", 6);
    is(disconnect(s), 0, "disconnect");
    ok(wait_events(peer, POLLERR) & POLLERR, "resets the other end");
    fails(read(peer, got, 1), ECONNRESET, "ECONNRESET there");
    fails(getpeername(s, (struct sockaddr *)&(union name){}, &(socklen_t){sizeof(union name)}), ENOTCONN, "no peer");
    is(get(s, SOL_SOCKET, SO_ERROR), ECONNRESET, "our own reset is an error");
    is(get(s, SOL_SOCKET, SO_ERROR), 0, "once");
    is(events_of(s), POLLOUT | POLLHUP, "like a new one");
    fails(recv(s, got, 1, 0), ENOTCONN, "nothing to read from");
    is(connect_to(s, "127.0.0.1", port_of(server)), 0, "connect again");
    int second = accept(server, NULL, NULL);
    is(write(s, "hello", 5), 5, "write");
    is(read(second, got, sizeof got), 5, "what was unread before is gone");
    ok(!memcmp(got, "hello", 5), "and this came");
    close(peer);
    is(write(second, "back", 4), 4, "the other way");
    is(read(s, got, sizeof got), 4, "too; the old end's close changed nothing");
    shutdown(s, SHUT_WR);
    is(read(second, got, 1), 0, "the end");
    is(disconnect(s), 0, "half closed");
    close(second);
    is(listen(s, 1), 0, "it can listen");
    is(disconnect(s), 0, "and stop");
    is(connect_to(s, "127.0.0.1", port_of(server)), 0, "and connect");
    close(s), close(server);
}

static void many_times(void) {
    int server = listener_on("127.0.0.1", 5), s = socket(AF_INET, SOCK_STREAM, 0), good = 0;
    char got[8];
    for (int i = 0; i < 300; i++) {
        if (connect_to(s, "127.0.0.1", port_of(server)) != 0)
            break;
        int peer = accept(server, NULL, NULL);
        good += write(peer, "x", 1) == 1 && read(s, got, 1) == 1 && disconnect(s) == 0;
        close(peer);
    }
    is(good, 300, "300 connections of one socket");
    close(s), close(server);
}

// Others read while it is taken from under them.
static void while_read(void) {
    int server = listener_on("127.0.0.1", 5), s = socket(AF_INET, SOCK_STREAM, 0), good = 0;
    for (int i = 0; i < 30; i++) {
        if (connect_to(s, "127.0.0.1", port_of(server)) != 0)
            break;
        int peer = accept(server, NULL, NULL);
        pid_t reader = start_child({
            char got[4];
            read(s, got, sizeof got);
        });
        if (i % 2)
            sleeps(reader);
        disconnect(s);
        good += WIFEXITED(wait_status(reader));
        close(peer);
    }
    is(good, 30, "readers end when it is disconnected");
    close(s), close(server);
}

static void information(const char *text) {
    int pair[2];
    struct tcp_info info = {};
    socklen_t size = sizeof info;
    int server = listener_on(text, 7);
    is(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &size), 0, "%s: TCP_INFO of a listener", text);
    is(info.tcpi_state, TCP_LISTEN, "its state");
    is(info.tcpi_sacked, 7, "its backlog");
    is(info.tcpi_unacked, 0, "empty");
    int early = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    connect_to(early, text, port_of(server));
    wait_events(server, POLLIN);
    getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &size);
    is(info.tcpi_unacked, 1, "one in it");
    close(early), close(server);
    tcp_pair(text, pair);
    is(getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &size), 0, "of a connection");
    is(info.tcpi_state, TCP_ESTABLISHED, "its state");
    ok(info.tcpi_options & TCPI_OPT_SACK && info.tcpi_snd_mss > 1000 && info.tcpi_snd_cwnd > 0, "what it agreed on");
    is(info.tcpi_retransmits + info.tcpi_lost + info.tcpi_total_retrans, 0, "nothing is lost");
    shutdown(pair[0], SHUT_WR);
    wait_events(pair[1], POLLIN);
    getsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, &size);
    is(info.tcpi_state, TCP_CLOSE_WAIT, "CLOSE_WAIT");
    size = 1;
    is(getsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, &size), 0, "a byte of it");
    is(size, 1, "is the state");
    fails(setsockopt(pair[1], IPPROTO_TCP, TCP_INFO, &info, sizeof info), ENOPROTOOPT, "it cannot be set");
    close(pair[0]), close(pair[1]);
}

// The fields of struct tcp_info that the C library's header leaves out.
static uint64_t field(int fd, unsigned offset) {
    uint8_t info[256] = {};
    socklen_t size = sizeof info;
    uint64_t value;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size);
    memcpy(&value, info + offset, sizeof value);
    return value;
}

static void amounts(void) {
    enum { BYTES_ACKED = 120, BYTES_RECEIVED = 128, BYTES_SENT = 200 };
    int pair[2];
    char text[1000] = {};
    tcp_pair("127.0.0.1", pair);
    for (int i = 0; i < 5; i++)
        write(pair[0], text, sizeof text);
    is(field(pair[1], BYTES_RECEIVED), 5000, "bytes received");
    is(field(pair[0], BYTES_SENT), 5000, "bytes sent");
    ok(eventually(field(pair[0], BYTES_ACKED) >= 5000), "and acknowledged");
    is(field(pair[0], BYTES_RECEIVED), 0, "none came back");
    close(pair[0]), close(pair[1]);
}

static bool counts_of_lo(long long *bytes, long long *packets, long long *sent) {
    char *text = get_file("/proc/net/dev"), *lo = text ? strstr(text, "lo:") : NULL;
    long long skipped;
    return lo && sscanf(lo, "lo: %lld %lld %lld %lld %lld %lld %lld %lld %lld", bytes, packets, &skipped, &skipped,
                        &skipped, &skipped, &skipped, &skipped, sent) == 9;
}

static void counted(void) {
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    long long bytes[2], packets[2], sent[2];
    char text[1000] = {};
    bind_to(a, "127.0.0.1", 0);
    connect_to(b, "127.0.0.1", port_of(a));
    ok(counts_of_lo(&bytes[0], &packets[0], &sent[0]), "/proc/net/dev has lo");
    is(bytes[0], sent[0], "what is sent comes");
    for (int i = 0; i < 100; i++)
        send(b, text, sizeof text, 0), recv(a, text, sizeof text, 0);
    counts_of_lo(&bytes[1], &packets[1], &sent[1]);
    ok(bytes[1] - bytes[0] >= 102800 && packets[1] - packets[0] >= 100, "100 datagrams with their headers (%lld, %lld)",
       bytes[1] - bytes[0], packets[1] - packets[0]);
    close(a), close(b);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    reconnecting();
    many_times();
    while_read();
    information("127.0.0.1");
    information("::1");
    amounts();
    counted();
    return tap_done();
}
