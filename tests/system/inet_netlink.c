// SPDX-License-Identifier: MPL-2.0
// Netlink: what getifaddrs, if_nameindex, ip and ss ask, and hostile requests; the ioctls for interfaces.
#include "inet.h"

#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <sys/ioctl.h>

static int route;
static struct {
    _Alignas(4) char bytes[65536];
    size_t size;
} answer;

// Sends one message, and reads until the end of the answer (`dump`: NLMSG_DONE).
static bool ask(int fd, int type, int flags, const void *body, size_t size) {
    struct {
        struct nlmsghdr header;
        char body[256];
    } request = {
        .header = {(uint32_t)(NLMSG_LENGTH(0) + size), (uint16_t)type, (uint16_t)(NLM_F_REQUEST | flags), 7, 0}};
    memcpy(request.body, body, size);
    answer.size = 0;
    if (send(fd, &request, request.header.nlmsg_len, 0) != (ssize_t)request.header.nlmsg_len)
        return false;
    for (;;) {
        ssize_t got = recv(fd, answer.bytes + answer.size, sizeof answer.bytes - answer.size, 0);
        if (got <= 0)
            return false;
        char *end = answer.bytes + answer.size + got;
        for (char *at = answer.bytes + answer.size; at < end;) {
            struct nlmsghdr *header = (void *)at;
            if (header->nlmsg_len < sizeof *header || header->nlmsg_len > (size_t)(end - at))
                return false;
            at += NLMSG_ALIGN(header->nlmsg_len);
            if (header->nlmsg_type == NLMSG_DONE || !(header->nlmsg_flags & NLM_F_MULTI)) {
                answer.size += (size_t)got;
                return true;
            }
        }
        answer.size += (size_t)got;
    }
}
// The nth message of that type, or null.
static struct nlmsghdr *message(int type, int nth) {
    for (char *at = answer.bytes; at < answer.bytes + answer.size;) {
        struct nlmsghdr *header = (void *)at;
        if (header->nlmsg_type == type && nth-- == 0)
            return header;
        at += NLMSG_ALIGN(header->nlmsg_len);
    }
    return NULL;
}
static int error_of(void) {
    struct nlmsghdr *header = message(NLMSG_ERROR, 0);
    return header ? ((struct nlmsgerr *)NLMSG_DATA(header))->error : 1;
}
static const void *attribute(struct nlmsghdr *header, size_t fixed, int type) {
    char *at = (char *)NLMSG_DATA(header) + NLMSG_ALIGN(fixed), *end = (char *)header + header->nlmsg_len;
    while (end - at >= (ptrdiff_t)sizeof(struct rtattr)) {
        struct rtattr *a = (void *)at;
        if (a->rta_len < sizeof *a)
            break;
        if (a->rta_type == type)
            return RTA_DATA(a);
        at += RTA_ALIGN(a->rta_len);
    }
    return NULL;
}

static void names(void) {
    struct sockaddr_nl name = {.nl_family = AF_NETLINK};
    socklen_t size = sizeof name;
    fails(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT, "no streams");
    fails(socket(AF_NETLINK, SOCK_RAW, 40), EPROTONOSUPPORT, "a protocol that nobody has");
    route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    fails(bind(route, (struct sockaddr *)&name, 4), EINVAL, "a short address");
    is(bind(route, (struct sockaddr *)&name, sizeof name), 0, "bind");
    is(getsockname(route, (struct sockaddr *)&name, &size), 0, "getsockname");
    is(name.nl_pid, getpid(), "the process's id is the port");
    int other = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
    fails(bind(other, (struct sockaddr *)&name, sizeof name), EADDRINUSE, "which another cannot have");
    name.nl_pid = 0;
    is(bind(other, (struct sockaddr *)&name, sizeof name), 0, "but any other");
    is(events_of(other), POLLOUT, "nothing to read");
    char c;
    fails(recv(other, &c, 1, MSG_DONTWAIT), EAGAIN, "EAGAIN");
    close(other);
    int events = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
    name = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = 1};
    is(bind(events, (struct sockaddr *)&name, sizeof name), 0, "listening for uevents");
    close(events);
}

static void dumps(void) {
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    ok(ask(route, RTM_GETLINK, NLM_F_DUMP, &link, sizeof link), "links");
    struct nlmsghdr *header = message(RTM_NEWLINK, 0);
    const char *text = header ? attribute(header, sizeof link, IFLA_IFNAME) : NULL;
    ok(text && !strcmp(text, "lo"), "lo is the first");
    ok(header && ((struct ifinfomsg *)NLMSG_DATA(header))->ifi_flags & IFF_UP, "and up");
    ok(header && header->nlmsg_seq == 7 && header->nlmsg_pid == (uint32_t)getpid(), "the answer is ours");
    ok(message(NLMSG_DONE, 0), "NLMSG_DONE");
    struct ifaddrmsg address = {.ifa_family = AF_INET};
    ok(ask(route, RTM_GETADDR, NLM_F_DUMP, &address, sizeof address), "IPv4 addresses");
    header = message(RTM_NEWADDR, 0);
    const uint8_t *bytes = header ? attribute(header, sizeof address, IFA_LOCAL) : NULL;
    ok(bytes && !memcmp(bytes, "\x7f\0\0\1", 4), "127.0.0.1");
    is(header ? ((struct ifaddrmsg *)NLMSG_DATA(header))->ifa_prefixlen : 0, 8, "/8");
    address.ifa_family = AF_INET6;
    ok(ask(route, RTM_GETADDR, NLM_F_DUMP, &address, sizeof address), "IPv6 addresses");
    header = message(RTM_NEWADDR, 0);
    bytes = header ? attribute(header, sizeof address, IFA_ADDRESS) : NULL;
    ok(bytes && bytes[15] == 1 && bytes[0] == 0, "::1");
    struct rtmsg way = {.rtm_family = AF_INET};
    ok(ask(route, RTM_GETROUTE, NLM_F_DUMP, &way, sizeof way), "routes");
    ok(message(RTM_NEWROUTE, 2), "three at least");
    ok(ask(route, RTM_GETLINK, 0, &(struct ifinfomsg){.ifi_index = 1}, sizeof link), "one link");
    ok(message(RTM_NEWLINK, 0), "by its number");
    ok(ask(route, RTM_GETLINK, 0, &(struct ifinfomsg){.ifi_index = 99}, sizeof link), "a link that is not there");
    is(error_of(), -ENODEV, "ENODEV");
    struct {
        struct ifinfomsg link;
        struct rtattr attribute;
        char name[4];
    } named = {.attribute = {.rta_len = sizeof(struct rtattr) + 3, .rta_type = IFLA_IFNAME}, .name = "lo"};
    ok(ask(route, RTM_GETLINK, 0, &named, sizeof named), "one link by its name");
    ok(message(RTM_NEWLINK, 0), "lo");
    strcpy(named.name, "lox");
    named.attribute.rta_len++;
    ok(ask(route, RTM_GETLINK, 0, &named, sizeof named), "one that begins with it");
    is(error_of(), -ENODEV, "is not there");
}

static void changes(void) {
    struct ifaddrmsg address = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1};
    exited(in_child({
               if (setuid(65534) != 0)
                   _exit(1);
               int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
               if (!ask(fd, RTM_NEWADDR, NLM_F_ACK, &address, sizeof address) || error_of() != -EPERM)
                   _exit(2);
               _exit(!ask(fd, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){}, 16));
           }),
           0, "who is not an administrator may look, not change");
    struct {
        struct rtmsg way;
        struct rtattr attribute;
        uint8_t to[4];
    } find = {{.rtm_family = AF_INET, .rtm_dst_len = 32}, {8, RTA_DST}, {127, 0, 0, 1}};
    ok(ask(route, RTM_GETROUTE, 0, &find, sizeof find), "the way to 127.0.0.1");
    ok(message(RTM_NEWROUTE, 0), "is known");
    memcpy(find.to, "\x0a\1\2\3", 4);
    ok(ask(route, RTM_GETROUTE, 0, &find, sizeof find), "to 10.1.2.3");
    is(error_of(), -ENETUNREACH, "there is none");
}

static void hostile(void) {
    static _Alignas(8) char junk[256];
    for (unsigned round = 0; round < 2000; round++) {
        struct nlmsghdr *header = (void *)junk;
        uint32_t x = round * 2654435761u;
        for (unsigned i = 0; i < 256; i++)
            junk[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
        header->nlmsg_len = round % 3 ? round % 200 : 16 + round % 100;
        header->nlmsg_type = 18 + round % 2 * 4; // RTM_GETLINK, RTM_GETADDR
        header->nlmsg_flags |= NLM_F_REQUEST;
        if (round % 5 == 0)
            *(uint16_t *)(junk + 16 + 16) = (uint16_t)(round % 8); // an attribute's length
        send(route, junk, round % 256, MSG_DONTWAIT);
        while (recv(route, answer.bytes, sizeof answer.bytes, MSG_DONTWAIT) > 0)
            ;
    }
    ok(ask(route, RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){}, 16),
       "after 2,000 malformed requests it still answers");
}

static void diagnosis(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), server = listener_on("127.0.0.1", 5), found = 0;
    struct inet_diag_req_v2 wanted = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1 << 10};
    ok(ask(fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &wanted, sizeof wanted), "sock_diag");
    if (error_of() == -ENOENT) {
        skip("this Linux lacks the module inet_diag", "our listener is there once");
    } else {
        struct nlmsghdr *header;
        for (int i = 0; (header = message(SOCK_DIAG_BY_FAMILY, i)); i++) {
            struct inet_diag_msg *about = NLMSG_DATA(header);
            found += about->idiag_state == 10 && ntohs(about->id.idiag_sport) == port_of(server);
        }
        is(found, 1, "our listener is there once");
    }
    close(fd), close(server);
}

static void ioctls(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    is(ioctl(fd, SIOCGIFFLAGS, &request), 0, "SIOCGIFFLAGS");
    is(request.ifr_flags & (IFF_UP | IFF_LOOPBACK), IFF_UP | IFF_LOOPBACK, "lo is up");
    is(ioctl(fd, SIOCGIFINDEX, &request), 0, "SIOCGIFINDEX");
    is(request.ifr_ifindex, 1, "it is the first");
    is(ioctl(fd, SIOCGIFNAME, &request), 0, "SIOCGIFNAME");
    ok(!strcmp(request.ifr_name, "lo"), "lo");
    is(ioctl(fd, SIOCGIFADDR, &request), 0, "SIOCGIFADDR");
    ok(((struct sockaddr_in *)&request.ifr_addr)->sin_addr.s_addr == htonl(0x7f000001), "127.0.0.1");
    is(ioctl(fd, SIOCGIFMTU, &request), 0, "SIOCGIFMTU");
    is(request.ifr_mtu, 65536, "65536");
    strcpy(request.ifr_name, "none0");
    fails(ioctl(fd, SIOCGIFFLAGS, &request), ENODEV, "an interface that is not there");
    struct ifreq all[4];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};
    is(ioctl(fd, SIOCGIFCONF, &list), 0, "SIOCGIFCONF");
    ok(list.ifc_len >= (int)sizeof *all && !strcmp(all[0].ifr_name, "lo"), "lists lo");
    close(fd);
    is(if_nametoindex("lo"), 1, "if_nametoindex");
    struct if_nameindex *index = if_nameindex();
    ok(index && index[0].if_index == 1 && !strcmp(index[0].if_name, "lo"), "if_nameindex");
    if_freenameindex(index);
    struct ifaddrs *addresses = NULL;
    int v4 = 0, v6 = 0;
    is(getifaddrs(&addresses), 0, "getifaddrs");
    for (struct ifaddrs *a = addresses; a; a = a->ifa_next) {
        v4 += a->ifa_addr && a->ifa_addr->sa_family == AF_INET && !strcmp(a->ifa_name, "lo");
        v6 += a->ifa_addr && a->ifa_addr->sa_family == AF_INET6 && !strcmp(a->ifa_name, "lo");
    }
    ok(v4 == 1 && v6 == 1, "one address of each family");
    freeifaddrs(addresses);
}

int main(void) {
    names();
    dumps();
    changes();
    hostile();
    diagnosis();
    ioctls();
    return tap_done();
}
