// SPDX-License-Identifier: MPL-2.0
// The file system type `served`: a volume that a server in user space reads (docs/files.md). The kernel knows nothing
// of formats: it asks for names, attributes and link texts by the protocol `fs` (docs/protocols/fs.md), and contents
// come through the server's pager. Nothing can be changed, so all answers are kept as long as their vnode.
//
// A node's number says which it is, whatever server answers. Requests have no state: a server that dies over one is
// asked once more when it is back, and whoever waits sees a pause.
#pragma once

#include <ipc/pager.h>
#include <ipc/port.h>
#include <lib/radix.h>
#include <vfs/vnode.h>

// Of protocols/fs.protocol, in its order.
enum served_method {
    SERVED_VOLUME = 1,
    SERVED_ATTRIBUTES = 4,
    SERVED_LIST = 6,
    SERVED_TARGET = 15,
    SERVED_EXTENDED = 18
};

struct served {
    struct object *right; // to the server; a handle
    struct object *pager; // a handle
    struct statfs_info about;
    bool has_xattrs;
    struct spinlock lock;
    struct radix nodes GUARDED_BY(&lock); // number -> vnode, without a reference
};

struct served_name {
    uint64_t node;
    uint32_t hash, text; // where in the texts
    uint32_t next;       // of the same bucket, counted from 1; 0: the last
    uint8_t type, length;
};

// The names of a directory: asked for once.
struct served_names {
    uint32_t count, bucket_count; // a power of two
    struct served_name *names;
    uint32_t *buckets; // counted from 1; 0: empty
    char *texts;
};

struct served_node {
    uint64_t parent; // number of the directory it was found in first
    uint64_t blocks; // of 512 bytes
    struct served_names *_Atomic names;
    struct served_xattrs *_Atomic xattrs;
};

ALWAYS_INLINE struct served *served_of(const struct super *super) {
    return super->fs_private;
}
ALWAYS_INLINE struct served_node *served_node_of(const struct vnode *vnode) {
    return vnode->fs_private;
}

// --- served_ask.c ---
// An answer, read from its beginning. Reading more than there is gives zeros and sets `bad`.
struct served_answer {
    const uint8_t *data;
    uint32_t size, position;
    bool bad;
};
// Asks about a node (and, with two arguments, from a position on). The answer is good until the thread asks again. The
// server's error; -EIO: it is gone for good, or dies over this, or speaks nonsense; -EINTR: the thread was killed.
MUST_USE status_t served_ask(struct served *served, enum served_method method, const uint64_t *arguments,
                             unsigned count, uint32_t room, struct served_answer *answer);
uint64_t served_number(struct served_answer *answer, unsigned bytes);
const uint8_t *served_bytes(struct served_answer *answer, uint32_t *size); // null with size 0 if there are none

// --- served_node.c ---
// The vnode of that number: one reference. -EIO, -ENOMEM, -EINTR.
MUST_USE status_t served_get_node(struct super *super, uint64_t number, uint64_t parent, struct vnode **out);

// --- served_dir.c ---
status_t served_lookup(struct vnode *dir, struct name name, struct vnode **out);
status_t served_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink);
void served_free_names(struct served_names *names);

// --- served_xattr.c ---
ssize_t served_get_xattr(struct vnode *vnode, const char *name, void *value, size_t size);
ssize_t served_list_xattr(struct vnode *vnode, char *list, size_t size);
