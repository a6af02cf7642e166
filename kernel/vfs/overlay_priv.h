// SPDX-License-Identifier: MPL-2.0
// The overlay file system: a writable tree (upper) shown over read-only ones (lowers), as Linux's overlayfs has it
// (docs/files.md).
//
// A name that is removed while a lower still has it is covered by a **whiteout**, a character device 0:0 in the upper.
// A directory that covers one below it is **opaque**: an attribute says so. Whatever of a lower is to be changed is
// **copied up** first. Both marks are Linux's, so an upper that one made the other can read.
//
// Vnodes. Directories, and files that came from below, have a vnode of the overlay's: a node over the real ones. A file
// made in the overlay is the upper's vnode itself. While a node lives its fields are the true ones; they are copied to
// the upper's vnode by a change of attributes, and when the node goes. A node whose file is in the upper is found by
// the number of that (overlay.by_upper), so there is never a second one.
//
// Directories of the upper are marked VNODE_DYNAMIC: names are added and removed behind the back of whoever looks at
// them by their own paths.
//
// Locks, in this order: vnodes of the overlay, by the vfs; overlay.mutex, for all that changes the upper, so at most
// one file is copied up at a time; then real vnodes, directories before what is in them, an upper one before a lower
// one.
#pragma once

#include "vfs_priv.h"

#include <lib/radix.h>

enum { OVERLAY_LOWERS_MAX = 16, OVERLAY_DEPTH_MAX = 2 };
#define OVERLAY_XATTR "trusted.overlay."
#define XATTR_OPAQUE OVERLAY_XATTR "opaque"
#define XATTR_ORIGIN OVERLAY_XATTR "number" // of a file that was copied up: its inode number, to be kept

struct overlay {
    struct path upper, work; // null mounts: nothing can be changed
    struct path lower[OVERLAY_LOWERS_MAX];
    unsigned lower_count;
    unsigned depth; // 1 if no lower is an overlay
    char *shown;    // what /proc/mounts shows
    struct mutex mutex;
    uint64_t next_work; // numbers names in the work directory; under the mutex
    struct spinlock lock;
    struct radix by_upper GUARDED_BY(&lock); // inode number of the upper's vnode -> node's vnode, without a reference
};

// A vnode of a lower, and which one: a part of its inode number.
struct overlay_lower {
    struct vnode *vnode; // one reference
    unsigned layer;      // from 1 on
};

struct overlay_node {
    _Atomic(struct vnode *) upper; // one reference; null: not copied up. Set once, under the mutex
    struct vnode *parent;          // one reference: the directory it is to be copied up to; null: the root
    char *name;                    // in that; both change under the mutex
    bool removed;                  // it has no name any more; under the mutex
    uint64_t origin;               // the inode number that it had below; 0: it was made in the upper
    unsigned lower_count;
    struct overlay_lower lower[]; // of a file at most one
};

extern const struct vnode_ops overlay_dir_ops, overlay_file_ops;

ALWAYS_INLINE bool overlay_owns(const struct vnode *vnode) {
    return vnode->ops == &overlay_dir_ops || vnode->ops == &overlay_file_ops;
}
ALWAYS_INLINE struct overlay *overlay_of(const struct vnode *vnode) {
    return vnode->super->fs_private;
}
ALWAYS_INLINE struct overlay_node *overlay_node_of(const struct vnode *vnode) {
    return vnode->fs_private;
}
ALWAYS_INLINE struct vnode *overlay_upper(const struct vnode *vnode) {
    return atomic_load_explicit(&overlay_node_of(vnode)->upper, memory_order_acquire);
}
// Where its contents are now: in the upper, or in the highest lower.
ALWAYS_INLINE struct vnode *overlay_real(const struct vnode *vnode) {
    struct vnode *upper = overlay_upper(vnode);
    return upper ? upper : overlay_node_of(vnode)->lower[0].vnode;
}
// What a vnode that a caller names is in the upper: itself, or what its node stands for. Null: not copied up.
ALWAYS_INLINE struct vnode *overlay_upper_of(struct vnode *vnode) {
    return overlay_owns(vnode) ? overlay_upper(vnode) : vnode;
}
ALWAYS_INLINE bool is_whiteout(const struct vnode *vnode) {
    return S_ISTYPE(vnode->mode, S_IFCHR) && vnode->device == 0;
}

// --- overlay_node.c
// What a node is made of. The vnodes' references are taken over, also by failing.
struct overlay_parts {
    struct vnode *upper, *parent; // no reference to `parent` is taken over
    struct overlay_lower lower[OVERLAY_LOWERS_MAX];
    unsigned lower_count;
};
MUST_USE status_t overlay_make_node(struct super *super, struct overlay_parts *parts, const struct name *name,
                                    struct vnode **out);
// The node is found by the upper's vnode from now on; no more.
MUST_USE status_t overlay_register(struct vnode *vnode, struct vnode *upper);
void overlay_unregister(struct vnode *vnode, const struct vnode *upper);
// Its fields go to the upper's vnode.
void overlay_flush(struct vnode *vnode);
void overlay_release(struct vnode *vnode);

// --- overlay_lookup.c
// A name in a directory of one layer; takes its lock. *out: one reference. -ENOENT.
MUST_USE status_t overlay_peek(struct vnode *dir, const struct name *name, struct vnode **out);
MUST_USE status_t overlay_lookup(struct vnode *dir, struct name name, struct vnode **out);
// Do the lowers have something under this name, so that a whiteout is needed to hide it? Negative: an error.
int overlay_below(const struct overlay_node *dir, const struct name *name);
bool overlay_is_opaque(struct vnode *dir);
uint64_t overlay_origin(struct vnode *upper); // 0: none

// --- overlay_list.c
status_t overlay_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink);
// 0, -ENOTEMPTY, or an error.
MUST_USE status_t overlay_check_empty(struct vnode *dir);

// --- overlay_copy.c
// Brings the vnode, and the directories that it is in, to the upper. `keep`: so many bytes of contents are wanted.
// -EROFS, -ENOSPC, -ENOMEM, -EIO, -EINTR.
MUST_USE status_t overlay_copy_up(struct vnode *vnode, uint64_t keep);
MUST_USE status_t overlay_copy_up_locked(struct vnode *vnode, uint64_t keep);

// --- overlay_work.c: the upper and the work directory; the mutex is held
struct work_name {
    char text[24];
    struct name name;
};
struct overlay_new {
    uint32_t mode;
    uint64_t device;
    const char *target; // of a symbolic link
    struct vnode *link; // another name for this one instead
};
// Makes a file, directory, link in the work directory under a name of its own. *out: one reference.
MUST_USE status_t work_make(struct overlay *overlay, const struct overlay_new *what, struct work_name *name,
                            struct vnode **out);
void work_discard(struct overlay *overlay, const struct work_name *name, struct vnode *vnode);
// Gives what is in the work directory a name in a directory of the upper. With `over`, that one goes, and what it was
// if it is a directory: whiteouts in it go with it.
MUST_USE status_t work_place(struct overlay *overlay, const struct work_name *name, struct vnode *vnode,
                             struct vnode *dir, const struct name *to, struct vnode *over);
// Makes it in the directory at once: no name is there.
MUST_USE status_t upper_make(struct vnode *dir, const struct name *name, const struct overlay_new *what,
                             struct vnode **out);
// Takes a name away; a directory may have whiteouts in it, and nothing else.
MUST_USE status_t upper_remove(struct vnode *dir, const struct name *name, struct vnode *victim);

// --- overlay_change.c, overlay_rename.c
status_t overlay_create(struct vnode *dir, struct name name, uint32_t mode, uint64_t device, struct vnode **out);
status_t overlay_create_nameless(struct vnode *dir, uint32_t mode, struct vnode **out);
status_t overlay_mkdir(struct vnode *dir, struct name name, uint32_t mode, struct vnode **out);
status_t overlay_symlink(struct vnode *dir, struct name name, const char *target, struct vnode **out);
status_t overlay_link(struct vnode *dir, struct name name, struct vnode *target);
status_t overlay_unlink(struct vnode *dir, struct name name, struct vnode *victim);
status_t overlay_rmdir(struct vnode *dir, struct name name, struct vnode *victim);
status_t overlay_rename(struct vnode *from_dir, struct name from, struct vnode *source, struct vnode *to_dir,
                        struct name to, struct vnode *target, unsigned flags);
MUST_USE status_t overlay_set_opaque(struct vnode *upper_dir);
// The number of links, as the upper or nobody counts them.
void overlay_count_links(struct vnode *vnode);

// --- overlay_attributes.c
status_t overlay_get_attributes(struct vnode *vnode, struct stat_info *out);
status_t overlay_set_attributes(struct vnode *vnode, const struct attributes *attributes);
status_t overlay_prepare_write(struct vnode *vnode, uint64_t keep);
ssize_t overlay_get_xattr(struct vnode *vnode, const char *name, void *value, size_t size);
status_t overlay_set_xattr(struct vnode *vnode, const char *name, const void *value, size_t size, int flags);
ssize_t overlay_list_xattr(struct vnode *vnode, char *list, size_t size);
ssize_t overlay_readlink(struct vnode *link, char *to, size_t size);
