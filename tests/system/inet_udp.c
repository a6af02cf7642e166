// SPDX-License-Identifier: MPL-2.0
// UDP over the loopback interface: names, datagrams, errors, control messages.
#include "inet.h"

#include <sys/ioctl.h>
#include <sys/uio.h>

static int udp(const char *text) {
    int s = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    if (bind_to(s, text, 0) != 0)
        return close(s), -1;
    return s;
}
static ssize_t send_to(int fd, const char *text, int port, const void *data, size_t size) {
    union name name = name_of(text, port);
    return sendto(fd, data, size, 0, &name.any, name_size(&name));
}

static void datagrams(const char *text) {
    int a = udp(text), b = udp(text), left = 0;
    char got[64] = {};
    union name name = {};
    socklen_t size = sizeof name;
    ok(a >= 0 && b >= 0, "%s: two sockets", text);
    is(events_of(a), POLLOUT, "writable");
    is(send_to(a, text, port_of(b), "hello", 5), 5, "sendto");
    is(send_to(a, text, port_of(b), "", 0), 0, "nothing");
    is(send_to(a, text, port_of(b), "again", 5), 5, "and again");
    is(wait_events(b, POLLIN), POLLIN | POLLOUT, "readable");
    ioctl(b, FIONREAD, &left);
    is(left, 5, "FIONREAD: the first");
    is(recvfrom(b, got, sizeof got, MSG_PEEK, &name.any, &size), 5, "MSG_PEEK");
    ok(size == name_size(&name) && !strcmp(text_of(&name), text), "the sender's name");
    is(ntohs(name.any.sa_family == AF_INET ? name.v4.sin_port : name.v6.sin6_port), port_of(a), "and port");
    is(recv(b, got, 2, MSG_TRUNC), 5, "MSG_TRUNC gives the full size");
    is(recv(b, got, sizeof got, 0), 0, "an empty datagram");
    is(recv(b, got, 2, 0), 2, "a cut one");
    fails(recv(b, got, 1, MSG_DONTWAIT), EAGAIN, "no more");
    fails(send(a, "x", 1, 0), EDESTADDRREQ, "where to?");
    fails(send_to(a, text, 0, "x", 1), EINVAL, "port 0");
    static char big[70000];
    fails(send_to(a, text, port_of(b), big, sizeof big), EMSGSIZE, "too long");
    is(send_to(a, text, port_of(b), big, 65507), 65507, "the longest");
    is(recv(b, big, sizeof big, 0), 65507, "arrives");
    close(a), close(b);
}

static void connected(void) {
    int a = udp("127.0.0.1"), b = udp("127.0.0.1"), c = udp("127.0.0.1");
    char got[8];
    fails(getpeername(a, (struct sockaddr *)&(union name){}, &(socklen_t){sizeof(union name)}), ENOTCONN, "no peer");
    fails(shutdown(a, SHUT_RD), ENOTCONN, "nothing to shut down");
    close(a);
    a = udp("127.0.0.1");
    is(connect_to(a, "127.0.0.1", port_of(b)), 0, "connect");
    ok(!strcmp(peer_name(a), "127.0.0.1"), "has a peer");
    send_to(c, "127.0.0.1", port_of(a), "stranger", 8);
    send_to(b, "127.0.0.1", port_of(a), "peer", 4);
    is(recv(a, got, sizeof got, 0), 4, "only the peer's arrive");
    is(write(a, "x", 1), 1, "write");
    is(recv(b, got, 1, 0), 1, "goes there");
    is(connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr)), 0, "AF_UNSPEC");
    fails(write(a, "x", 1), EDESTADDRREQ, "ends it");
    fails(connect_to(a, "10.1.2.3", 53), ENETUNREACH, "nobody leads there");
    fails(send_to(a, "10.1.2.3", 53, "x", 1), ENETUNREACH, "nor there");
    close(a);
    a = socket(AF_INET, SOCK_DGRAM, 0);
    connect_to(a, "127.0.0.1", port_of(b));
    ok(!strcmp(own_name(a), "127.0.0.1") && port_of(a) > 0, "connect gives a name");
    connect(a, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
    ok(!strcmp(own_name(a), "0.0.0.0"), "and takes it back (%s)", own_name(a));
    int port = port_of(c);
    close(c);
    connect_to(a, "127.0.0.1", port);
    is(write(a, "x", 1), 1, "to a closed port");
    ok(wait_events(a, POLLERR) & POLLERR, "is an error");
    fails(read(a, got, 1), ECONNREFUSED, "reported once");
    fails(recv(a, got, 1, MSG_DONTWAIT), EAGAIN, "then gone");
    write(a, "x", 1);
    wait_events(a, POLLERR);
    is(get(a, SOL_SOCKET, SO_ERROR), ECONNREFUSED, "SO_ERROR");
    is(shutdown(a, SHUT_WR), 0, "SHUT_WR");
    fails(write(a, "x", 1), EPIPE, "no more");
    is(shutdown(a, SHUT_RD), 0, "SHUT_RD");
    is(read(a, got, 1), 0, "the end");
    close(a), close(b);
}

static void ports(void) {
    int a = udp("127.0.0.1"), b = socket(AF_INET, SOCK_DGRAM, 0);
    char got[8];
    fails(bind_to(b, "127.0.0.1", port_of(a)), EADDRINUSE, "taken");
    set(a, SOL_SOCKET, SO_REUSEADDR, 1), set(b, SOL_SOCKET, SO_REUSEADDR, 1);
    is(bind_to(b, "127.0.0.1", port_of(a)), 0, "SO_REUSEADDR");
    send_to(a, "127.0.0.1", port_of(a), "x", 1);
    is(recv(b, got, 1, 0), 1, "the last one bound gets it");
    close(a), close(b);
    a = udp("::");
    b = socket(AF_INET, SOCK_DGRAM, 0);
    fails(bind_to(b, "0.0.0.0", port_of(a)), EADDRINUSE, "IPv4's, too");
    is(send_to(b, "127.0.0.1", port_of(a), "x", 1), 1, "to a socket of both");
    union name name = {};
    socklen_t size = sizeof name;
    is(recvfrom(a, got, 1, 0, &name.any, &size), 1, "arrives");
    ok(!strcmp(text_of(&name), "::ffff:127.0.0.1"), "from a mapped address (%s)", text_of(&name));
    is(sendto(a, "y", 1, 0, &name.any, size), 1, "the answer");
    is(recv(b, got, 1, 0), 1, "arrives");
    close(a), close(b);
    fails(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT, "no datagrams of TCP");
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    fails(listen(s, 1), EOPNOTSUPP, "no listening");
    fails(send_to(s, "255.255.255.255", 9, "x", 1) == -1 && errno != EACCES && errno != ENETUNREACH ? 0 : -1, errno,
          "no broadcast");
    close(s);
}

static struct msghdr header(union name *name, struct iovec *part, void *control, size_t size) {
    return (struct msghdr){.msg_name = name,
                           .msg_namelen = name ? sizeof *name : 0,
                           .msg_iov = part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = size};
}

static void control(void) {
    int a = udp("127.0.0.1"), b = udp("0.0.0.0");
    char got[8], space[256];
    union name name = {};
    struct iovec part = {got, sizeof got};
    struct msghdr message = header(&name, &part, space, sizeof space);
    set(b, IPPROTO_IP, IP_PKTINFO, 1), set(b, IPPROTO_IP, IP_RECVTTL, 1), set(b, SOL_SOCKET, SO_TIMESTAMP, 1);
    set(a, IPPROTO_IP, IP_TTL, 33);
    send_to(a, "127.0.0.5", port_of(b), "x", 1);
    is(recvmsg(b, &message, 0), 1, "recvmsg");
    const struct in_pktinfo *info = find_control(&message, IPPROTO_IP, IP_PKTINFO);
    ok(info && info->ipi_ifindex == 1 && info->ipi_addr.s_addr == htonl(0x7f000005), "IP_PKTINFO");
    const int *hops = find_control(&message, IPPROTO_IP, IP_TTL);
    ok(hops && *hops == 33, "IP_TTL");
    ok(find_control(&message, SOL_SOCKET, SO_TIMESTAMP), "SO_TIMESTAMP");
    struct {
        struct cmsghdr header;
        struct in_pktinfo info;
    } source = {.header = {.cmsg_len = CMSG_LEN(sizeof source.info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO},
                .info.ipi_spec_dst.s_addr = htonl(0x7f000009)};
    int from = socket(AF_INET, SOCK_DGRAM, 0);
    name = name_of("127.0.0.1", port_of(b));
    message = header(&name, &(struct iovec){"y", 1}, &source, sizeof source);
    is(sendmsg(from, &message, 0), 1, "IP_PKTINFO chooses the source");
    socklen_t size = sizeof name;
    recvfrom(b, got, 1, 0, &name.any, &size);
    ok(!strcmp(text_of(&name), "127.0.0.9"), "(%s)", text_of(&name));
    send_to(a, "127.0.0.1", port_of(b), "z", 1);
    message = header(NULL, &part, space, 20);
    is(recvmsg(b, &message, 0), 1, "little room");
    ok(message.msg_flags & MSG_CTRUNC, "MSG_CTRUNC");
    close(a), close(b), close(from);
    a = udp("::1");
    set(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    send_to(a, "::1", port_of(a), "x", 1);
    message = header(NULL, &part, space, sizeof space);
    is(recvmsg(a, &message, 0), 1, "IPv6");
    ok(find_control(&message, IPPROTO_IPV6, IPV6_PKTINFO), "IPV6_PKTINFO");
    close(a);
}

static void many(void) {
    int a = udp("127.0.0.1"), b = udp("127.0.0.1"), taken = 0;
    char got[4][8];
    struct mmsghdr in[4] = {}, out[3] = {};
    struct iovec parts[7];
    union name name = name_of("127.0.0.1", port_of(b));
    for (int i = 0; i < 3; i++) {
        parts[i] = (struct iovec){"abc", (size_t)i + 1};
        out[i].msg_hdr = header(&name, &parts[i], NULL, 0);
    }
    for (int i = 0; i < 4; i++) {
        parts[3 + i] = (struct iovec){got[i], 8};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &parts[3 + i], .msg_iovlen = 1};
    }
    is(sendmmsg(a, out, 3, 0), 3, "sendmmsg");
    is(recvmmsg(b, in, 4, MSG_WAITFORONE, NULL), 3, "recvmmsg");
    is(in[2].msg_len, 3, "the third");
    set(b, SOL_SOCKET, SO_RCVBUF, 4096);
    for (int i = 0; i < 1000; i++)
        send_to(a, "127.0.0.1", port_of(b), "flood", 5);
    while (recv(b, got, 8, MSG_DONTWAIT) == 5)
        taken++;
    ok(taken > 0 && taken < 1000, "what does not fit is lost (%d of 1000 arrived)", taken);
    close(a), close(b);
}

int main(void) {
    datagrams("127.0.0.1");
    datagrams("::1");
    connected();
    ports();
    control();
    many();
    return tap_done();
}
