// SPDX-License-Identifier: MPL-2.0
// The inside of the vfs: cached names, mounts, the walk.
//
// Lock order: rename mutex, directory locks (ancestor first, else by address), victim's lock, then the spinlocks
// tree lock, cache lock. The mount mutex is taken before all of these.
#pragma once

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>
#include <vfs/hooks.h>
#include <vfs/namespace.h>

// ---------------------------------------------------------------- the capability cache (entry.c)

// Never changes once published, so readers see name, length and hash of one piece.
struct entry_name {
    uint32_t hash;
    uint32_t length;
    struct rcu_head rcu;
    char text[];
};

enum { ENTRY_INLINE_NAME = 32 };
enum entry_flags {
    ENTRY_HASHED = 1,  // findable; the cache owns one reference
    ENTRY_MOUNTED = 2, // something is mounted on it, in some mount
    ENTRY_USED = 4,    // looked up since the clock hand passed
};

// A name in a directory. While someone besides the cache holds a reference, a positive entry stays positive.
struct entry {
    _Atomic(struct entry *) hash_next;
    _Atomic(struct entry *) parent; // one reference; null: root of a super
    _Atomic(struct vnode *) vnode;  // one reference; null: negative
    _Atomic(struct entry_name *) name;
    struct refcount ref;
    _Atomic uint32_t flags;
    struct list_node clock;             // the cache's list of hashed entries
    struct list_node children, sibling; // hashed entries by parent; under the cache's lock
    struct rcu_head rcu;
    alignas(struct entry_name) char own_name[sizeof(struct entry_name) + ENTRY_INLINE_NAME]; // short names live here
};

ALWAYS_INLINE struct vnode *entry_vnode(const struct entry *entry) {
    return atomic_load_explicit(&((struct entry *)(uintptr_t)entry)->vnode, memory_order_acquire);
}
ALWAYS_INLINE struct entry *entry_parent(const struct entry *entry) {
    return atomic_load_explicit(&((struct entry *)(uintptr_t)entry)->parent, memory_order_acquire);
}
ALWAYS_INLINE const struct entry_name *entry_name(const struct entry *entry) {
    return atomic_load_explicit(&((struct entry *)(uintptr_t)entry)->name, memory_order_acquire);
}
ALWAYS_INLINE uint32_t entry_flags(const struct entry *entry) {
    return atomic_load_explicit(&((struct entry *)(uintptr_t)entry)->flags, memory_order_acquire);
}
ALWAYS_INLINE void entry_get(struct entry *entry) {
    refcount_up(&entry->ref);
}
void entry_free(struct entry *entry);
ALWAYS_INLINE void entry_put(struct entry *entry) {
    if (refcount_down(&entry->ref))
        entry_free(entry);
}
// Finds without a reference, inside an RCU section; null: not cached.
struct entry *entry_find(struct entry *parent, const struct name *name);
// The same, uncounted, for a walk that counts its hits at the end.
struct entry *entry_peek(struct entry *parent, const struct name *name);
void entry_count_hits(unsigned count);
// A new entry for a name in `parent` with the caller's reference; takes over one on `vnode` (null: negative).
// nullptr: no memory (then the vnode's reference is dropped).
struct entry *entry_create(struct entry *parent, const struct name *name, struct vnode *vnode);
// Puts it in the cache, unless the same name is there already: then that one is returned, referenced, instead.
struct entry *entry_insert(struct entry *entry);
// Finds or makes the entry of a name, referenced. The directory's lock is held, or is taken for reading.
// Are names in this directory kept? Not where they come and go by themselves, and not below an entry that is not in the
// cache itself: it could not be found again, and they would only keep it in memory.
bool entry_caches_names(const struct entry *parent);
MUST_USE status_t entry_lookup_locked(struct entry *parent, const struct name *name, struct entry **out);
MUST_USE status_t entry_lookup(struct entry *parent, const struct name *name, struct entry **out);
// The directories' locks are held for writing by the callers of these four.
void entry_fill(struct entry *entry, struct vnode *vnode); // negative becomes positive; takes over the reference
void entry_removed(struct entry *entry);                   // its name is gone; the caller holds a reference
void entry_move(struct entry *entry, struct entry *over, struct entry_name *new_name);
void entry_exchange(struct entry *a, struct entry *b, struct entry_name *a_new, struct entry_name *b_new);
// The name of an entry, copied for another one that will take it. nullptr: no memory.
struct entry_name *entry_name_copy(const struct entry *entry);
// Throws out all entries of a super that nobody uses.
void entry_evict_super(struct entry *root);
bool entry_is_below(struct entry *entry, struct entry *ancestor); // or equal; tree lock taken
void entry_cache_init(void);

// Renames and mount changes: readers without locks notice by the sequence number.
struct tree_lock {
    struct spinlock lock;
    _Atomic uint32_t sequence; // odd while something changes
};
extern struct tree_lock tree;
void tree_change_begin(void) ACQUIRES(&tree.lock);
void tree_change_end(void) RELEASES(&tree.lock);
ALWAYS_INLINE uint32_t tree_sequence(void) {
    return atomic_load_explicit(&tree.sequence, memory_order_acquire);
}
ALWAYS_INLINE bool tree_unchanged(uint32_t since) {
    atomic_thread_fence(memory_order_acquire);
    return !(since & 1) && atomic_load_explicit(&tree.sequence, memory_order_relaxed) == since;
}

// ---------------------------------------------------------------- mounts (mount.c)

struct mount {
    struct refcount ref;
    uint32_t id;
    _Atomic uint32_t flags; // MS_RDONLY, MS_NOEXEC, …
    struct super *super;    // one reference
    struct entry *root;     // one reference
    _Atomic(struct mount *) hash_next;
    _Atomic(struct mount *) parent;     // one reference; null: the root mount, or detached
    _Atomic(struct entry *) mountpoint; // one reference
    struct list_node list;              // mounts.list
    char *source;
    struct mount *twin; // its copy, while a space is copied
    struct rcu_head rcu;
};
void mount_free(struct mount *mount);
ALWAYS_INLINE void mount_put(struct mount *mount) {
    if (refcount_down(&mount->ref))
        mount_free(mount);
}
// What is mounted on (mount, entry); RCU, no reference.
struct mount *mount_find(struct mount *on, struct entry *at);
// A tree of mounts of one's own: its root has no parent. The first one is not counted.
struct mount_space {
    struct refcount ref;
    struct mount *root; // the tree's reference; under the mutex of mounts
    unsigned number;    // its own: that of its first root. Never changes
};
void mount_space_put(struct mount_space *space);
void mount_init(void);
MUST_USE status_t mount_root_create(const char *type);
// All mounts that are in one tree with `root`, in order of mounting. The mutex of mounts is held.
void mounts_visit(const struct path *root, void (*visit)(struct mount *mount, void *context), void *context);
void filesystems_describe(struct text_buffer *text);
MUST_USE status_t super_create(const struct super_ops *ops, const char *source, const char *options,
                               struct super **out);
void super_put(struct super *super);

ALWAYS_INLINE bool path_equal(const struct path *a, const struct path *b) {
    return a->mount == b->mount && a->entry == b->entry;
}

// ---------------------------------------------------------------- the walk (walk.c)

struct walk {
    const struct cred *cred;
    unsigned flags; // LOOKUP_*
    unsigned links; // symbolic links followed so far
    bool pinned;    // `at`, `root` and `base` are referenced
    bool holds_at;  // only `at` is
    bool parent_only;
    bool trailing_slash;
    uint32_t sequence;
    struct path root, base, at;
    struct name last;     // with parent_only: the component that was not walked
    uint32_t withheld;    // rights that the handle lacks at which it began, or through whose link it came
    bool last_is_special; // … and it was ".", ".." or "/"
    char *expansion;      // text with symbolic links replaced, or null
};
// With parent_only, `at` is the directory and `last` the name in it; valid until walk_finish. Without, `at` is the
// result. On success the paths in it are referenced; walk_finish drops them.
MUST_USE status_t walk_begin(struct walk *walk, const struct path *from, const char *text, unsigned flags,
                             bool parent_only);
// To a name that is to be made or removed: -EACCES if WRITE is withheld.
MUST_USE status_t walk_to_change(struct walk *walk, const struct path *from, const char *text);
// walk_begin with walk->cred set by the caller.
MUST_USE status_t walk_begin_as(struct walk *walk, const struct path *from, const char *text, unsigned flags,
                                bool parent_only);
void walk_finish(struct walk *walk);
// path_lookup that also says which rights a handle lacks through whose link the walk came.
MUST_USE status_t path_lookup_withheld(const struct path *at, const char *text, unsigned flags, struct path *out,
                                       uint32_t *withheld);
// Credentials of the current task; root's for kernel threads.
ALWAYS_INLINE const struct cred *vfs_cred(void) {
    return task_current() ? cred_current() : &cred_root;
}
ALWAYS_INLINE struct fs_context *vfs_context(void) {
    return task_current() ? fs_current() : &fs_initial;
}

// ---------------------------------------------------------------- vnodes (vnode.c)

void vnode_touch(struct vnode *vnode);   // modified and changed are now; lock held for writing
void vnode_changed(struct vnode *vnode); // changed is now
void vnode_accessed(struct vnode *vnode, const struct mount *mount); // relatime
// Gives a new vnode its owner: from the credentials, or the directory's group if that is setgid.
void vnode_set_owner(struct vnode *vnode, const struct vnode *dir, const struct cred *cred);
MUST_USE status_t vnode_get_writer(struct vnode *vnode); // -ETXTBSY
void vnode_put_writer(struct vnode *vnode);
// May `cred` remove or rename `victim` in `dir`? Sticky bit and write permission.
MUST_USE status_t vnode_may_delete(struct vnode *dir, struct vnode *victim, const struct cred *cred);

MUST_USE status_t vnode_resize(struct vnode *vnode, uint64_t size); // ftruncate, O_TRUNC: limits, times
// The contents are about to be written (vnode_ops.prepare_write).
MUST_USE ALWAYS_INLINE status_t vnode_prepare_write(struct vnode *vnode, uint64_t keep) {
    return UNLIKELY(vnode->ops->prepare_write != nullptr) ? vnode->ops->prepare_write(vnode, keep) : 0;
}
// Sets fields that were asked for, and `changed`. The vnode's lock is held for writing.
void vnode_apply(struct vnode *vnode, const struct attributes *set);

// ---------------------------------------------------------------- files (file.c, file_text.c)

MUST_USE status_t file_create(const struct path *path, uint32_t flags, struct object **out);
ALWAYS_INLINE struct file *to_file(struct object *object) {
    return CONTAINER_OF(object, struct file, object);
}
// What the vnode itself says. -EINVAL: it has no contents.
ssize_t file_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags);
status_t file_stat(struct object *object, struct stat_info *out);
int file_link_text(struct object *object, char *to, size_t size);
void file_handle_closed(struct object *object, struct task *task);
void file_closed(struct object *object);
void file_destroy(struct object *object);
// Puts the object of a device or FIFO behind a new file. Takes over the reference.
void file_set_inner(struct file *file, struct object *inner);

// Text files (text.c)
ssize_t text_take(struct text_buffer *text, struct uio *uio, loff_t position);
void text_free(struct text_buffer *text);

// ---------------------------------------------------------------- locks (locks.c, flock.c)
void locks_task_closed(struct vnode *vnode, struct task *task);
void locks_file_closed(struct vnode *vnode, struct object *file);
void locks_free(struct vnode *vnode);

// ---------------------------------------------------------------- extended attributes in memory (xattr.c)
ssize_t xattr_memory_get(struct vnode *vnode, const char *name, void *value, size_t size);
MUST_USE status_t xattr_memory_set(struct vnode *vnode, const char *name, const void *value, size_t size, int flags);
ssize_t xattr_memory_list(struct vnode *vnode, char *list, size_t size);
void xattr_free_all(struct vnode *vnode);

// ---------------------------------------------------------------- built-in file systems
void tmpfs_register(void);
void overlay_register_type(void);
void devfs_init(void);
void procfs_init(void);
void sysfs_init(void);
MUST_USE status_t device_list(const struct device_ops *ops); // device_sysfs.c: shows a character device in /sys
void pipe_put(struct pipe *pipe);
// Another end of the pipe behind an object (opening /proc/self/fd/N). -ENXIO: not a pipe.
MUST_USE status_t pipe_reopen(struct object *object, uint32_t flags, struct object **out);
status_t memory_files_init(void); // likewise
// A private copy of a tmpfs file or memfd, as a memfd. -EINVAL: another file.
status_t memory_file_snapshot(struct object *object, struct object **copy);
status_t nameless_init(void); // after the root file system is mounted
MUST_USE status_t fifo_open(struct vnode *vnode, uint32_t flags, struct object **out);
MUST_USE status_t device_open(uint32_t kind, uint64_t number, uint32_t flags, struct object **out);
