// SPDX-License-Identifier: MPL-2.0
// eventfd: events as Linux shows them; reading and writing are the event's own.

#include <abi/fcntl.h>
#include <abi/poll.h>
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <object/event.h>
#include <object/task.h>

long sys_eventfd2(unsigned initial, int flags) {
    if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    struct object *event = event_create(initial, flags & EFD_SEMAPHORE);
    if (!event)
        return -ENOMEM;
    event->status_flags = O_RDWR | (flags & O_NONBLOCK);
    int fd = handle_install(event, RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(event);
    return fd;
}

long sys_eventfd(unsigned initial) {
    return sys_eventfd2(initial, 0);
}
