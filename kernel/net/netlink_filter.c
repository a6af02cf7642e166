// SPDX-License-Identifier: MPL-2.0
// Filters of NETLINK_SOCK_DIAG: a small program of conditions on a socket's names, each with a way on for yes and one
// for no, both forwards, in bytes. It runs to its end exactly: then the socket is wanted. `ss sport = :80` makes one.
//
// It is checked before it runs: each step lies within the program and each jump leads to a step or to the end. A jump
// four bytes past the end says no. Programs are short (Linux takes up to 64 KiB), for each socket is asked under a
// lock.
#include "inet_priv.h"
#include "netlink_priv.h"

#include <lib/string.h>

struct operation {
    uint8_t code, yes;
    uint16_t no; // or, behind a comparison, a port
};
struct host_condition {
    uint8_t family, prefix;
    uint16_t pad;
    int32_t port; // -1: any
};
static_assert(sizeof(struct operation) == 4 && sizeof(struct host_condition) == 8);

#define PROGRAM_MAX 4096u

enum {
    OP_NONE,
    OP_JUMP,
    OP_SOURCE_AT_LEAST,
    OP_SOURCE_AT_MOST,
    OP_DESTINATION_AT_LEAST,
    OP_DESTINATION_AT_MOST,
    OP_AUTOMATIC,
    OP_SOURCE_HOST,
    OP_DESTINATION_HOST,
    OP_DEVICE,
    OP_SOURCE_IS = 11,
    OP_DESTINATION_IS
};

static struct operation operation_at(const struct netlink_filter *filter, size_t at) {
    struct operation operation;
    memcpy(&operation, filter->program + at, sizeof(operation));
    return operation;
}

// Bytes of the address that follows a host condition. SIZE_MAX: a bad one.
static size_t address_size(const struct host_condition *condition) {
    size_t size = condition->family == AF_UNSPEC  ? 0
                  : condition->family == AF_INET  ? 4
                  : condition->family == AF_INET6 ? 16
                                                  : SIZE_MAX;
    return size != SIZE_MAX && condition->prefix <= 8 * size ? size : SIZE_MAX;
}

// How many bytes the step takes; 0: it does not fit, or is none.
static size_t step_size(const struct netlink_filter *filter, size_t at) {
    size_t left = filter->size - at, size = sizeof(struct operation);
    struct host_condition condition;
    switch (operation_at(filter, at).code) {
    case OP_NONE:
    case OP_JUMP:
    case OP_AUTOMATIC:
        break;
    case OP_SOURCE_HOST:
    case OP_DESTINATION_HOST:
        size += sizeof(condition);
        if (left < size)
            return 0;
        memcpy(&condition, filter->program + at + sizeof(struct operation), sizeof(condition));
        if (address_size(&condition) == SIZE_MAX)
            return 0;
        size += address_size(&condition);
        break;
    case OP_SOURCE_AT_LEAST:
    case OP_SOURCE_AT_MOST:
    case OP_DESTINATION_AT_LEAST:
    case OP_DESTINATION_AT_MOST:
    case OP_SOURCE_IS:
    case OP_DESTINATION_IS:
    case OP_DEVICE:
        size += sizeof(struct operation); // with the port, or the interface
        break;
    default:
        return 0;
    }
    return size <= left ? size : 0;
}

// Does a walk along the yes-ways come to `target`?
static bool is_step(const struct netlink_filter *filter, size_t target) {
    size_t at = 0;
    while (at < target && filter->size - at >= sizeof(struct operation) && operation_at(filter, at).yes != 0)
        at += operation_at(filter, at).yes;
    return at == target;
}

static bool leads_on(const struct netlink_filter *filter, size_t at, size_t way, size_t least) {
    return way >= least && way <= filter->size - at + sizeof(struct operation) && way % 4 == 0;
}

status_t netlink_filter_check(const struct netlink_filter *filter) {
    size_t at = 0;
    if (filter->size > PROGRAM_MAX)
        return -EINVAL;
    while (at < filter->size) {
        if (filter->size - at < sizeof(struct operation))
            return -EINVAL;
        struct operation operation = operation_at(filter, at);
        size_t least = step_size(filter, at);
        if (least == 0 || !leads_on(filter, at, operation.yes, least))
            return -EINVAL;
        if (operation.code != OP_NONE) {
            if (!leads_on(filter, at, operation.no, least))
                return -EINVAL;
            if (at + operation.no < filter->size && !is_step(filter, at + operation.no))
                return -EINVAL;
        }
        at += operation.yes;
    }
    return at == filter->size ? 0 : -EINVAL;
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits) {
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned shift = 8 - bits % 8;
    return bits % 8 == 0 || (uint8_t)(a[bits / 8] ^ b[bits / 8]) >> shift == 0;
}

static bool is_host(const struct netlink_filter *filter, size_t at, const struct inet_endpoint *endpoint, bool v6) {
    struct host_condition condition;
    const uint8_t *from = filter->program + at + sizeof(struct operation), *bytes = endpoint->address.bytes;
    memcpy(&condition, from, sizeof(condition));
    if (condition.port != -1 && condition.port != endpoint->port)
        return false;
    if (condition.family == AF_INET && !inet_address_is_v4(&endpoint->address))
        return false;
    if (condition.family == AF_INET6 && !v6)
        return false;
    return bits_equal(condition.family == AF_INET ? bytes + 12 : bytes, from + sizeof(condition), condition.prefix);
}

static bool holds(const struct netlink_filter *filter, size_t at, const struct inet_claim *claim, bool v6) {
    struct operation value = {};
    uint16_t source = claim->local.port, destination = claim->remote.port;
    unsigned code = operation_at(filter, at).code;
    if (step_size(filter, at) >= 2 * sizeof(struct operation))
        value = operation_at(filter, at + sizeof(struct operation));
    switch (code) {
    case OP_SOURCE_AT_LEAST:
        return source >= value.no;
    case OP_SOURCE_AT_MOST:
        return source <= value.no;
    case OP_SOURCE_IS:
        return source == value.no;
    case OP_DESTINATION_AT_LEAST:
        return destination >= value.no;
    case OP_DESTINATION_AT_MOST:
        return destination <= value.no;
    case OP_DESTINATION_IS:
        return destination == value.no;
    case OP_AUTOMATIC:
        return !claim->socket || !claim->socket->port_bound;
    case OP_SOURCE_HOST:
        return is_host(filter, at, &claim->local, v6);
    case OP_DESTINATION_HOST:
        return is_host(filter, at, &claim->remote, v6);
    case OP_DEVICE: { // the interface that it is bound to
        uint32_t interface;
        memcpy(&interface, filter->program + at + sizeof(struct operation), sizeof(interface));
        return interface == (claim->socket && inet_option(claim->socket, OPTION_BOUND_TO_LO) ? 1 : 0);
    }
    default:
        return code == OP_NONE;
    }
}

bool netlink_filter_matches(const struct netlink_filter *filter, const struct inet_claim *claim, bool v6) {
    size_t at = 0;
    while (at < filter->size) {
        struct operation operation = operation_at(filter, at);
        at += holds(filter, at, claim, v6) ? operation.yes : operation.no;
    }
    return at == filter->size;
}
