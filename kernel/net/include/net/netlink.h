// SPDX-License-Identifier: MPL-2.0
// Netlink sockets, for those in the kernel who send to one that a program named: mq_notify's threads.
#pragma once

#include <object/object.h>

struct socket;

// Is it one of netlink?
bool netlink_is(const struct socket *socket);
// One datagram from the kernel comes to the socket, and does not wait for room. The current task pays for it until it
// lies there. -ENOBUFS, -ENOMEM. May block.
MUST_USE status_t netlink_deliver(struct socket *socket, const void *data, size_t size);
