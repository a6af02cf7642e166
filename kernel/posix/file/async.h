// SPDX-License-Identifier: MPL-2.0
// Signals that tell of input and output: O_ASYNC, and what fcntl says of their receiver.
#pragma once

#include <object/object.h>

// F_SETOWN … F_GETSIG of a handle's object. The caller holds the handle.
long async_command(struct object *object, unsigned command, unsigned long argument);
// FIOSETOWN and the like, for sockets. -ENOTTY: another command.
long async_ioctl(struct object *object, unsigned command, unsigned long argument);
// F_NOTIFY: a signal to the file's receiver, by default the caller, once something of `events` (DN_*) has happened to a
// name in the directory. -ENOTDIR; -EINVAL: switched off.
MUST_USE status_t async_watch_directory(struct object *object, int fd, unsigned long events);
void async_init(void); // at boot: /proc/sys/fs/dir-notify-enable
// Sets or clears O_ASYNC. `fd`: what signals call it. -ENOTTY: such files tell nobody.
MUST_USE status_t async_set(struct object *object, int fd, bool on);
