// SPDX-License-Identifier: MPL-2.0
// Sockets: set-up. The socket calls are system calls of this module; families are described in net/socket.h.
#pragma once

// Boot, after vfs_init: registers the families and /proc/net.
void net_init(void);
