// SPDX-License-Identifier: MPL-2.0
// UDP-Lite: datagrams with ports of their own, whose checksum may cover a part.
#include "inet.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#define SEND_COVERAGE 10 // UDPLITE_SEND_CSCOV
#define RECEIVE_COVERAGE 11

static int lite(const char *text, int port) {
    int s = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    if (bind_to(s, text, port) != 0)
        return close(s), -1;
    return s;
}

static void datagrams(const char *text) {
    int a = lite(text, 0), b = lite(text, 0);
    char got[64];
    ok(a >= 0 && b >= 0, "%s: two sockets", text);
    is(get(a, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDPLITE, "SO_PROTOCOL");
    is(get(a, SOL_SOCKET, SO_TYPE), SOCK_DGRAM, "SO_TYPE");
    is(connect_to(a, text, port_of(b)), 0, "connect");
    is(send(a, "hello", 5, 0), 5, "send");
    is(recv(b, got, sizeof got, 0), 5, "recv");
    int port = port_of(b), udp = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    is(bind_to(udp, text, port), 0, "UDP's port of that number is another");
    connect_to(udp, text, port_of(a));
    send(udp, "x", 1, 0);
    fails(recv(a, got, 1, MSG_DONTWAIT), EAGAIN, "nothing comes over");
    fails(lite(text, port), EADDRINUSE, "but this one is taken");
    close(b);
    send(a, "x", 1, 0);
    ok(eventually(send(a, "x", 1, 0) < 0), "a port that nobody has");
    is(errno, ECONNREFUSED, "is refused");
    close(a), close(udp);
}

static void coverage(void) {
    int a = lite("127.0.0.1", 0), b = lite("127.0.0.1", 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
    char got[64];
    connect_to(a, "127.0.0.1", port_of(b));
    is(get(a, IPPROTO_UDPLITE, SEND_COVERAGE), 0, "all is covered");
    is(get(a, IPPROTO_UDPLITE, RECEIVE_COVERAGE), 0, "and nothing wanted");
    is(set(a, IPPROTO_UDPLITE, SEND_COVERAGE, 20), 0, "the header and 12 bytes");
    is(get(a, IPPROTO_UDPLITE, SEND_COVERAGE), 20, "are kept");
    send(a, "0123456789abcdef", 16, 0);
    is(recv(b, got, sizeof got, 0), 16, "who says nothing gets it");
    is(set(b, IPPROTO_UDPLITE, RECEIVE_COVERAGE, 22), 0, "22 wanted");
    send(a, "0123456789abcdef", 16, 0), send(a, "0123456789", 10, 0);
    is(recv(b, got, sizeof got, 0), 10,
       "what is covered too little does not come; what is short enough is covered whole");
    is(set(b, IPPROTO_UDPLITE, RECEIVE_COVERAGE, 20), 0, "20 wanted");
    send(a, "0123456789abcdef", 16, 0);
    is(recv(b, got, sizeof got, 0), 16, "come");
    set(b, IPPROTO_UDPLITE, RECEIVE_COVERAGE, 0);
    send(a, "0123456789abcdef", 16, 0), send(a, "x", 1, 0);
    is(recv(b, got, sizeof got, 0), 1, "0: only what is covered whole");
    set(a, IPPROTO_UDPLITE, SEND_COVERAGE, 3);
    is(get(a, IPPROTO_UDPLITE, SEND_COVERAGE), 8, "at least the header");
    set(a, IPPROTO_UDPLITE, SEND_COVERAGE, 100000);
    is(get(a, IPPROTO_UDPLITE, SEND_COVERAGE), 65535, "at most what a datagram has");
    fails(set(udp, IPPROTO_UDPLITE, SEND_COVERAGE, 8), ENOPROTOOPT, "UDP has no such option");
    fails(set(a, IPPROTO_UDPLITE, 99, 8), ENOPROTOOPT, "nor UDP-Lite that one");
    close(a), close(b), close(udp);
}

int main(void) {
    int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    ok(s >= 0, "there is UDP-Lite");
    close(s);
    fails(socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE), EPROTONOSUPPORT, "not for streams");
    datagrams("127.0.0.1");
    datagrams("::1");
    coverage();
    return tap_done();
}
