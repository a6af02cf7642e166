// SPDX-License-Identifier: MPL-2.0
// Mounts: which tree is shown where.
//
// A super is a mounted instance of a file system, a mount shows (a part of) it at a place: a mount point is an entry
// of another mount. Walkers find mounts by hash under RCU; changes hold mounts.mutex and are wrapped in
// tree_change_begin/end. A mount in the tree is referenced by the tree, and holds its parent and mount point.
#include "vfs_priv.h"

#include <lib/log.h>

enum { MOUNT_BUCKETS = 64 };
// Flags of a mount itself; the others that mount(2) takes belong to the super.
static const uint32_t mount_flag_mask = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME |
                                        MS_STRICTATIME | MS_RELATIME | MS_NOSYMFOLLOW;

static struct {
    struct mutex mutex;
    struct list_node list GUARDED_BY(&mutex); // all in the tree, in order of mounting
    uint32_t next_id GUARDED_BY(&mutex);
    _Atomic(struct mount *) buckets[MOUNT_BUCKETS];
    // Registered at boot, then only read.
    const struct super_ops *types[16];
    struct super *singles[16];
    unsigned type_count;
    _Atomic uint32_t next_device;
} mounts = {.mutex = MUTEX_INIT(mounts.mutex), .list = LIST_INIT(mounts.list), .next_id = 20, .next_device = 20};

CHARGED_CACHE(mount_slab, struct mount);

void filesystem_register(const struct super_ops *ops) {
    ASSERT(mounts.type_count < ARRAY_SIZE(mounts.types));
    mounts.types[mounts.type_count++] = ops;
}

// ---------------------------------------------------------------- supers

status_t super_create(const struct super_ops *ops, const char *source, const char *options, struct super **out) {
    struct super *super = kzalloc(sizeof *super);
    if (!super)
        return -ENOMEM;
    refcount_init(&super->ref, 1);
    super->ops = ops;
    super->device = abi_make_device(0, atomic_fetch_add(&mounts.next_device, 1));
    super->next_inode = 1;
    status_t status = ops->mount(super, source, options);
    if (status != 0)
        goto free_super;
    vnode_get(super->root);
    struct name none = name_make("", 0);
    super->root_entry = entry_create(nullptr, &none, super->root);
    status = -ENOMEM;
    if (!super->root_entry)
        goto unmount;
    *out = super;
    return 0;
unmount:
    vnode_put(super->root);
    if (ops->unmount)
        ops->unmount(super);
free_super:
    kfree(super);
    return status;
}

void super_put(struct super *super) {
    if (!refcount_down(&super->ref))
        return;
    entry_evict_super(super->root_entry);
    entry_put(super->root_entry);
    vnode_put(super->root);
    if (super->ops->unmount)
        super->ops->unmount(super);
    kfree(super);
}

static status_t super_get(const char *type, const struct mount_request *request, struct super **out) {
    for (unsigned i = 0; i < mounts.type_count; i++) {
        const struct super_ops *ops = mounts.types[i];
        if (strcmp(ops->name, type) != 0)
            continue;
        if (!ops->single)
            return super_create(ops, request->source, request->options, out);
        if (!mounts.singles[i]) {
            status_t status = super_create(ops, request->source, request->options, &mounts.singles[i]);
            if (status != 0)
                return status;
        }
        refcount_up(&mounts.singles[i]->ref);
        *out = mounts.singles[i];
        return 0;
    }
    return -ENODEV;
}

// ---------------------------------------------------------------- the mount tree

static _Atomic(struct mount *) *bucket_of(const struct mount *on, const struct entry *at) {
    uint64_t key = ((uintptr_t)on >> 6) * 31 + ((uintptr_t)at >> 6);
    return &mounts.buckets[key * 0x9e3779b97f4a7c15ull >> 58];
}
static_assert(MOUNT_BUCKETS == 64);

struct mount *mount_find(struct mount *on, struct entry *at) {
    struct mount *mount = atomic_load_explicit(bucket_of(on, at), memory_order_acquire);
    for (; mount; mount = atomic_load_explicit(&mount->hash_next, memory_order_acquire))
        if (atomic_load_explicit(&mount->parent, memory_order_acquire) == on &&
            atomic_load_explicit(&mount->mountpoint, memory_order_acquire) == at)
            return mount;
    return nullptr;
}

static void reclaim(struct rcu_head *head) {
    struct mount *mount = CONTAINER_OF(head, struct mount, rcu);
    kfree(mount->source);
    charged_free(&mount_slab, mount);
}

void mount_free(struct mount *mount) {
    entry_put(mount->root);
    super_put(mount->super);
    rcu_call(&mount->rcu, reclaim);
}

static char *copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = kmalloc_charged(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

// Takes over the reference on `super`; takes one on `root`. Not in the tree yet: one reference.
static struct mount *mount_create(struct super *super, struct entry *root, const char *source, uint32_t flags)
    REQUIRES(&mounts.mutex) {
    struct mount *mount = charged_alloc_zero(&mount_slab);
    char *copy = copy_text(source && *source ? source : "none");
    if (!mount || !copy) {
        kfree(copy);
        if (mount)
            charged_free(&mount_slab, mount);
        super_put(super);
        return nullptr;
    }
    refcount_init(&mount->ref, 1);
    mount->id = mounts.next_id++;
    mount->flags = flags & mount_flag_mask;
    mount->super = super;
    mount->root = root;
    entry_get(root);
    mount->source = copy;
    list_init(&mount->list);
    return mount;
}

// Puts the mount at a place; its one reference becomes the tree's. Takes references on the place.
static void attach(struct mount *mount, const struct path *at) REQUIRES(&mounts.mutex) {
    _Atomic(struct mount *) *bucket = bucket_of(at->mount, at->entry);
    refcount_up(&at->mount->ref);
    entry_get(at->entry);
    tree_change_begin();
    atomic_store_explicit(&mount->parent, at->mount, memory_order_release);
    atomic_store_explicit(&mount->mountpoint, at->entry, memory_order_release);
    atomic_store_explicit(&mount->hash_next, atomic_load(bucket), memory_order_relaxed);
    atomic_store_explicit(bucket, mount, memory_order_release);
    atomic_fetch_or(&at->entry->flags, ENTRY_MOUNTED);
    tree_change_end();
    if (!list_is_linked(&mount->list))
        list_push_back(&mounts.list, &mount->list);
}

static bool is_mount_point(struct entry *entry) REQUIRES(&mounts.mutex) {
    struct mount *mount;
    LIST_FOR_EACH(mount, &mounts.list, list)
    if (mount->mountpoint == entry)
        return true;
    return false;
}

// Takes it off its place; *place gets the references that it held there. Stays in mounts.list.
static void detach(struct mount *mount, struct path *place) REQUIRES(&mounts.mutex) {
    *place = (struct path){mount->parent, mount->mountpoint};
    _Atomic(struct mount *) *link = bucket_of(place->mount, place->entry);
    tree_change_begin();
    for (struct mount *at; (at = atomic_load(link)) != mount;)
        link = &at->hash_next;
    atomic_store_explicit(link, atomic_load(&mount->hash_next), memory_order_release);
    atomic_store_explicit(&mount->parent, nullptr, memory_order_release);
    atomic_store_explicit(&mount->mountpoint, nullptr, memory_order_release);
    if (!is_mount_point(place->entry))
        atomic_fetch_and(&place->entry->flags, ~(uint32_t)ENTRY_MOUNTED);
    tree_change_end();
}

// The topmost mount on a place.
static struct path top_of(const struct path *at) REQUIRES(&mounts.mutex) {
    struct path top = *at;
    for (struct mount *mount; (mount = mount_find(top.mount, top.entry));)
        top = (struct path){mount, mount->root};
    return top;
}

static status_t add_at(struct mount *mount, const struct path *target) REQUIRES(&mounts.mutex) {
    struct path place = top_of(target);
    struct vnode *on = path_vnode(&place), *shown = entry_vnode(mount->root);
    status_t status = 0;
    if (!on)
        status = -ENOENT;
    else if (S_ISTYPE(on->mode, S_IFDIR) != S_ISTYPE(shown->mode, S_IFDIR))
        status = -ENOTDIR;
    if (status != 0)
        mount_put(mount);
    else
        attach(mount, &place);
    return status;
}

static status_t mount_new(const struct mount_request *request) REQUIRES(&mounts.mutex) {
    struct super *super;
    status_t status = request->type ? super_get(request->type, request, &super) : -EINVAL;
    if (status != 0)
        return status;
    if (request->flags & MS_RDONLY && !super->ops->single)
        atomic_fetch_or(&super->flags, MS_RDONLY);
    struct mount *mount = mount_create(super, super->root_entry, request->source, (uint32_t)request->flags);
    return mount ? add_at(mount, request->target) : -ENOMEM;
}

// Of the mounts below `from`, shows those under its entry at the same places of the copy.
static status_t bind_children(const struct path *from, struct mount *copy) REQUIRES(&mounts.mutex) {
    struct mount *child, *last = LIST_ENTRY(mounts.list.prev, struct mount, list);
    LIST_FOR_EACH(child, &mounts.list, list) {
        if (child->parent == from->mount && child != copy && entry_is_below(child->mountpoint, from->entry)) {
            refcount_up(&child->super->ref);
            struct mount *twin = mount_create(child->super, child->root, child->source, child->flags);
            if (!twin)
                return -ENOMEM;
            child->twin = twin;
            attach(twin, &(struct path){copy, child->mountpoint});
            status_t status = bind_children(&(struct path){child, child->root}, twin);
            if (status != 0)
                return status;
        }
        if (child == last)
            break;
    }
    return 0;
}

static status_t mount_bind(const struct mount_request *request) REQUIRES(&mounts.mutex) {
    const struct path *from = request->from;
    refcount_up(&from->mount->super->ref);
    struct mount *mount = mount_create(from->mount->super, from->entry, from->mount->source,
                                       from->mount->flags | (uint32_t)request->flags);
    if (!mount)
        return -ENOMEM;
    status_t status = add_at(mount, request->target);
    return status == 0 && request->flags & MS_REC ? bind_children(from, mount) : status;
}

static bool mount_is_below(struct mount *mount, const struct mount *ancestor) {
    while (mount && mount != ancestor)
        mount = mount->parent;
    return mount != nullptr;
}

static status_t mount_move(const struct mount_request *request) REQUIRES(&mounts.mutex) {
    struct mount *mount = request->from->mount;
    if (request->from->entry != mount->root || !mount->parent)
        return -EINVAL;
    struct path place = top_of(request->target), old;
    if (mount_is_below(place.mount, mount))
        return -ELOOP;
    struct vnode *on = path_vnode(&place);
    if (!on || S_ISTYPE(on->mode, S_IFDIR) != S_ISTYPE(entry_vnode(mount->root)->mode, S_IFDIR))
        return -ENOTDIR;
    detach(mount, &old);
    attach(mount, &place);
    path_put(&old);
    return 0;
}

static status_t mount_change(const struct mount_request *request) REQUIRES(&mounts.mutex) {
    struct mount *mount = request->target->mount;
    if (request->target->entry != mount->root)
        return -EINVAL;
    if (!(request->flags & MS_BIND)) {
        struct super *super = mount->super;
        if (super->ops->remount && request->options) {
            status_t status = super->ops->remount(super, request->options);
            if (status != 0)
                return status;
        }
        uint32_t read_only = (uint32_t)request->flags & MS_RDONLY;
        atomic_store(&super->flags, (super->flags & ~(uint32_t)MS_RDONLY) | read_only);
    }
    atomic_store(&mount->flags, (uint32_t)request->flags & mount_flag_mask);
    return 0;
}

status_t vfs_mount(const struct mount_request *request) {
    if (!cred_has_cap(vfs_cred(), CAP_SYS_ADMIN))
        return -EPERM;
    mutex_lock(&mounts.mutex);
    status_t status;
    if (request->flags & MS_REMOUNT)
        status = mount_change(request);
    else if (request->flags & MS_BIND)
        status = mount_bind(request);
    else if (request->flags & (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
        status = path_is_mount_root(request->target) ? 0 : -EINVAL; // one namespace: nothing propagates
    else if (request->flags & MS_MOVE)
        status = mount_move(request);
    else
        status = mount_new(request);
    mutex_unlock(&mounts.mutex);
    return status;
}

// ---------------------------------------------------------------- unmounting

static bool has_children(const struct mount *mount) REQUIRES(&mounts.mutex) {
    struct mount *child;
    LIST_FOR_EACH(child, &mounts.list, list)
    if (child->parent == mount)
        return true;
    return false;
}

static void take_down(struct mount *mount) REQUIRES(&mounts.mutex) {
    struct path place;
    if (mount->parent) { // not the root of a space
        detach(mount, &place);
        path_put(&place);
    }
    list_remove(&mount->list);
    mount_put(mount);
}

// MNT_DETACH: with all that is mounted below it.
static void take_down_tree(struct mount *mount) REQUIRES(&mounts.mutex) {
    struct mount *child;
again:
    LIST_FOR_EACH(child, &mounts.list, list)
    if (child->parent == mount) {
        take_down_tree(child);
        goto again;
    }
    take_down(mount);
}

status_t vfs_unmount(const struct path *target, int flags) {
    if (!cred_has_cap(vfs_cred(), CAP_SYS_ADMIN))
        return -EPERM;
    if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
        return -EINVAL;
    struct mount *mount = target->mount;
    mutex_lock(&mounts.mutex);
    status_t status = 0;
    if (target->entry != mount->root || !mount->parent)
        status = -EINVAL;
    else if (flags & MNT_DETACH)
        take_down_tree(mount);
    else if (has_children(mount) || refcount_value(&mount->ref) > 2) // the tree's and the caller's
        status = -EBUSY;
    else
        take_down(mount);
    mutex_unlock(&mounts.mutex);
    return status;
}

// ---------------------------------------------------------------- spaces

CHARGED_CACHE(space_slab, struct mount_space);

static struct mount *top_mount(struct mount *mount) REQUIRES(&mounts.mutex) {
    while (mount->parent)
        mount = mount->parent;
    return mount;
}

void mount_space_put(struct mount_space *space) {
    if (!refcount_down(&space->ref))
        return;
    mutex_lock(&mounts.mutex);
    take_down_tree(space->root);
    mutex_unlock(&mounts.mutex);
    charged_free(&space_slab, space);
}

// Copies the whole tree that `old` is the root of; each mount's twin is its copy.
static struct mount *copy_tree(struct mount *old) REQUIRES(&mounts.mutex) {
    struct mount *mount;
    LIST_FOR_EACH(mount, &mounts.list, list)
    mount->twin = nullptr;
    refcount_up(&old->super->ref);
    struct mount *copy = mount_create(old->super, old->root, old->source, old->flags);
    if (!copy)
        return nullptr;
    list_push_back(&mounts.list, &copy->list);
    old->twin = copy;
    if (bind_children(&(struct path){old, old->root}, copy) == 0)
        return copy;
    take_down_tree(copy);
    return nullptr;
}

// To the same place in the copy. A place that is in no tree any more stays what it is.
static struct path twin_of(const struct path *place) {
    struct path twin = *place;
    if (place->mount->twin)
        twin.mount = place->mount->twin;
    path_get(&twin);
    return twin;
}

status_t fs_context_unshare_mounts(struct fs_context *fs) {
    if (!cred_has_cap(vfs_cred(), CAP_SYS_ADMIN))
        return -EPERM;
    struct mount_space *space = charged_alloc(&space_slab), *old_space = fs->space;
    if (!space)
        return -ENOMEM;
    refcount_init(&space->ref, 1);
    mutex_lock(&mounts.mutex);
    spin_lock(&fs->lock);
    struct path root = fs->root, cwd = fs->cwd; // nobody else changes them
    spin_unlock(&fs->lock);
    space->root = copy_tree(top_mount(root.mount));
    if (!space->root) {
        mutex_unlock(&mounts.mutex);
        charged_free(&space_slab, space);
        return -ENOMEM;
    }
    struct path new_root = twin_of(&root), new_cwd = twin_of(&cwd);
    spin_lock(&fs->lock);
    fs->root = new_root;
    fs->cwd = new_cwd;
    space->number = space->root->id;
    fs->space = space;
    spin_unlock(&fs->lock);
    mutex_unlock(&mounts.mutex);
    path_put(&root);
    path_put(&cwd);
    if (old_space)
        mount_space_put(old_space);
    return 0;
}

// ---------------------------------------------------------------- the root

static void replace_root(struct fs_context *fs, void *argument) {
    const struct path *from = argument, *to = from + 1;
    spin_lock(&fs->lock);
    int moved = 0;
    if (path_equal(&fs->root, from)) {
        fs->root = *to;
        path_get(&fs->root);
        moved++;
    }
    if (path_equal(&fs->cwd, from)) {
        fs->cwd = *to;
        path_get(&fs->cwd);
        moved++;
    }
    spin_unlock(&fs->lock);
    while (moved-- > 0)
        path_put(&(struct path){from->mount, from->entry});
}

status_t vfs_pivot_root(const struct path *new_root, const struct path *put_old) {
    if (!cred_has_cap(vfs_cred(), CAP_SYS_ADMIN))
        return -EPERM;
    struct path root, place, pair[2];
    fs_get_root(&root);
    mutex_lock(&mounts.mutex);
    status_t status = -EINVAL;
    struct mount *new_mount = new_root->mount, *old_mount = root.mount;
    if (new_root->entry != new_mount->root || root.entry != old_mount->root || !new_mount->parent)
        goto out;
    // The first root is the initramfs; it stays where it is, as on Linux. That of a space of one's own may go.
    struct mount_space *space = vfs_context()->space;
    if ((!old_mount->parent && !(space && space->root == old_mount)) || !mount_is_below(put_old->mount, new_mount))
        goto out;
    status = -EBUSY;
    if (new_mount == old_mount || put_old->mount == old_mount)
        goto out;
    struct path new_place, above = {};
    detach(new_mount, &new_place);
    if (old_mount->parent) {
        detach(old_mount, &above);
        attach(new_mount, &above);
    } else {
        space->root = new_mount;
    }
    place = top_of(put_old);
    attach(old_mount, &place);
    path_put(&new_place);
    if (above.mount)
        path_put(&above);
    pair[0] = root;
    pair[1] = (struct path){new_mount, new_mount->root};
    if (vfs_hooks && vfs_hooks->for_each_context)
        vfs_hooks->for_each_context(replace_root, pair);
    else
        replace_root(vfs_context(), pair);
    status = 0;
out:
    mutex_unlock(&mounts.mutex);
    path_put(&root);
    return status;
}

status_t mount_root_create(const char *type) {
    struct mount_request request = {.source = "rootfs", .options = "mode=755"};
    struct super *super;
    mutex_lock(&mounts.mutex);
    status_t status = super_get(type, &request, &super);
    struct mount *mount = status == 0 ? mount_create(super, super->root_entry, "rootfs", 0) : nullptr;
    if (mount)
        list_push_back(&mounts.list, &mount->list);
    mutex_unlock(&mounts.mutex);
    if (!mount)
        return status != 0 ? status : -ENOMEM;
    struct path root = {mount, mount->root};
    spin_lock(&fs_initial.lock);
    fs_initial.root = fs_initial.cwd = root;
    path_get(&root);
    path_get(&root);
    spin_unlock(&fs_initial.lock);
    return 0;
}

// A mount that is nowhere in the tree: the kernel's own view of a file system.
status_t mount_hidden(const char *type, struct path *out) {
    struct mount_request request = {};
    struct super *super;
    mutex_lock(&mounts.mutex);
    status_t status = super_get(type, &request, &super);
    struct mount *mount = status == 0 ? mount_create(super, super->root_entry, type, 0) : nullptr;
    mutex_unlock(&mounts.mutex);
    if (!mount)
        return status != 0 ? status : -ENOMEM;
    *out = (struct path){mount, mount->root};
    entry_get(mount->root);
    return 0;
}

// ---------------------------------------------------------------- all of them

void vfs_sync_all(void) {
    mutex_lock(&mounts.mutex);
    struct mount *mount;
    LIST_FOR_EACH(mount, &mounts.list, list)
    if (mount->super->ops->sync)
        mount->super->ops->sync(mount->super);
    mutex_unlock(&mounts.mutex);
}

void mounts_visit(const struct path *root, void (*visit)(struct mount *mount, void *context), void *context) {
    mutex_lock(&mounts.mutex);
    struct mount *mount;
    LIST_FOR_EACH(mount, &mounts.list, list)
    if (top_mount(mount) == top_mount(root->mount))
        visit(mount, context);
    mutex_unlock(&mounts.mutex);
}

void filesystems_describe(struct text_buffer *text) {
    for (unsigned i = 0; i < mounts.type_count; i++)
        text_printf(text, "%s\t%s\n", mounts.types[i]->no_device ? "nodev" : "", mounts.types[i]->name);
}
