// SPDX-License-Identifier: MPL-2.0
// For tests of the Internet families: addresses of the loopback interface, connected pairs.
#pragma once

#include "sys.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

// "127.0.0.1", "::1", …
UNUSED static union name name_of(const char *text, int port) {
    union name name = {};
    if (strchr(text, ':')) {
        name.v6.sin6_family = AF_INET6;
        name.v6.sin6_port = htons(port);
        inet_pton(AF_INET6, text, &name.v6.sin6_addr);
    } else {
        name.v4.sin_family = AF_INET;
        name.v4.sin_port = htons(port);
        inet_pton(AF_INET, text, &name.v4.sin_addr);
    }
    return name;
}
UNUSED static socklen_t name_size(const union name *name) {
    return name->any.sa_family == AF_INET ? sizeof name->v4 : sizeof name->v6;
}
UNUSED static int bind_to(int fd, const char *text, int port) {
    union name name = name_of(text, port);
    return bind(fd, &name.any, name_size(&name));
}
UNUSED static int connect_to(int fd, const char *text, int port) {
    union name name = name_of(text, port);
    return connect(fd, &name.any, name_size(&name));
}
UNUSED static int port_of(int fd) {
    union name name = {};
    socklen_t size = sizeof name;
    getsockname(fd, &name.any, &size);
    return ntohs(name.any.sa_family == AF_INET ? name.v4.sin_port : name.v6.sin6_port);
}
UNUSED static const char *text_of(const union name *name) {
    static char text[64], address[INET6_ADDRSTRLEN];
    bool v4 = name->any.sa_family == AF_INET;
    inet_ntop(name->any.sa_family, v4 ? (void *)&name->v4.sin_addr : (void *)&name->v6.sin6_addr, address,
              sizeof address);
    snprintf(text, sizeof text, "%s", address);
    return text;
}
UNUSED static const char *own_name(int fd) {
    union name name = {};
    socklen_t size = sizeof name;
    return getsockname(fd, &name.any, &size) == 0 ? text_of(&name) : "none";
}
UNUSED static const char *peer_name(int fd) {
    union name name = {};
    socklen_t size = sizeof name;
    return getpeername(fd, &name.any, &size) == 0 ? text_of(&name) : "none";
}

UNUSED static int set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value);
}
// -errno if it cannot be had.
UNUSED static int get(int fd, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, option, &value, &size) == 0 ? value : -errno;
}

UNUSED static int events_of(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
    poll(&p, 1, 0);
    return p.revents;
}
// Waits until `events` are all there (or 5 s), then gives all that are.
UNUSED static int wait_events(int fd, int events) {
    for (int i = 0; i < 500 && (events_of(fd) & events) != events; i++)
        sleep_ms(10);
    return events_of(fd);
}

UNUSED static int listener_on(const char *text, int backlog) {
    int fd = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind_to(fd, text, 0) != 0 || listen(fd, backlog) != 0)
        return close(fd), -1;
    return fd;
}
// pair[0]: the client; pair[1]: accepted.
UNUSED static void tcp_pair(const char *text, int pair[2]) {
    int server = listener_on(text, 5);
    pair[0] = socket(strchr(text, ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    connect_to(pair[0], text, port_of(server));
    pair[1] = accept(server, NULL, NULL);
    close(server);
}

// What of a control message is there, or null.
UNUSED static const void *find_control(const struct msghdr *message, int level, int type) {
    const char *at = message->msg_control, *end = at + message->msg_controllen;
    while ((size_t)(end - at) >= sizeof(struct cmsghdr)) {
        const struct cmsghdr *c = (const void *)at;
        if (c->cmsg_level == level && c->cmsg_type == type)
            return CMSG_DATA(c);
        size_t step = CMSG_ALIGN(c->cmsg_len);
        at += step < (size_t)(end - at) ? step : (size_t)(end - at);
    }
    return NULL;
}
