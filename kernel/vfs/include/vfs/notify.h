// SPDX-License-Identifier: MPL-2.0
// inotify: queues of what happened to watched files and directories.
#pragma once

#include <vfs/file.h>

enum notify_event {
    NOTIFY_ACCESS = 1,
    NOTIFY_MODIFY = 2,
    NOTIFY_ATTRIB = 4,
    NOTIFY_CLOSE_WRITE = 8,
    NOTIFY_CLOSE_NOWRITE = 0x10,
    NOTIFY_OPEN = 0x20,
    NOTIFY_MOVED_FROM = 0x40,
    NOTIFY_MOVED_TO = 0x80,
    NOTIFY_CREATE = 0x100,
    NOTIFY_DELETE = 0x200,
    NOTIFY_DELETE_SELF = 0x400,
    NOTIFY_MOVE_SELF = 0x800,
    NOTIFY_ALL = 0xfff,
    NOTIFY_RENAMED = 0x1000, // in one directory: for listeners only
    NOTIFY_OVERFLOW = 0x4000,
    NOTIFY_IGNORED = 0x8000,
    // Flags of a watch.
    NOTIFY_ONLY_DIRECTORY = 0x1000000,
    NOTIFY_DONT_FOLLOW = 0x2000000,
    NOTIFY_EXCLUDE_UNLINKED = 0x4000000,
    NOTIFY_MASK_CREATE = 0x10000000,
    NOTIFY_MASK_ADD = 0x20000000,
    NOTIFY_IS_DIRECTORY = 0x40000000,
};
#define NOTIFY_ONE_SHOT 0x80000000u

// A queue with one reference, to be read(2) for struct inotify_event. nullptr: no memory.
struct object *notify_create(uint32_t flags);
// A queue that keeps nothing, but calls `tell` for what happens to names in the directories that it watches. `tell`
// must not block. One reference, given back by notify_close_listener: on return `tell` does not run.
typedef void notify_tell_fn(void *context, uint32_t mask);
struct object *notify_create_listener(notify_tell_fn *tell, void *context);
void notify_close_listener(struct object *listener);
// Watches a vnode, or changes the mask of its watch; returns the watch's number. -EINVAL: not a queue; -EEXIST, …
int notify_add(struct object *queue, struct vnode *vnode, uint32_t mask);
// -EINVAL: no such watch, or not a queue.
MUST_USE status_t notify_remove(struct object *queue, int number);
