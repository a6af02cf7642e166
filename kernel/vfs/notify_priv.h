// SPDX-License-Identifier: MPL-2.0
// Telling inotify what happened. Free while nobody watches anything.
#pragma once

#include "vfs_priv.h"

#include <vfs/notify.h>

extern _Atomic unsigned notify_watch_count;

void notify_vnode_slow(struct vnode *vnode, uint32_t mask);
void notify_name_slow(struct vnode *dir, const struct name *name, struct vnode *vnode, uint32_t mask);
void notify_path_slow(const struct path *path, uint32_t mask);
struct notify_rename {
    struct vnode *from_dir, *to_dir, *vnode;
    struct name from, to;
};
void notify_rename_slow(const struct notify_rename *rename);

ALWAYS_INLINE bool notify_wanted(void) {
    return UNLIKELY(atomic_load_explicit(&notify_watch_count, memory_order_relaxed) != 0);
}
// To the vnode itself.
ALWAYS_INLINE void notify_vnode(struct vnode *vnode, uint32_t mask) {
    if (notify_wanted())
        notify_vnode_slow(vnode, mask);
}
// A name in a directory: created, deleted. `vnode`: what it names.
ALWAYS_INLINE void notify_name(struct vnode *dir, const struct name *name, struct vnode *vnode, uint32_t mask) {
    if (notify_wanted())
        notify_name_slow(dir, name, vnode, mask);
}
// To the vnode, and to its directory with the name.
ALWAYS_INLINE void notify_path(const struct path *path, uint32_t mask) {
    if (notify_wanted())
        notify_path_slow(path, mask);
}
