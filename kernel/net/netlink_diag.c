// SPDX-License-Identifier: MPL-2.0
// NETLINK_SOCK_DIAG: the sockets of TCP and UDP, for ss. Families but AF_UNIX (netlink_unix.c) are ENOENT, as where
// Linux lacks their module; ss then reads /proc/net.
#include "inet_priv.h"
#include "netlink_priv.h"

#include <lib/string.h>

struct dump {
    const struct netlink_request *request;
    struct text_buffer *answer;
    struct abi_inet_diag_req wanted;
    struct netlink_filter filter;
};

static void put_name(const struct inet_endpoint *endpoint, bool v6, uint16_t *port, uint8_t address[16]) {
    *port = network_16(endpoint->port);
    if (v6)
        memcpy(address, endpoint->address.bytes, 16);
    else
        memcpy(address, endpoint->address.bytes + 12, 4);
}

static void put_claim(const struct inet_claim *claim, void *context) {
    struct dump *dump = context;
    bool v6 = claim->socket ? !inet_is_v4(claim->socket) : !inet_address_is_v4(&claim->local.address);
    unsigned state = inet_claim_state(claim);
    if (v6 != (dump->wanted.family == AF_INET6) || !(dump->wanted.states >> state & 1))
        return;
    if (!netlink_filter_matches(&dump->filter, claim, v6))
        return;
    struct abi_inet_diag_msg message = {.family = dump->wanted.family, .state = (uint8_t)state};
    put_name(&claim->local, v6, &message.id.source_port, message.id.source);
    put_name(&claim->remote, v6, &message.id.destination_port, message.id.destination);
    message.receive_queue = inet_claim_unread(claim);
    if (claim->socket) {
        uint64_t id = claim->socket->socket.object.id;
        message.id.cookie[0] = (uint32_t)id;
        message.id.cookie[1] = (uint32_t)(id >> 32);
        message.inode = (uint32_t)id;
        message.uid = claim->uid;
        if (state == TCP_LISTEN)
            message.send_queue = to_tcp(&claim->socket->socket)->backlog_max;
    }
    size_t start = netlink_begin(dump->answer, dump->request, SOCK_DIAG_BY_FAMILY, &message, sizeof(message));
    if (v6 && claim->socket && (state == TCP_LISTEN || state == TCP_CLOSE))
        netlink_add_u8(dump->answer, INET_DIAG_SKV6ONLY, inet_option(claim->socket, OPTION_V6ONLY) != 0);
    netlink_end(dump->answer, start);
}

status_t netlink_sock_diag(const struct netlink_request *request, struct text_buffer *answer) {
    struct dump dump = {.request = request, .answer = answer};
    if (request->header.type != SOCK_DIAG_BY_FAMILY || request->size < 2)
        return -EINVAL;
    if (request->body[0] == AF_UNIX)
        return netlink_unix_diag(request, answer);
    bool whole = netlink_fixed(request, &dump.wanted, sizeof(dump.wanted), sizeof(dump.wanted));
    if (dump.wanted.family != AF_INET && dump.wanted.family != AF_INET6)
        return -ENOENT;
    if (!whole)
        return -EINVAL;
    if (dump.wanted.protocol != IPPROTO_TCP && dump.wanted.protocol != IPPROTO_UDP &&
        dump.wanted.protocol != IPPROTO_UDPLITE)
        return -ENOENT;
    if (!netlink_is_dump(request))
        return -EOPNOTSUPP; // one socket by its name
    dump.filter.program =
        netlink_attribute_sized(request, sizeof(dump.wanted), INET_DIAG_REQ_BYTECODE, &dump.filter.size);
    if (!dump.filter.program)
        dump.filter.size = 0;
    else if (dump.filter.size < 4 || netlink_filter_check(&dump.filter) != 0)
        return -EINVAL;
    spin_lock(&inet_lock);
    inet_port_for_each_locked(dump.wanted.protocol, put_claim, &dump);
    spin_unlock(&inet_lock);
    return 0;
}
