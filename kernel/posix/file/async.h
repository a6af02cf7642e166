// SPDX-License-Identifier: MPL-2.0
// Signals that tell of input and output: O_ASYNC, and what fcntl says of their receiver.
#pragma once

#include <object/object.h>

// F_SETOWN … F_GETSIG of a handle's object. The caller holds the handle.
long async_command(struct object *object, unsigned command, unsigned long argument);
// FIOSETOWN and the like, for sockets. -ENOTTY: another command.
long async_ioctl(struct object *object, unsigned command, unsigned long argument);
// Sets or clears O_ASYNC. `fd`: what signals call it. -ENOTTY: such files tell nobody.
MUST_USE status_t async_set(struct object *object, int fd, bool on);
