// SPDX-License-Identifier: MPL-2.0
// What a file system implements: vnodes (files, directories, links, devices) and their operations.
#pragma once

#include <lib/refcount.h>
#include <mm/vmo.h>
#include <object/cred.h>
#include <object/object.h>
#include <object/stat.h>
#include <sched/mutex.h>
#include <sched/rcu.h>

struct vnode;
struct entry;
struct mount;
struct file;
struct super; // one mounted instance of a file system
struct path;
struct task;
struct statfs_info;
struct text_buffer;

// Names are not NUL-terminated: pass (name, length).
struct name {
    const char *text;
    uint32_t length;
    uint32_t hash;
};
struct name name_make(const char *text, size_t length); // with hash

struct attributes {
    uint32_t valid; // ATTR_*
    uint32_t mode, uid, gid;
    uint64_t size;
    struct time_spec accessed, modified;
};
enum { ATTR_MODE = 1, ATTR_UID = 2, ATTR_GID = 4, ATTR_SIZE = 8, ATTR_ACCESSED = 16, ATTR_MODIFIED = 32 };

// emit returns false when the reader's buffer is full: readdir stops and is called again with the same position.
struct dir_sink {
    bool (*emit)(struct dir_sink *sink, struct name name, uint64_t inode, unsigned type, loff_t next_position);
};

// Permissions were checked by the caller (vfs) unless `permission` is set. The directory's lock is held for writing
// by all that change it, for reading by lookup and readdir. All may block. Null entries: see each.
struct vnode_ops {
    // *out gets a referenced vnode. -ENOENT. Null: not a directory.
    status_t (*lookup)(struct vnode *dir, struct name name, struct vnode **out);
    status_t (*create)(struct vnode *dir, struct name name, uint32_t mode, uint64_t device,
                       struct vnode **out);                                            // mknod too
    status_t (*create_nameless)(struct vnode *dir, uint32_t mode, struct vnode **out); // O_TMPFILE; null: -EOPNOTSUPP
    status_t (*mkdir)(struct vnode *dir, struct name name, uint32_t mode, struct vnode **out);
    status_t (*symlink)(struct vnode *dir, struct name name, const char *target, struct vnode **out);
    status_t (*link)(struct vnode *dir, struct name name, struct vnode *target);
    status_t (*unlink)(struct vnode *dir, struct name name, struct vnode *victim);
    status_t (*rmdir)(struct vnode *dir, struct name name, struct vnode *victim);
    status_t (*rename)(struct vnode *from_dir, struct name from, struct vnode *victim_from, struct vnode *to_dir,
                       struct name to, struct vnode *victim_to, unsigned flags);    // RENAME_EXCHANGE
    status_t (*readdir)(struct vnode *dir, loff_t position, struct dir_sink *sink); // "." and ".." included
    ssize_t (*readlink)(struct vnode *link, char *to, size_t size);
    // Magic links (/proc/self/fd/N): where it leads, as a vnode or an object. *withheld is 0 before: rights that must
    // not be had there. Null: an ordinary link.
    status_t (*follow)(struct vnode *link, struct path *out, uint32_t *withheld);
    status_t (*permission)(struct vnode *vnode, const struct cred *cred, unsigned access); // null: mode bits
    status_t (*get_attributes)(struct vnode *vnode, struct stat_info *out);                // null: from the fields
    status_t (*set_attributes)(struct vnode *vnode, const struct attributes *attributes);  // -EPERM
    // Opens a handle's object. Null: an ordinary file or directory object over `data` and the operations below.
    // Devices and FIFOs give their own. *out: one reference.
    status_t (*open)(struct vnode *vnode, uint32_t flags, struct object **out);
    // Contents made as text at open time or read (procfs): null for files with `data`.
    ssize_t (*read)(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position);
    ssize_t (*write)(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position);
    status_t (*sync)(struct vnode *vnode);
    // The contents are to be written; `keep` bytes of what they are now are wanted. `data` may be another one after
    // that. No lock is held. Null: nothing to do.
    status_t (*prepare_write)(struct vnode *vnode, uint64_t keep);
    // Last reference gone: free what the file system holds (fs_private). The vnode itself, its `data` and its
    // `link_target` are freed by the vfs, after the readers of the capability cache are through. Does not block. May be
    // null.
    void (*release)(struct vnode *vnode);
    // Extended attributes. get and list: size 0 asks for the length; -ERANGE: too small. set with null value removes.
    // Null: -EOPNOTSUPP.
    ssize_t (*get_xattr)(struct vnode *vnode, const char *name, void *value, size_t size);
    status_t (*set_xattr)(struct vnode *vnode, const char *name, const void *value, size_t size, int flags);
    ssize_t (*list_xattr)(struct vnode *vnode, char *list, size_t size);
};

enum vnode_flags {
    VNODE_DYNAMIC = 1,     // directory whose names come and go by themselves (/proc/PID, an overlay's): never cached
    VNODE_DEAD = 2,        // removed directory: nothing can be made in it
    VNODE_NO_TIMES = 4,    // reads do not touch the access time
    VNODE_STATIC_LINK = 8, // link_target is not on the heap
    VNODE_WATCHED = 16,    // inotify watches it
    VNODE_NAMELESS = 32,   // made by O_TMPFILE: linkat may still give it a name
    VNODE_OVERLAID = 64,   // upper or work directory of an overlay that is mounted
};

struct vnode {
    struct refcount ref;
    uint32_t mode; // S_IFMT and permissions
    const struct vnode_ops *ops;
    struct super *super;
    uint64_t inode;
    uint64_t device;          // of a device node
    struct vmo *_Atomic data; // contents of a regular file (the page cache)
    struct rwlock lock;       // directory entries, attributes, size
    uint32_t uid, gid, links;
    struct time_spec accessed, modified, changed, born;
    struct file_locks *_Atomic locks; // POSIX, OFD and flock locks; null until used
    struct pipe *pipe;                // of a FIFO
    struct object *bound;             // the AF_UNIX socket bound here
    _Atomic int32_t writers;          // open for writing (> 0) or denied to writers, being executed (< 0)
    _Atomic uint32_t flags;           // enum vnode_flags
    const char *link_target;          // of a symbolic link whose text is in memory (then readlink may be null)
    struct xattr *xattrs;             // of file systems in memory (xattr_memory_get …)
    void *fs_private;
    struct rcu_head rcu;
};
// One reference; times are now, owner is root, one link. nullptr: no memory. Does not take a reference on `super`.
struct vnode *vnode_create(struct super *super, const struct vnode_ops *ops, uint32_t mode, uint64_t inode);
ALWAYS_INLINE void vnode_get(struct vnode *vnode) {
    refcount_up(&vnode->ref);
}
void vnode_put(struct vnode *vnode);

// Fills *out from the vnode's fields: what a get_attributes of one's own begins with.
void vnode_stat(struct vnode *vnode, struct stat_info *out);

struct super_ops {
    const char *name; // "tmpfs", as /proc/filesystems and mount(2) have it
    bool no_device;
    bool single;     // there is one instance only; mounting again shows it again
    bool makers_pay; // its vnodes are made by programs and stay until these remove them
    status_t (*mount)(struct super *super, const char *source, const char *options); // sets super->root (one reference)
    status_t (*remount)(struct super *super, const char *options);                   // null: options are ignored
    void (*show_options)(struct super *super, struct text_buffer *text);             // ",size=1024k"; may be null
    void (*unmount)(struct super *super);
    void (*sync)(struct super *super); // writes all that is dirty; may be null
    void (*statfs)(struct super *super, struct statfs_info *out);
};
struct statfs_info {
    uint64_t type, block_size, blocks, free, available, files, files_free, name_max, flags;
};
struct super {
    struct refcount ref;
    const struct super_ops *ops;
    struct vnode *root;
    struct entry *root_entry;    // the vfs's
    uint64_t device;             // st_dev
    _Atomic uint32_t flags;      // MS_RDONLY …
    _Atomic uint64_t next_inode; // for file systems that number as they go: super_next_inode
    void *fs_private;
};
ALWAYS_INLINE uint64_t super_next_inode(struct super *super) {
    return atomic_fetch_add_explicit(&super->next_inode, 1, memory_order_relaxed);
}
void filesystem_register(const struct super_ops *ops); // at boot; `ops` stays
// The time to stamp on files: the realtime clock.
struct time_spec time_now(void);

// Devices: drivers register a name; devfs shows it, and a device node with that number opens it.
struct device_ops {
    const char *name; // in /dev; may hold one slash ("pts/0" is pty's own affair)
    uint32_t device;  // Linux's encoding of major and minor
    uint32_t mode;    // permissions
    bool block;       // a block device; else a character device
    status_t (*open)(const struct device_ops *device, uint32_t flags, struct object **out);
    void *context;
};
MUST_USE status_t device_register(const struct device_ops *device);
void device_unregister(const struct device_ops *device);
