// SPDX-License-Identifier: MPL-2.0
// Settings of sockets in /proc/sys/net, what is counted in /proc/net, and options of all sockets.
#include "inet.h"

#include <fcntl.h>

#define SETTINGS "/proc/sys/net/"

static int put_text(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, SETTINGS "%s", name);
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -errno;
    ssize_t put = write(fd, text, strlen(text));
    int result = put < 0 ? -errno : 0;
    close(fd);
    return result;
}
// What is in a file, without the end of the line; blanks are one space.
static const char *text_in(const char *name) {
    static char text[128];
    char path[128];
    snprintf(path, sizeof path, SETTINGS "%s", name);
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    for (char *c = text; *c; c++)
        if (*c == '\t')
            *c = ' ';
    if (strchr(text, '\n'))
        *strchr(text, '\n') = '\0';
    return text;
}

static void settings(void) {
    ok(!strcmp(text_in("core/somaxconn"), "4096"), "somaxconn: %s", text_in("core/somaxconn"));
    ok(!strcmp(text_in("ipv4/ip_local_port_range"), "32768 60999"), "%s", text_in("ipv4/ip_local_port_range"));
    is(put_text("ipv4/ip_local_port_range", "40000 40001"), 0, "two ports to choose from");
    int s[3];
    for (int i = 0; i < 3; i++)
        s[i] = socket(AF_INET, SOCK_DGRAM, 0);
    is(bind_to(s[0], "127.0.0.1", 0) | bind_to(s[1], "127.0.0.1", 0), 0, "two sockets");
    ok(port_of(s[0]) / 2 == 20000 && port_of(s[1]) / 2 == 20000, "have them: %d, %d", port_of(s[0]), port_of(s[1]));
    fails(bind_to(s[2], "127.0.0.1", 0), EADDRINUSE, "there is no third");
    for (int i = 0; i < 3; i++)
        close(s[i]);
    is(put_text("ipv4/ip_local_port_range", "70000 70001"), -EINVAL, "there are no such ports");
    is(put_text("ipv4/ip_local_port_range", "400 300"), -EINVAL, "nor backwards");
    is(put_text("ipv4/ip_local_port_range", "some"), -EINVAL, "nor words");
    is(put_text("ipv4/ip_local_port_range", "32768 60999"), 0, "as before");
    is(put_text("ipv4/ip_default_ttl", "77"), 0, "ip_default_ttl");
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    is(get(fd, IPPROTO_IP, IP_TTL), 77, "a socket has it");
    put_text("ipv4/ip_default_ttl", "64");
    is(put_text("ipv4/ip_default_ttl", "256"), -EINVAL, "no byte");
    close(fd);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    is(put_text("core/rmem_max", "10000"), 0, "rmem_max");
    set(fd, SOL_SOCKET, SO_RCVBUF, 100000);
    is(get(fd, SOL_SOCKET, SO_RCVBUF), 20000, "bounds SO_RCVBUF");
    put_text("core/rmem_max", "212992");
    fails(bind_to(fd, "10.9.8.7", 0), EADDRNOTAVAIL, "an address that is elsewhere");
    put_text("ipv4/ip_nonlocal_bind", "1");
    is(bind_to(fd, "10.9.8.7", 0), 0, "ip_nonlocal_bind allows it");
    put_text("ipv4/ip_nonlocal_bind", "0");
    close(fd);
    put_text("ipv6/bindv6only", "1");
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    is(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1, "bindv6only");
    put_text("ipv6/bindv6only", "0");
    close(fd);
}

// The number under a name in a line of /proc/net/snmp.
static long counted(const char *protocol, const char *name) {
    char buffer[8192], *names, *numbers, *more[2];
    int fd = open("/proc/net/snmp", O_RDONLY);
    ssize_t size = 0, got;
    while ((got = read(fd, buffer + size, sizeof buffer - 1 - (size_t)size)) > 0)
        size += got;
    close(fd);
    buffer[size > 0 ? size : 0] = '\0';
    char start[32];
    snprintf(start, sizeof start, "\n%s: ", protocol);
    if (!(names = strstr(buffer, start)) || !(numbers = strstr(names + 1, start)))
        return -1;
    *numbers = '\0';
    numbers = strtok_r(numbers + strlen(start), " \n", &more[0]);
    for (char *n = strtok_r(names + strlen(start), " ", &more[1]); n && numbers; n = strtok_r(NULL, " ", &more[1])) {
        if (!strcmp(n, name))
            return atol(numbers);
        numbers = strtok_r(NULL, " \n", &more[0]);
    }
    return -1;
}

static void counts(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0), pair[2];
    bind_to(s, "127.0.0.1", 0);
    union name name = name_of("127.0.0.1", 1);
    long refused = counted("Udp", "NoPorts"), out = counted("Udp", "OutDatagrams"), in = counted("Udp", "InDatagrams");
    long icmp = counted("Icmp", "OutDestUnreachs"), opened = counted("Tcp", "ActiveOpens");
    long now = counted("Tcp", "CurrEstab");
    sendto(s, "x", 1, 0, &name.any, sizeof name.v4);
    name = name_of("127.0.0.1", port_of(s));
    sendto(s, "x", 1, 0, &name.any, sizeof name.v4);
    recv(s, &(char){}, 1, 0);
    is(counted("Udp", "NoPorts"), refused + 1, "a datagram to nobody");
    is(counted("Udp", "OutDatagrams"), out + 2, "two were sent");
    is(counted("Udp", "InDatagrams"), in + 1, "one came");
    is(counted("Icmp", "OutDestUnreachs"), icmp + 1, "one was refused");
    tcp_pair("127.0.0.1", pair);
    is(counted("Tcp", "ActiveOpens"), opened + 1, "a connection");
    is(counted("Tcp", "CurrEstab"), now + 2, "has two ends");
    close(s), close(pair[0]), close(pair[1]);
}

static void options(int family, int type) {
    int a = socket(family, type, 0), b = socket(family, type, 0);
    unsigned long long first = 0, second = 0;
    unsigned memory[16] = {};
    socklen_t size = sizeof first;
    is(getsockopt(a, SOL_SOCKET, 57, &first, &size), 0, "family %d: SO_COOKIE", family);
    getsockopt(b, SOL_SOCKET, 57, &second, &size);
    ok(first != 0 && first != second, "each has its own");
    size = 4;
    fails(getsockopt(a, SOL_SOCKET, 57, &first, &size), EINVAL, "in four bytes");
    size = sizeof memory;
    is(getsockopt(a, SOL_SOCKET, 55, memory, &size), 0, "SO_MEMINFO");
    is(size, 36, "nine numbers");
    ok(memory[0] == 0 && (int)memory[1] == get(a, SOL_SOCKET, SO_RCVBUF) &&
           (int)memory[3] == get(a, SOL_SOCKET, SO_SNDBUF),
       "nothing received, and the buffers");
    is(get(a, SOL_SOCKET, 49), -1, "SO_INCOMING_CPU");
    is(set(a, SOL_SOCKET, SO_MARK, 5), 0, "SO_MARK");
    is(get(a, SOL_SOCKET, SO_MARK), 5, "is kept");
    close(a), close(b);
}

int main(void) {
    settings();
    counts();
    options(AF_INET, SOCK_DGRAM);
    options(AF_INET6, SOCK_STREAM);
    options(AF_UNIX, SOCK_STREAM);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    fails(getsockopt(s, IPPROTO_IPV6, 1, &(int){}, &(socklen_t){4}), EOPNOTSUPP, "a level of others");
    fails(setsockopt(s, IPPROTO_TCP, 31, "tls", 4), ENOENT, "TCP_ULP");
    fails(set(s, IPPROTO_TCP, 20, 1), EPERM, "TCP_REPAIR_QUEUE");
    is(set(s, IPPROTO_TCP, TCP_DEFER_ACCEPT, -1), 0, "TCP_DEFER_ACCEPT");
    is(get(s, IPPROTO_TCP, TCP_DEFER_ACCEPT), 0, "of less than nothing");
    is(set(s, IPPROTO_TCP, TCP_LINGER2, 0), 0, "TCP_LINGER2");
    is(get(s, IPPROTO_TCP, TCP_LINGER2), 60, "0: as it was");
    close(s);
    return tap_done();
}
