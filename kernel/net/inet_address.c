// SPDX-License-Identifier: MPL-2.0
// Internet addresses: what they mean on this machine, and how they lie in sockaddr_in and sockaddr_in6.
#include "inet_priv.h"

#include <lib/string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool inet_address_equal(const struct inet_address *a, const struct inet_address *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool inet_address_is_v4(const struct inet_address *address) {
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

struct inet_address inet_address_v4(const uint8_t bytes[4]) {
    struct inet_address address;
    memcpy(address.bytes, mapped, sizeof(mapped));
    memcpy(address.bytes + sizeof(mapped), bytes, 4);
    return address;
}

struct inet_address inet_address_any(bool v4) {
    return v4 ? inet_address_v4((const uint8_t[4]){}) : (struct inet_address){};
}

struct inet_address inet_address_loopback(bool v4) {
    return v4 ? inet_address_v4((const uint8_t[4]){127, 0, 0, 1}) : (struct inet_address){.bytes = {[15] = 1}};
}

bool inet_address_is_any(const struct inet_address *address) {
    struct inet_address any = inet_address_any(inet_address_is_v4(address));
    return inet_address_equal(address, &any);
}

bool inet_address_is_multicast(const struct inet_address *address) {
    return inet_address_is_v4(address) ? (address->bytes[12] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

bool inet_address_is_broadcast(const struct inet_address *address) {
    static const uint8_t lo[3] = {255, 255, 255};
    uint8_t first = address->bytes[12];
    return inet_address_is_v4(address) && (first == 127 || first == 255) && memcmp(address->bytes + 13, lo, 3) == 0;
}

// lo has 127.0.0.1/8 and ::1. The last of the /8 is its broadcast address.
bool inet_address_is_local(const struct inet_address *address) {
    struct inet_address loopback = inet_address_loopback(false);
    if (inet_address_is_v4(address))
        return address->bytes[12] == 127 && !inet_address_is_broadcast(address);
    return inet_address_equal(address, &loopback);
}

static status_t parse_v4(const struct address *from, struct inet_endpoint *out) {
    struct abi_sockaddr_in in;
    if (from->size < sizeof(in))
        return -EINVAL;
    memcpy(&in, from->bytes, sizeof(in));
    out->address = inet_address_v4(in.address);
    out->port = network_16(in.port);
    // A program may forget the family of the unspecified address.
    return in.family == AF_INET || (in.family == AF_UNSPEC && inet_address_is_any(&out->address)) ? 0 : -EAFNOSUPPORT;
}

static status_t parse_v6(const struct address *from, struct inet_endpoint *out) {
    struct abi_sockaddr_in6 in;
    if (from->size < SOCKADDR_IN6_MIN)
        return -EINVAL;
    memcpy(&in, from->bytes, sizeof(in)); // what was not given is zero
    memcpy(out->address.bytes, in.address, sizeof(in.address));
    out->port = network_16(in.port);
    return in.family == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

status_t inet_endpoint_parse(int family, const struct address *from, struct inet_endpoint *out) {
    return family == AF_INET ? parse_v4(from, out) : parse_v6(from, out);
}

void inet_endpoint_to_address(int family, const struct inet_endpoint *endpoint, struct address *out) {
    memset(out->bytes, 0, sizeof(out->bytes));
    if (family == AF_INET) {
        struct abi_sockaddr_in in = {.family = AF_INET, .port = network_16(endpoint->port)};
        memcpy(in.address, endpoint->address.bytes + 12, 4);
        memcpy(out->bytes, &in, out->size = sizeof(in));
    } else {
        struct abi_sockaddr_in6 in = {.family = AF_INET6, .port = network_16(endpoint->port)};
        memcpy(in.address, endpoint->address.bytes, 16);
        memcpy(out->bytes, &in, out->size = sizeof(in));
    }
}

status_t inet_route(struct inet_endpoint *to, struct inet_address *from) {
    if (inet_address_is_any(&to->address)) {
        // "This machine": where the socket is bound, if it is.
        struct inet_address loopback = inet_address_loopback(inet_address_is_v4(&to->address));
        bool usable = !inet_address_is_any(from) && inet_address_is_v4(from) == inet_address_is_v4(&to->address);
        to->address = usable ? *from : loopback;
    }
    if (!inet_address_is_local(&to->address))
        return -ENETUNREACH;
    bool v4 = inet_address_is_v4(&to->address);
    if (inet_address_is_any(from))
        *from = inet_address_loopback(v4);
    return inet_address_is_v4(from) == v4 ? 0 : -ENETUNREACH;
}
