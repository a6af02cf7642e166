// SPDX-License-Identifier: MPL-2.0
// Private to kernel/net: what the files of the socket calls share.
#pragma once

#include <net/socket.h>
#include <object/handle.h>

// The socket of a handle that has `rights`. -EBADF, -ENOTSOCK. Release with handle_release.
MUST_USE status_t socket_lookup(int handle, uint32_t rights, struct handle_ref *ref, struct socket **socket);
MUST_USE status_t address_from_user(struct address *address, const void __user *from, unsigned size);
// Writes the address, cut to *size, and its true size to *size.
MUST_USE status_t address_to_user(const struct address *address, void __user *to, int32_t __user *size);
// Installs a new socket: the handle, or an error and the reference is dropped. `type`: SOCK_CLOEXEC, SOCK_NONBLOCK.
int socket_install(struct socket *socket, int type);
const struct socket_family *socket_family_find(int number);

unsigned socket_count(void); // of all families, that are there

#define SOCKET_RIGHTS (RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE | RIGHT_SEND | RIGHT_RECEIVE | RIGHT_ADMIN)

#define SOCKET_SIGNALS                                                                                      \
    (SIGNALS_READ | SIGNALS_WRITE | SIGNAL_WRITE_BAND | SIGNAL_HANGUP | SIGNAL_READ_HANGUP | SIGNAL_ERROR | \
     SIGNAL_PRIORITY)
#define SOCKET_WRITABLE (SIGNALS_WRITE | SIGNAL_WRITE_BAND)

void unix_init(void);
void inet_init(void);
void net_settings_init(void);
void netlink_init(void);
// What a family's ioctl does not know. -ENOTTY.
long interface_ioctl(unsigned command, unsigned long argument);
