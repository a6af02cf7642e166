// SPDX-License-Identifier: MPL-2.0
// AF_NETLINK: what its files share. A request is answered while it is sent: the answer lies in the socket's queue when
// send returns.
#pragma once

#include "net_priv.h"

#include <abi/netlink.h>
#include <vfs/path.h>

// One request, within a kernel copy of what was sent.
struct netlink_request {
    struct abi_nlmsghdr header;
    const uint8_t *body; // behind the header
    size_t size;         // of the body
    uint32_t port;       // whom the answer goes to
    bool strict;         // NETLINK_GET_STRICT_CHK
};

// Answers are collected in a text_buffer: whole messages, one behind the other.

// Begins a message with its fixed part; returns where, for netlink_end.
size_t netlink_begin(struct text_buffer *answer, const struct netlink_request *request, uint16_t type,
                     const void *fixed, size_t size);
void netlink_add(struct text_buffer *answer, uint16_t type, const void *data, size_t size);
void netlink_add_u32(struct text_buffer *answer, uint16_t type, uint32_t value);
void netlink_add_u8(struct text_buffer *answer, uint16_t type, uint8_t value);
void netlink_end(struct text_buffer *answer, size_t start);
// The request that begins `*at` bytes into what was sent, and where the next one would. False: none, or a bad one.
bool netlink_next(struct netlink_request *request, const uint8_t *data, size_t size, size_t *at);
// The fixed part of a request; what a short one leaves out is zero. False: it is shorter than `least`.
bool netlink_fixed(const struct netlink_request *request, void *to, size_t size, size_t least);
// The attribute of that type behind a fixed part of `fixed` bytes, at least `least` long. Null: none.
const uint8_t *netlink_attribute(const struct netlink_request *request, size_t fixed, uint16_t type, size_t least);
ALWAYS_INLINE bool netlink_is_dump(const struct netlink_request *request) {
    return (request->header.flags & NLM_F_DUMP) == NLM_F_DUMP;
}

// Likewise, and how long it is.
const uint8_t *netlink_attribute_sized(const struct netlink_request *request, size_t fixed, uint16_t type,
                                       size_t *size);

// 0: answered (a dump's end is added by the caller). -E…: goes back in a message.
status_t netlink_route(const struct netlink_request *request, struct text_buffer *answer);
status_t netlink_sock_diag(const struct netlink_request *request, struct text_buffer *answer);
status_t netlink_unix_diag(const struct netlink_request *request, struct text_buffer *answer);

// --- netlink_filter.c ---
struct inet_claim;
struct netlink_filter {
    const uint8_t *program;
    size_t size; // 0: everything is wanted
};
MUST_USE status_t netlink_filter_check(const struct netlink_filter *filter); // -EINVAL
// Of one that was checked. inet_lock is held.
bool netlink_filter_matches(const struct netlink_filter *filter, const struct inet_claim *claim, bool v6);
