// SPDX-License-Identifier: MPL-2.0
// Places in the tree, their text, and each process's root, working directory and umask.
#include "vfs_priv.h"

struct fs_context fs_initial = {.ref = REFCOUNT_INIT(1), .umask = 022};

CHARGED_CACHE(context_slab, struct fs_context);

void path_get(struct path *path) {
    refcount_up(&path->mount->ref);
    entry_get(path->entry);
}

void path_put(struct path *path) {
    entry_put(path->entry);
    mount_put(path->mount);
}

struct vnode *path_vnode(const struct path *path) {
    return entry_vnode(path->entry);
}

// Writes names from the end of the buffer backwards, up to `root` or the top. *inside: it ended at `root`.
static const char *climb(const struct path *path, const struct path *root, char *buffer, size_t size, bool *inside)
    REQUIRES(&tree.lock) {
    struct mount *mount = path->mount;
    struct entry *entry = path->entry;
    char *at = buffer + size - 1;
    *at = 0;
    *inside = true;
    while (!(root && mount == root->mount && entry == root->entry)) {
        if (entry == mount->root) {
            struct mount *above = atomic_load_explicit(&mount->parent, memory_order_relaxed);
            if (!above) {
                *inside = !root;
                break;
            }
            entry = atomic_load_explicit(&mount->mountpoint, memory_order_relaxed);
            mount = above;
            continue;
        }
        struct entry *parent = entry_parent(entry);
        const struct entry_name *name = entry_name(entry);
        if (!parent) {
            *inside = false;
            break;
        }
        if ((size_t)(at - buffer) < name->length + 1)
            return nullptr;
        at -= name->length;
        memcpy(at, name->text, name->length);
        *--at = '/';
        entry = parent;
    }
    if (!*at && at > buffer)
        *--at = '/';
    return at;
}

// True if the entry's own name was removed. Names in directories that are not cached count as present.
bool path_is_removed(const struct path *path) {
    struct vnode *vnode = path_vnode(path);
    struct entry *parent = entry_parent(path->entry);
    if (!vnode || !parent || path->entry == path->mount->root)
        return false;
    if (entry_vnode(parent) && !entry_caches_names(parent))
        return false;
    return !(entry_flags(path->entry) & ENTRY_HASHED) || vnode->flags & VNODE_DEAD;
}

static const char *text_of(const struct path *path, const struct path *root, char *buffer, size_t size, bool *inside) {
    static const char mark[] = " (deleted)";
    bool removed = path_is_removed(path);
    size_t room = removed ? size - (sizeof mark - 1) : size;
    if (size < sizeof mark + 1)
        return error_pointer(-ENAMETOOLONG);
    spin_lock(&tree.lock);
    const char *text = climb(path, root, buffer, room, inside);
    spin_unlock(&tree.lock);
    if (!text)
        return error_pointer(-ENAMETOOLONG);
    if (removed)
        memcpy(buffer + room - 1, mark, sizeof mark);
    return text;
}

const char *path_text(const struct path *path, const struct path *root, char *buffer, size_t size) {
    bool inside;
    return text_of(path, root, buffer, size, &inside);
}

const char *path_text_below(const struct path *path, const struct path *root, char *buffer, size_t size) {
    bool inside = false;
    const char *text = text_of(path, root, buffer, size, &inside);
    return is_error_pointer(text) || inside ? text : error_pointer(-ENOENT);
}

// ---------------------------------------------------------------- contexts

struct fs_context *fs_context_copy(struct fs_context *from) {
    struct fs_context *fs = charged_alloc(&context_slab);
    if (!fs)
        return nullptr;
    refcount_init(&fs->ref, 1);
    spin_init(&fs->lock);
    spin_lock(&from->lock);
    struct path root = from->root, cwd = from->cwd;
    path_get(&root);
    path_get(&cwd);
    fs->umask = from->umask;
    fs->space = from->space;
    if (fs->space)
        refcount_up(&fs->space->ref);
    spin_unlock(&from->lock);
    spin_lock(&fs->lock);
    fs->root = root;
    fs->cwd = cwd;
    spin_unlock(&fs->lock);
    return fs;
}

unsigned fs_context_mount_space(struct fs_context *fs) {
    spin_lock(&fs->lock);
    unsigned number = fs->space ? fs->space->number : 0;
    spin_unlock(&fs->lock);
    return number;
}

void fs_context_put(struct fs_context *fs) {
    if (!refcount_down(&fs->ref))
        return;
    spin_lock(&fs->lock);
    struct path root = fs->root, cwd = fs->cwd;
    spin_unlock(&fs->lock);
    path_put(&root);
    path_put(&cwd);
    if (fs->space)
        mount_space_put(fs->space);
    charged_free(&context_slab, fs);
}

void fs_get_cwd(struct path *out) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    *out = fs->cwd;
    path_get(out);
    spin_unlock(&fs->lock);
}

void fs_get_root(struct path *out) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    *out = fs->root;
    path_get(out);
    spin_unlock(&fs->lock);
}

void fs_set_cwd(struct path *path) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    struct path old = fs->cwd;
    fs->cwd = *path;
    spin_unlock(&fs->lock);
    if (old.entry)
        path_put(&old);
}

void fs_set_root(struct path *path) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    struct path old = fs->root;
    fs->root = *path;
    spin_unlock(&fs->lock);
    if (old.entry)
        path_put(&old);
}

// ---------------------------------------------------------------- lookup for others

status_t path_lookup(const struct path *at, const char *text, unsigned flags, struct path *out) {
    return path_lookup_as(vfs_cred(), at, text, flags, out);
}

static status_t lookup(const struct cred *cred, const struct path *at, const char *text, unsigned flags,
                       struct path *out, uint32_t *withheld) {
    struct walk walk;
    walk.cred = cred;
    status_t status = walk_begin_as(&walk, at, text, flags, false);
    if (status != 0)
        return status;
    *withheld = walk.withheld;
    if (LIKELY(!walk.pinned)) { // the reference on `at` becomes the caller's
        *out = walk.at;
        if (walk.expansion)
            kfree(walk.expansion);
        return 0;
    }
    *out = walk.at;
    path_get(out);
    walk_finish(&walk);
    return 0;
}

status_t path_lookup_withheld(const struct path *at, const char *text, unsigned flags, struct path *out,
                              uint32_t *withheld) {
    return lookup(vfs_cred(), at, text, flags, out, withheld);
}

status_t path_lookup_as(const struct cred *cred, const struct path *at, const char *text, unsigned flags,
                        struct path *out) {
    uint32_t withheld;
    status_t status = lookup(cred, at, text, flags, out, &withheld);
    if (LIKELY(status != 0 || !withheld || flags & LOOKUP_LOOK))
        return status;
    path_put(out);
    return -EACCES;
}

static status_t lookup_from_fd(int dirfd, const char *text, unsigned flags, struct path *out) {
    if (dirfd == AT_FDCWD || *text == '/')
        return path_lookup(nullptr, text, flags, out);
    struct handle_ref ref;
    status_t status = handle_lookup(dirfd, 0, &ref);
    if (status != 0)
        return status;
    struct path at;
    status = handle_place(&ref, &at) ? path_lookup(&at, text, flags, out) : -ENOTDIR;
    handle_release(&ref);
    return status;
}

status_t path_lookup_user(int dirfd, const char __user *text, unsigned flags, struct path *out) {
    char small[256];
    ssize_t length = string_from_user(small, text, sizeof small);
    if (LIKELY(length >= 0))
        return lookup_from_fd(dirfd, small, flags, out);
    if (length != -ENAMETOOLONG)
        return (status_t)length;
    char *large = kmalloc(PATH_MAX);
    if (!large)
        return -ENOMEM;
    length = string_from_user(large, text, PATH_MAX);
    status_t status = length < 0 ? (status_t)length : lookup_from_fd(dirfd, large, flags, out);
    kfree(large);
    return status;
}
