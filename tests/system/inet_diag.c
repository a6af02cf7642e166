// SPDX-License-Identifier: MPL-2.0
// NETLINK_SOCK_DIAG: filters of sockets by their names, AF_UNIX sockets: what `ss sport = :80` and `ss -x` ask.
#include "inet.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/un.h>

static int diag;
static union {
    struct nlmsghdr header;
    char bytes[65536];
} answer;
static size_t length;

// Sends a request with a filter (0: none), and reads its answer. 0, or the error that came.
static int ask(int flags, const void *body, size_t size, const void *filter, size_t filter_size) {
    struct {
        struct nlmsghdr header;
        char body[512];
    } request = {.header = {.nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | flags}};
    memcpy(request.body, body, size);
    if (filter) {
        struct nlattr attribute = {(uint16_t)(NLA_HDRLEN + filter_size), INET_DIAG_REQ_BYTECODE};
        memcpy(request.body + size, &attribute, sizeof attribute);
        memcpy(request.body + size + NLA_HDRLEN, filter, filter_size);
        size += NLA_HDRLEN + filter_size;
    }
    request.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    send(diag, &request, request.header.nlmsg_len, 0);
    for (length = 0; length < sizeof answer - 16384;) {
        ssize_t got = recv(diag, answer.bytes + length, sizeof answer - length, 0);
        if (got < (ssize_t)sizeof(struct nlmsghdr))
            return -1;
        for (ssize_t at = 0; at < got;) {
            struct nlmsghdr *header = (void *)(answer.bytes + length + at);
            if (header->nlmsg_type == NLMSG_ERROR)
                return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
            if (header->nlmsg_type == NLMSG_DONE || !(header->nlmsg_flags & NLM_F_MULTI))
                return length += (size_t)got, 0;
            at += NLMSG_ALIGN(header->nlmsg_len);
        }
        length += (size_t)got;
    }
    return -1;
}
static struct nlmsghdr *next(struct nlmsghdr *header) {
    char *at = header ? (char *)header + NLMSG_ALIGN(header->nlmsg_len) : answer.bytes;
    header = (void *)at;
    return at < answer.bytes + length && header->nlmsg_type == SOCK_DIAG_BY_FAMILY ? header : NULL;
}

// How many listeners of TCP there are at that port, by the filter.
static int listeners(int port, const void *filter, size_t size) {
    struct inet_diag_req_v2 wanted = {
        .sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_states = 1 << TCP_LISTEN};
    int count = 0, error = ask(NLM_F_DUMP, &wanted, sizeof wanted, filter, size);
    for (struct nlmsghdr *header = NULL; error == 0 && (header = next(header));)
        count += ntohs(((struct inet_diag_msg *)NLMSG_DATA(header))->id.idiag_sport) == port;
    return error ? -error : count;
}

// Any bytes: an answer or an error, and nothing else.
static void hostile(void) {
    uint32_t state = 1;
    for (int i = 0; i < 2000; i++) {
        uint8_t program[64];
        size_t size = 4 + state % 15 * 4;
        for (size_t j = 0; j < sizeof program; j++)
            state = state * 1664525 + 1013904223, program[j] = (state >> 24) & (j % 4 == 0 ? 15 : j % 4 == 3 ? 0 : 31);
        if (listeners(0, program, size) == 1)
            break;
    }
    ok(true, "2,000 filters of any bytes");
}

static void filters(void) {
    int server = listener_on("127.0.0.1", 5);
    uint16_t port = (uint16_t)port_of(server);
    struct inet_diag_bc_op is_port[] = {{INET_DIAG_BC_S_EQ, 8, 12}, {0, 0, port}};
    if (listeners(port, NULL, 0) == -ENOENT) {
        skip("this Linux lacks the module inet_diag", "filters");
        close(server);
        return;
    }
    is(listeners(port, NULL, 0), 1, "without a filter it is there");
    is(listeners(port, is_port, sizeof is_port), 1, "its port");
    is_port[1].no++;
    is(listeners(port, is_port, sizeof is_port), 0, "another port");
    struct inet_diag_bc_op range[] = {
        {INET_DIAG_BC_S_GE, 8, 20}, {0, 0, port}, {INET_DIAG_BC_S_LE, 8, 12}, {0, 0, port}};
    is(listeners(port, range, sizeof range), 1, "a range of ports");
    range[3].no--;
    is(listeners(port, range, sizeof range), 0, "a range that it is not in");
    struct {
        struct inet_diag_bc_op op;
        uint8_t family, prefix; // struct inet_diag_hostcond
        uint16_t pad;
        int32_t port;
        uint8_t address[4];
    } host = {{INET_DIAG_BC_S_COND, 16, 20}, AF_INET, 8, 0, -1, {127, 9, 9, 9}};
    is(listeners(port, &host, sizeof host), 1, "its network");
    host.prefix = 32;
    is(listeners(port, &host, sizeof host), 0, "another address");
    host.prefix = 33;
    is(listeners(port, &host, sizeof host), -EINVAL, "too long a prefix");
    struct inet_diag_bc_op bad = {99, 4, 8};
    is(listeners(port, &bad, sizeof bad), -EINVAL, "no such step");
    bad = (struct inet_diag_bc_op){INET_DIAG_BC_JMP, 4, 0};
    is(listeners(port, &bad, sizeof bad), -EINVAL, "a jump to itself");
    bad = (struct inet_diag_bc_op){INET_DIAG_BC_JMP, 4, 40};
    is(listeners(port, &bad, sizeof bad), -EINVAL, "a jump out of the program");
    is(listeners(port, &is_port, 4), -EINVAL, "half a step");
    close(server);
    hostile();
}

static struct nlmsghdr *find_unix(uint32_t inode, uint32_t states) {
    struct unix_diag_req wanted = {.sdiag_family = AF_UNIX,
                                   .udiag_states = states,
                                   .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN};
    if (ask(NLM_F_DUMP, &wanted, sizeof wanted, NULL, 0) != 0)
        return NULL;
    for (struct nlmsghdr *header = NULL; (header = next(header));)
        if (((struct unix_diag_msg *)NLMSG_DATA(header))->udiag_ino == inode)
            return header;
    return NULL;
}
static const void *attribute(struct nlmsghdr *header, int type) {
    char *at = (char *)NLMSG_DATA(header) + sizeof(struct unix_diag_msg), *end = (char *)header + header->nlmsg_len;
    while (end - at >= NLA_HDRLEN) {
        struct nlattr *a = (void *)at;
        if (a->nla_len < NLA_HDRLEN)
            break;
        if (a->nla_type == type)
            return at + NLA_HDRLEN;
        at += NLA_ALIGN(a->nla_len);
    }
    return NULL;
}
static uint32_t inode_of(int fd) {
    struct stat info;
    fstat(fd, &info);
    return (uint32_t)info.st_ino;
}

static void unix_sockets(void) {
    int server = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
    struct sockaddr_un name = {AF_UNIX, "listener"};
    struct unix_diag_req none = {.sdiag_family = AF_UNIX, .udiag_ino = 0x7ffffff0};
    if (ask(0, &none, sizeof none, NULL, 0) == ENOENT && !on_tessera() && !find_unix(inode_of(server), ~0u)) {
        skip("this Linux lacks the module unix_diag", "AF_UNIX sockets");
        close(server);
        return;
    }
    is(ask(0, &none, sizeof none, NULL, 0), ENOENT, "a socket that is not there");
    none.udiag_ino = 0;
    is(ask(0, &none, sizeof none, NULL, 0), EINVAL, "no number");
    is(ask(NLM_F_DUMP, &none, 8, NULL, 0), EINVAL, "a short request");
    bind(server, (struct sockaddr *)&name, sizeof name), listen(server, 7);
    struct nlmsghdr *found = find_unix(inode_of(server), 1 << TCP_LISTEN);
    if (ok(found != NULL, "a listener")) {
        struct unix_diag_msg *about = NLMSG_DATA(found);
        ok(about->udiag_family == AF_UNIX && about->udiag_type == SOCK_STREAM && about->udiag_state == TCP_LISTEN,
           "family, type, state");
        ok(attribute(found, UNIX_DIAG_NAME) && !strcmp(attribute(found, UNIX_DIAG_NAME), "listener"), "its name");
        const struct unix_diag_rqlen *queue = attribute(found, UNIX_DIAG_RQLEN);
        ok(queue && queue->udiag_rqueue == 0 && queue->udiag_wqueue == 7, "its backlog");
    }
    ok(!find_unix(inode_of(server), 1 << TCP_ESTABLISHED), "is not connected");
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    write(pair[1], "hello", 5);
    found = find_unix(inode_of(pair[0]), 1 << TCP_ESTABLISHED);
    if (ok(found != NULL, "a pair")) {
        const uint32_t *peer = attribute(found, UNIX_DIAG_PEER);
        ok(peer && *peer == inode_of(pair[1]), "who the other is");
        const struct unix_diag_rqlen *queue = attribute(found, UNIX_DIAG_RQLEN);
        ok(queue && queue->udiag_rqueue == 5, "what is unread");
        const uint8_t *shut = attribute(found, UNIX_DIAG_SHUTDOWN);
        ok(shut && *shut == 0, "open both ways");
    }
    close(server), close(pair[0]), close(pair[1]);
}

int main(void) {
    enter_temp_dir();
    diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    ok(diag >= 0, "a socket of NETLINK_SOCK_DIAG");
    filters();
    unix_sockets();
    return tap_done();
}
