// SPDX-License-Identifier: MPL-2.0
// Groups and broadcasts over the loopback interface: who joins gets what is sent there.
#include "inet.h"

#include <fcntl.h>

static int receiver(const char *text, int port) {
    int s = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    set(s, SOL_SOCKET, SO_REUSEADDR, 1);
    is(bind_to(s, text, port), 0, "bound to %s", text);
    return s;
}
static int member(int fd, int option, const char *group) {
    struct ip_mreqn request = {.imr_ifindex = 1};
    inet_pton(AF_INET, group, &request.imr_multiaddr);
    return setsockopt(fd, IPPROTO_IP, option, &request, sizeof request);
}
static ssize_t send_to(int fd, const char *text, int port, const void *data, size_t size) {
    union name name = name_of(text, port);
    return sendto(fd, data, size, 0, &name.any, name_size(&name));
}
// How many bytes come; 0: nothing that was sent before.
static ssize_t take(int fd) {
    char got[70000];
    ssize_t size = recv(fd, got, sizeof got, MSG_DONTWAIT);
    return size < 0 ? 0 : size;
}
static ssize_t take_soon(int fd) {
    wait_events(fd, POLLIN);
    return take(fd);
}

static void groups(void) {
    int sender = socket(AF_INET, SOCK_DGRAM, 0), a = receiver("0.0.0.0", 0), port = port_of(a);
    int b = receiver("239.1.2.3", port), other = receiver("127.0.0.1", port), none = receiver("0.0.0.0", port);
    struct in_addr lo = {htonl(0x7f000001)}, kept = {};
    socklen_t size = sizeof kept;
    fails(send_to(sender, "239.1.2.3", port, "x", 1), ENETUNREACH, "without an interface there is no way");
    is(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof lo), 0, "IP_MULTICAST_IF");
    is(getsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &kept, &size), 0, "is kept");
    ok(kept.s_addr == lo.s_addr, "as it was given");
    is(send_to(sender, "239.1.2.3", port, "x", 1), 1, "to a group that nobody has joined");
    is(take(a) + take(b) + take(other) + take(none), 0, "nobody gets it");
    is(member(a, IP_ADD_MEMBERSHIP, "239.1.2.3"), 0, "one joins");
    fails(member(a, IP_ADD_MEMBERSHIP, "239.1.2.3"), EADDRINUSE, "but once");
    fails(member(b, IP_ADD_MEMBERSHIP, "10.1.2.3"), EINVAL, "that is no group");
    fails(member(b, IP_DROP_MEMBERSHIP, "239.1.2.3"), EADDRNOTAVAIL, "nor has this one joined");
    set(none, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    is(send_to(sender, "239.1.2.3", port, "hello", 5), 5, "again");
    is(take_soon(a), 5, "who has joined gets it");
    is(take_soon(b), 5, "who is bound there, too: IP_MULTICAST_ALL");
    is(take(none), 0, "not without that");
    is(take(other), 0, "nor who is bound elsewhere");
    is(member(none, IP_ADD_MEMBERSHIP, "239.1.2.3"), 0, "another joins");
    static char big[60000];
    is(send_to(sender, "239.1.2.3", port, big, sizeof big), sizeof big, "much");
    is(take_soon(a), sizeof big, "comes");
    is(take_soon(none), sizeof big, "to both");
    take(b);
    union name name = {};
    size = sizeof name;
    send_to(sender, "239.1.2.3", port, "x", 1);
    wait_events(a, POLLIN);
    recvfrom(a, big, 1, MSG_DONTWAIT, &name.any, &size);
    ok(!strcmp(text_of(&name), "127.0.0.1"), "from %s", text_of(&name));
    take(b), take(none);
    is(member(a, IP_DROP_MEMBERSHIP, "239.1.2.3"), 0, "one leaves");
    set(a, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    send_to(sender, "239.1.2.3", port, "bye", 3);
    is(take_soon(none), 3, "the other gets it");
    is(take(a), 0, "it does not");
    take(b);
    close(none);
    send_to(sender, "239.1.2.3", port, "gone", 4);
    is(take(a) + take(b), 0, "a socket that is closed has left");
    is(connect_to(sender, "239.1.2.3", port), 0, "connect");
    ok(!strcmp(own_name(sender), "127.0.0.1"), "from %s", own_name(sender));
    member(b, IP_ADD_MEMBERSHIP, "239.1.2.3");
    is(send(sender, "x", 1, 0), 1, "send");
    is(take_soon(b), 1, "arrives");
    close(sender), close(a), close(b), close(other);
}

static void many(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0), i;
    char group[32];
    for (i = 0; i < 100; i++) {
        snprintf(group, sizeof group, "239.2.2.%d", i);
        if (member(s, IP_ADD_MEMBERSHIP, group) != 0)
            break;
    }
    is(i, 20, "so many groups may be joined");
    is(errno, ENOBUFS, "and no more");
    is(member(s, IP_DROP_MEMBERSHIP, "239.2.2.7"), 0, "one less");
    is(member(s, IP_ADD_MEMBERSHIP, "239.2.2.50"), 0, "one more");
    struct group_req request = {.gr_interface = 1};
    *(struct sockaddr_in *)&request.gr_group = name_of("239.2.2.50", 0).v4;
    is(setsockopt(s, IPPROTO_IP, MCAST_LEAVE_GROUP, &request, sizeof request), 0, "MCAST_LEAVE_GROUP");
    is(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request), 0, "MCAST_JOIN_GROUP");
    fails(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request), EADDRINUSE, "once");
    request.gr_interface = 9;
    fails(setsockopt(s, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof request), ENODEV, "there is no such interface");
    char text[4096] = {};
    int fd = open("/proc/net/igmp", O_RDONLY);
    ok(read(fd, text, sizeof text - 1) > 0 && strstr(text, "320202EF     1 0:00000000"), "/proc/net/igmp tells");
    close(fd);
    close(s);
}

static void broadcast(void) {
    int sender = socket(AF_INET, SOCK_DGRAM, 0), a = receiver("0.0.0.0", 0), port = port_of(a);
    int b = receiver("0.0.0.0", port), other = receiver("127.0.0.1", port);
    fails(send_to(sender, "127.255.255.255", port, "x", 1), EACCES, "without SO_BROADCAST");
    set(sender, SOL_SOCKET, SO_BROADCAST, 1);
    is(send_to(sender, "127.255.255.255", port, "all", 3), 3, "with it");
    is(take_soon(a), 3, "all get it");
    is(take_soon(b), 3, "both of them");
    is(take(other), 0, "not who is bound to an address");
    close(sender), close(a), close(b), close(other);
}

static void groups6(void) {
    int s = receiver("::", 0);
    struct ipv6_mreq request = {.ipv6mr_interface = 1};
    inet_pton(AF_INET6, "ff02::99", &request.ipv6mr_multiaddr);
    is(setsockopt(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request), 0, "IPV6_JOIN_GROUP");
    fails(setsockopt(s, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request), EADDRINUSE, "once");
    is(set(s, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1), 0, "IPV6_MULTICAST_IF");
    is(get(s, IPPROTO_IPV6, IPV6_MULTICAST_IF), 1, "is kept");
    fails(send_to(s, "ff02::99", port_of(s), "x", 1), ENETUNREACH, "lo has no way for groups of IPv6");
    is(setsockopt(s, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request), 0, "IPV6_LEAVE_GROUP");
    fails(setsockopt(s, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &request, sizeof request), EADDRNOTAVAIL, "once");
    close(s);
}

int main(void) {
    groups();
    many();
    broadcast();
    groups6();
    return tap_done();
}
