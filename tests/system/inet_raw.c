// SPDX-License-Identifier: MPL-2.0
// Ping and raw sockets over the loopback interface, and what ICMP tells of datagrams that nobody took.
#include "inet.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/uio.h>
#include <sys/wait.h>

struct echo {
    unsigned char type, code;
    unsigned short checksum, id, sequence;
    char text[8];
};

static unsigned short checksum(const void *data, size_t size) {
    const unsigned char *bytes = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += i & 1 ? bytes[i] << 8 : bytes[i];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static ssize_t send_to(int fd, const char *text, int port, const void *data, size_t size) {
    union name name = name_of(text, port);
    return sendto(fd, data, size, 0, &name.any, name_size(&name));
}
// Nothing comes that has not come within 5 s.
static ssize_t take(int fd, void *to, size_t size) {
    return wait_events(fd, POLLIN) & POLLIN ? recv(fd, to, size, MSG_DONTWAIT) : -1;
}

static void set_ping_groups(const char *range) {
    int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
    ok(fd >= 0 && write(fd, range, strlen(range)) == (ssize_t)strlen(range), "groups %s may ping", range);
    close(fd);
}

static void ping(const char *text) {
    bool v6 = strchr(text, ':');
    int s = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    struct echo request = {.type = v6 ? 128 : 8, .id = 99, .sequence = htons(7), .text = "payload"}, reply = {};
    ok(s >= 0, "%s: a ping socket", text);
    is(bind_to(s, v6 ? "::" : "0.0.0.0", 77), 0, "bind: its identifier");
    is(port_of(s), 77, "getsockname");
    int other = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    is(get(other, SOL_SOCKET, SO_REUSEADDR), 1, "SO_REUSEADDR is on");
    set(other, SOL_SOCKET, SO_REUSEADDR, 0);
    fails(bind_to(other, v6 ? "::" : "0.0.0.0", 77), EADDRINUSE, "else it cannot be shared");
    close(other);
    is(send_to(s, text, 0, &request, sizeof request), sizeof request, "echo request");
    is(take(s, &reply, sizeof reply), sizeof reply, "the answer");
    ok(reply.type == (v6 ? 129 : 0) && reply.id == htons(77) && reply.sequence == htons(7) &&
           !memcmp(reply.text, request.text, 8),
       "is the same (%d, %d)", reply.type, ntohs(reply.id));
    ok(v6 || checksum(&reply, sizeof reply) == 0, "with its checksum");
    is(send_to(s, text, 0, &request, 8), 8, "without data");
    union name name = {};
    socklen_t size = sizeof name;
    wait_events(s, POLLIN);
    is(recvfrom(s, &reply, sizeof reply, MSG_DONTWAIT, &name.any, &size), 8, "recvfrom");
    ok(size == name_size(&name) && !strcmp(text_of(&name), text) && name.v4.sin_port == 0, "from %s", text_of(&name));
    fails(send_to(s, text, 0, &request, 7), EINVAL, "less than a header");
    request.type = 13;
    fails(send_to(s, text, 0, &request, sizeof request), EINVAL, "anything but a request");
    fails(send(s, &request, sizeof request, 0), EINVAL, "(that is looked at first)");
    request.type = v6 ? 128 : 8;
    fails(send(s, &request, sizeof request, 0), EDESTADDRREQ, "to nobody");
    is(connect_to(s, text, 0), 0, "connect");
    is(send(s, &request, sizeof request, 0), sizeof request, "to whom it is connected");
    is(take(s, &reply, sizeof reply), sizeof reply, "who answers");
    close(s);
}

// As somebody without privileges.
static void refused(void) {
    set_ping_groups("1 0");
    fails(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EACCES, "nobody may ping");
    fails(socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6), EACCES, "(IPv6)");
    set_ping_groups("100 200");
    int status = 0, child = fork();
    if (child == 0) {
        bool good = setgid(150) == 0 && setuid(1000) == 0 && socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0 &&
                    socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) == -1 && errno == EPERM &&
                    socket(AF_INET6, SOCK_RAW, IPPROTO_UDP) == -1 && errno == EPERM &&
                    socket(AF_INET, SOCK_RAW, 0) == -1 && errno == EPROTONOSUPPORT;
        _exit(good ? 0 : 1);
    }
    waitpid(child, &status, 0);
    is(status, 0, "a user of that group may, but not make raw sockets");
    set_ping_groups("0 2147483647");
    fails(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6), EPROTONOSUPPORT, "the other version's ICMP");
    fails(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT, "a raw socket of no protocol");
    fails(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT, "no such type");
}

static void raw_icmp(void) {
    int s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), off = 0;
    struct echo request = {.type = 8, .id = htons(5), .sequence = htons(6), .text = "rawrawr"};
    struct {
        struct iphdr ip;
        struct echo echo;
    } got;
    ok(s >= 0, "a raw socket");
    is(port_of(s), IPPROTO_ICMP, "its port is the protocol");
    request.checksum = checksum(&request, sizeof request);
    is(send_to(s, "127.0.0.1", 0, &request, sizeof request), sizeof request, "echo request");
    is(take(s, &got, sizeof got), sizeof got, "comes by, with its header");
    ok(got.echo.type == 8 && got.ip.protocol == IPPROTO_ICMP && got.ip.saddr == htonl(0x7f000001), "the request");
    ok(checksum(&got.ip, sizeof got.ip) == 0 && ntohs(got.ip.tot_len) == sizeof got && got.ip.ttl == 64, "the header");
    is(take(s, &got, sizeof got), sizeof got, "the answer, too");
    ok(got.echo.type == 0 && got.echo.id == htons(5) && checksum(&got.echo, sizeof got.echo) == 0, "it is one");
    struct icmp_filter filter = {~(1u << 0)};
    is(setsockopt(s, SOL_RAW, ICMP_FILTER, &filter, sizeof filter), 0, "ICMP_FILTER: answers alone");
    send_to(s, "127.0.0.9", 0, &request, sizeof request);
    is(take(s, &got, sizeof got), sizeof got, "one");
    ok(got.echo.type == 0 && got.ip.saddr == htonl(0x7f000009), "the answer");
    fails(recv(s, &got, sizeof got, MSG_DONTWAIT), EAGAIN, "and nothing else");
    request.checksum++;
    send_to(s, "127.0.0.1", 0, &request, sizeof request);
    fails(recv(s, &got, sizeof got, MSG_DONTWAIT), EAGAIN, "a damaged request is not answered");
    fails(setsockopt(s, SOL_RAW, 2, &filter, sizeof filter), ENOPROTOOPT, "no such option");
    is(bind_to(s, "127.0.0.2", 0), 0, "bind");
    is(bind_to(s, "127.0.0.3", 0), 0, "and again");
    fails(bind_to(s, "10.1.1.1", 0), EADDRNOTAVAIL, "not to what is elsewhere");
    is(getsockopt(s, IPPROTO_IP, IP_HDRINCL, &off, &(socklen_t){4}), 0, "IP_HDRINCL");
    is(off, 0, "is off");
    fails(send_to(s, "10.1.1.1", 0, &request, sizeof request), ENETUNREACH, "nobody leads there");
    fails(send(s, &request, sizeof request, 0), EDESTADDRREQ, "to nobody");
    close(s);
}

static void raw_icmp6(void) {
    int s = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
    struct echo request = {.type = 128, .id = htons(5), .text = "rawrawr"}, got;
    struct icmp6_filter {
        unsigned bits[8];
    } filter;
    ok(s >= 0, "a raw socket of ICMPv6");
    memset(&filter, 0xff, sizeof filter);
    filter.bits[129 / 32] &= ~(1u << 129 % 32);
    is(setsockopt(s, IPPROTO_ICMPV6, 1, &filter, sizeof filter), 0, "ICMPV6_FILTER");
    is(send_to(s, "::1", 0, &request, sizeof request), sizeof request, "the kernel adds the checksum");
    is(take(s, &got, sizeof got), sizeof got, "so there is an answer, without header");
    ok(got.type == 129 && got.id == htons(5), "it is one");
    is(set(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), 0, "IPV6_RECVHOPLIMIT");
    fails(send_to(s, "::1", 17, &request, sizeof request), EINVAL, "another protocol as port");
    fails(set(s, IPPROTO_IPV6, IPV6_CHECKSUM, 2), EINVAL, "ICMP's checksum cannot be moved");
    is(set(s, SOL_RAW, IPV6_CHECKSUM, 2), 0, "but as an option of raw sockets");
    is(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0, "SO_BINDTODEVICE");
    fails(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "eth9", 5), ENODEV, "of another");
    close(s);
}

static void raw_udp(void) {
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_UDP), udp = socket(AF_INET, SOCK_DGRAM, 0);
    int own = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), on = 0;
    struct {
        struct iphdr ip;
        struct udphdr udp;
        char text[5];
    } __attribute__((packed)) got = {}, made = {};
    bind_to(udp, "127.0.0.1", 0);
    is(send_to(udp, "127.0.0.1", port_of(udp), "hello", 5), 5, "a datagram");
    is(take(raw, &got, sizeof got), sizeof got, "is seen by a raw socket");
    ok(got.udp.dest == htons(port_of(udp)) && got.udp.len == htons(13) && !memcmp(got.text, "hello", 5), "as it is");
    char text[8];
    is(take(udp, text, sizeof text), 5, "and arrives");
    is(getsockopt(own, IPPROTO_IP, IP_HDRINCL, &on, &(socklen_t){4}), 0, "IPPROTO_RAW");
    is(on, 1, "has IP_HDRINCL");
    made = got;
    made.ip.saddr = 0, made.ip.daddr = htonl(0x7f000001), made.ip.ttl = 3, made.ip.check = 0, made.ip.tot_len = 0;
    made.udp.source = htons(1234), made.udp.check = 0;
    is(send_to(own, "127.0.0.1", 0, &made, sizeof made), sizeof made, "one made by hand");
    union name name = {};
    socklen_t size = sizeof name;
    wait_events(udp, POLLIN);
    is(recvfrom(udp, text, sizeof text, MSG_DONTWAIT, &name.any, &size), 5, "arrives");
    ok(!strcmp(text_of(&name), "127.0.0.1") && name.v4.sin_port == htons(1234), "from where it says");
    is(take(raw, &got, sizeof got), sizeof got, "and is seen");
    ok(got.ip.ttl == 3 && got.ip.tot_len == htons(sizeof got) && checksum(&got.ip, sizeof got.ip) == 0 &&
           got.ip.saddr == htonl(0x7f000001),
       "with what the kernel adds");
    fails(send_to(own, "127.0.0.1", 0, &made, 19), EINVAL, "less than a header");
    made.ip.ihl = 15;
    fails(send_to(own, "127.0.0.1", 0, &made, sizeof made), EINVAL, "a header longer than the packet");
    fails(send_to(raw, "127.0.0.1", 0, "x", 65536), EMSGSIZE, "too long");
    close(raw), close(udp), close(own);
}

// A protocol that is nobody's.
static void unknown(void) {
    int a = socket(AF_INET, SOCK_RAW, 200), b = socket(AF_INET, SOCK_RAW, 200), icmp = socket(AF_INET, SOCK_RAW, 1);
    char got[200];
    is(send_to(a, "127.0.0.1", 0, "abc", 3), 3, "protocol 200");
    is(take(a, got, sizeof got), 23, "comes back");
    is(take(b, got, sizeof got), 23, "and goes to all");
    close(a), close(b);
    a = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    struct iphdr ip = {.version = 4, .ihl = 5, .protocol = 201, .daddr = htonl(0x7f000001), .ttl = 9};
    is(send_to(a, "127.0.0.1", 0, &ip, sizeof ip), 20, "one that no socket has");
    is(take(icmp, got, sizeof got), 48, "is refused");
    ok(got[20] == 3 && got[21] == 2 && got[28 + 9] == (char)201, "protocol unreachable, and which it was");
    close(a), close(icmp);
}

// What an error queue tells next; returns the size of the data.
static ssize_t take_error(int fd, struct sock_extended_err *error, union name *offender, union name *to, int *flags) {
    char control[256], data[64];
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_name = to,
                             .msg_namelen = sizeof *to,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    wait_events(fd, POLLERR);
    ssize_t got = recvmsg(fd, &message, MSG_ERRQUEUE);
    *flags = message.msg_flags;
    memset(error, 0, sizeof *error);
    bool v6 = get(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6;
    const char *found = got < 0 ? NULL
                        : v6    ? find_control(&message, IPPROTO_IPV6, IPV6_RECVERR)
                                : find_control(&message, IPPROTO_IP, IP_RECVERR);
    if (found) {
        memcpy(error, found, sizeof *error);
        memcpy(offender, found + sizeof *error, v6 ? sizeof offender->v6 : sizeof offender->v4);
    }
    return got;
}

static void errors(const char *text) {
    bool v6 = strchr(text, ':');
    int s = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0), closed = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    int icmp = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP), flags = 0;
    unsigned char got[256];
    union name offender = {}, to = {};
    struct sock_extended_err error;
    bind_to(s, text, 0), bind_to(closed, text, 0);
    int port = port_of(closed);
    close(closed);
    is(send_to(s, text, port, "lost", 4), 4, "%s: to a closed port", text);
    is(take(icmp, got, sizeof got), v6 ? 8 + 40 + 8 + 4 : 20 + 8 + 20 + 8 + 4, "ICMP says so");
    const unsigned char *head = v6 ? got : got + 20;
    ok(head[0] == (v6 ? 1 : 3) && head[1] == (v6 ? 4 : 3), "port unreachable");
    ok(!memcmp(head + 8 + (v6 ? 40 : 20) + 8, "lost", 4), "with what was sent");
    fails(recv(s, got, sizeof got, MSG_DONTWAIT), EAGAIN, "who is not connected does not hear of it");
    fails(recv(s, got, sizeof got, MSG_ERRQUEUE), EAGAIN, "the error queue is empty");
    is(v6 ? set(s, IPPROTO_IPV6, IPV6_RECVERR, 1) : set(s, IPPROTO_IP, IP_RECVERR, 1), 0, "IP_RECVERR");
    send_to(s, text, port, "lost", 4);
    ok(wait_events(s, POLLERR) & POLLERR, "POLLERR");
    is(get(s, SOL_SOCKET, SO_ERROR), ECONNREFUSED, "the pending error");
    ok(events_of(s) & POLLERR, "POLLERR while the queue holds something");
    is(take_error(s, &error, &offender, &to, &flags), 4, "MSG_ERRQUEUE: the data");
    ok(flags & MSG_ERRQUEUE, "msg_flags say so");
    ok(error.ee_errno == ECONNREFUSED && error.ee_origin == (v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP) &&
           error.ee_type == (v6 ? 1 : 3) && error.ee_code == (v6 ? 4 : 3) && error.ee_info == 0,
       "what was the matter");
    ok(!strcmp(text_of(&offender), text), "who says it");
    ok(!strcmp(text_of(&to), text) && to.v4.sin_port == htons(port), "where it was to go");
    ok(!(events_of(s) & POLLERR), "that was all");
    send_to(s, text, port, "one", 3);
    wait_events(s, POLLERR);
    fails(send_to(s, text, port, "two", 3), ECONNREFUSED, "the next call fails");
    send_to(s, text, port, "three", 5);
    wait_events(s, POLLERR);
    is(take_error(s, &error, &offender, &to, &flags), 3, "both are in the queue");
    is(get(s, SOL_SOCKET, SO_ERROR), ECONNREFUSED, "the pending error is the next one's");
    is(take_error(s, &error, &offender, &to, &flags), 5, "the second");
    is(get(s, SOL_SOCKET, SO_ERROR), 0, "no pending error");
    close(s), close(icmp);
}

static void many_errors(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0), count = 0;
    char got[8];
    set(s, IPPROTO_IP, IP_RECVERR, 1), set(s, SOL_SOCKET, SO_RCVBUF, 4096);
    for (int i = 0; i < 2000; i++)
        send_to(s, "127.0.0.1", 1, "x", 1);
    while (recv(s, got, sizeof got, MSG_ERRQUEUE) == 1)
        count++;
    ok(count > 0 && count < 500, "the error queue is bounded (%d of them)", count);
    for (int i = 0; i < 20; i++)
        send_to(s, "127.0.0.1", 1, "x", 1);
    close(s);
}

int main(void) {
    refused();
    ping("127.0.0.1");
    ping("::1");
    raw_icmp();
    raw_icmp6();
    raw_udp();
    unknown();
    errors("127.0.0.1");
    errors("::1");
    many_errors();
    return tap_done();
}
