// SPDX-License-Identifier: MPL-2.0
// From a path's text to a place in the tree.
//
// The walk begins without references or locks: it follows the capability cache under RCU and remembers tree.sequence.
// When it arrives it takes references on the result, and if the sequence is still the same (nothing was renamed
// or mounted meanwhile) all that it saw was true at one moment. When it must block instead (a name that is not cached,
// a link that the file system has to read, permissions that it has to be asked for), it takes references on where it
// stands and goes on `pinned`, one reference at a time. If either attempt finds that the tree has changed, the whole
// walk is repeated, pinned from the start; a pinned walk never has to be repeated.
#include "vfs_priv.h"

enum { LINKS_MAX = 40, RETRY = 1 }; // RETRY: internal status, walk again pinned

static void root_of(struct walk *walk) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    walk->root = fs->root;
    if (walk->pinned)
        path_get(&walk->root);
    spin_unlock(&fs->lock);
}

static void cwd_of(struct walk *walk) {
    struct fs_context *fs = vfs_context();
    spin_lock(&fs->lock);
    walk->base = fs->cwd;
    if (walk->pinned)
        path_get(&walk->base);
    spin_unlock(&fs->lock);
}

static bool try_path_get(struct path *path) {
    if (!refcount_try_up(&path->mount->ref))
        return false;
    if (refcount_try_up(&path->entry->ref))
        return true;
    mount_put(path->mount);
    return false;
}

// References for root, base and at; from now on the walk may block.
static status_t pin(struct walk *walk) {
    if (walk->pinned)
        return 0;
    struct vnode *seen = entry_vnode(walk->at.entry);
    if (!walk->holds_at && !try_path_get(&walk->at))
        return RETRY;
    walk->holds_at = false;
    if (!try_path_get(&walk->root))
        goto drop_at;
    if (!try_path_get(&walk->base))
        goto drop_root;
    walk->pinned = true;
    if (tree_unchanged(walk->sequence) && entry_vnode(walk->at.entry) == seen)
        return 0;
    return RETRY; // walk_finish drops all three
drop_root:
    path_put(&walk->root);
drop_at:
    path_put(&walk->at);
    return RETRY;
}

// The end of a walk without references: takes them on the result alone.
static status_t arrive_at_end(struct walk *walk) {
    if (walk->pinned)
        return 0;
    if (!try_path_get(&walk->at))
        return RETRY;
    walk->holds_at = true;
    return tree_unchanged(walk->sequence) && entry_vnode(walk->at.entry) ? 0 : RETRY;
}

// An error found without references counts only if the tree stood still.
static status_t verdict(struct walk *walk, status_t status) {
    return walk->pinned || tree_unchanged(walk->sequence) ? status : RETRY;
}

// While something is mounted on where we stand, goes to its root.
static status_t cross_mounts(struct walk *walk) {
    while (UNLIKELY(entry_flags(walk->at.entry) & ENTRY_MOUNTED)) {
        struct mount *mount = mount_find(walk->at.mount, walk->at.entry);
        if (!mount)
            break;
        if (walk->flags & LOOKUP_NO_XDEV)
            return verdict(walk, -EXDEV);
        struct path next = {mount, mount->root};
        if (walk->pinned) {
            if (!try_path_get(&next))
                continue; // just unmounted
            path_put(&walk->at);
        }
        walk->at = next;
    }
    return 0;
}

static status_t step_down(struct walk *walk, const struct name *name) {
    struct entry *parent = walk->at.entry, *child;
    if (!walk->pinned) {
        child = entry_find(parent, name);
        if (LIKELY(child)) {
            walk->at.entry = child;
            return cross_mounts(walk);
        }
        status_t status = pin(walk);
        if (status != 0)
            return status;
    }
    status_t status = entry_lookup(parent, name, &child);
    if (status != 0)
        return status;
    entry_put(parent);
    walk->at.entry = child;
    return cross_mounts(walk);
}

// The parent of where we stand. Under tree.lock when pinned, so that a rename cannot pull it away.
static status_t step_up(struct walk *walk) NO_THREAD_SAFETY {
    struct path next = walk->at;
    if (walk->pinned)
        spin_lock(&tree.lock);
    status_t status = 0;
    for (;;) {
        if (path_equal(&next, &walk->root)) {
            status = walk->flags & LOOKUP_BENEATH ? -EXDEV : 0;
            break;
        }
        if (next.entry != next.mount->root) {
            struct entry *parent = entry_parent(next.entry);
            next.entry = parent ? parent : next.entry;
            break;
        }
        struct mount *above = atomic_load_explicit(&next.mount->parent, memory_order_acquire);
        if (!above)
            break;
        if (walk->flags & LOOKUP_NO_XDEV) {
            status = -EXDEV;
            break;
        }
        next.entry = atomic_load_explicit(&next.mount->mountpoint, memory_order_acquire);
        next.mount = above;
    }
    if (walk->pinned) {
        path_get(&next);
        spin_unlock(&tree.lock);
        path_put(&walk->at);
    }
    walk->at = next;
    return status != 0 ? verdict(walk, status) : cross_mounts(walk);
}

static status_t may_search(struct walk *walk, struct vnode *dir) {
    if (!S_ISTYPE(dir->mode, S_IFDIR))
        return verdict(walk, -ENOTDIR);
    if (LIKELY((dir->mode & S_IXUGO) == S_IXUGO && !dir->ops->permission))
        return 0; // everyone may
    if (dir->ops->permission) {
        status_t status = pin(walk);
        if (status != 0)
            return status;
    }
    status_t status = vnode_permission(dir, walk->cred, X_OK);
    return status == 0 ? 0 : verdict(walk, status);
}

static void go_to_root(struct walk *walk) {
    struct path root = walk->root;
    if (walk->pinned) {
        path_get(&root);
        path_put(&walk->at);
    }
    walk->at = root;
}

// ---------------------------------------------------------------- symbolic links

// Text of a link: *text is in memory, or in *buffer, which the caller frees.
static status_t link_text(struct walk *walk, struct vnode *link, const char **text, char **buffer) {
    *buffer = nullptr;
    *text = link->link_target;
    if (*text)
        return 0;
    if (!walk->pinned)
        return RETRY; // the file system may block
    if (!link->ops->readlink)
        return -EINVAL;
    *buffer = kmalloc(PATH_MAX);
    if (!*buffer)
        return -ENOMEM;
    ssize_t length = link->ops->readlink(link, *buffer, PATH_MAX - 1);
    if (length < 0)
        return (status_t)length;
    (*buffer)[length] = 0;
    *text = *buffer;
    return 0;
}

// A magic link leads to a place without a path in between.
static status_t jump(struct walk *walk, struct vnode *link) {
    if (walk->flags & LOOKUP_NO_MAGIC)
        return verdict(walk, -ELOOP);
    status_t status = pin(walk);
    if (status != 0)
        return status;
    if (walk->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
        return -EXDEV;
    struct path to;
    status = link->ops->follow(link, &to, &walk->withheld);
    if (status != 0)
        return status;
    path_put(&walk->at);
    walk->at = to;
    if (walk->withheld) { // a reduced handle leads no further than to what is below
        path_put(&walk->root);
        walk->root = to;
        path_get(&walk->root);
        walk->flags |= LOOKUP_BENEATH;
    }
    return 0;
}

// Replaces the link we stand on: *rest becomes its text followed by what was left. `parent` is the link's directory.
// The vnode is handed in: without a reference, the entry may turn negative at any moment.
static status_t follow(struct walk *walk, struct vnode *link, struct path *parent, const char **rest) {
    if (++walk->links > LINKS_MAX || walk->flags & LOOKUP_NO_SYMLINKS ||
        atomic_load_explicit(&walk->at.mount->flags, memory_order_relaxed) & MS_NOSYMFOLLOW)
        return verdict(walk, -ELOOP);
    if (link->ops->follow)
        return jump(walk, link);
    const char *text;
    char *buffer;
    status_t status = link_text(walk, link, &text, &buffer);
    if (status != 0)
        goto out;
    status = -ENOENT;
    size_t length = strlen(text), left = strlen(*rest);
    if (length == 0)
        goto out;
    status = -EXDEV;
    if (text[0] == '/' && walk->flags & LOOKUP_BENEATH)
        goto out;
    status = -ENOMEM;
    char *expansion = kmalloc(length + left + 2);
    if (!expansion)
        goto out;
    memcpy(expansion, text, length);
    expansion[length] = '/';
    memcpy(expansion + length + (left != 0), *rest, left + 1);
    if (left == 0)
        expansion[length] = 0;
    kfree(walk->expansion);
    *rest = walk->expansion = expansion;
    if (text[0] == '/') {
        go_to_root(walk);
    } else {
        if (walk->pinned) {
            path_get(parent);
            path_put(&walk->at);
        }
        walk->at = *parent;
    }
    status = 0;
out:
    kfree(buffer);
    return status == 0 ? 0 : status == RETRY ? RETRY : verdict(walk, status);
}

// ---------------------------------------------------------------- the loop

// Cuts the next component off *text. False: there is none left.
static bool next_component(const char **text, struct name *name, bool *slash_after) {
    const char *p = *text;
    while (*p == '/')
        p++;
    if (!*p)
        return false;
    const char *start = p;
    uint32_t hash = 2166136261u;
    for (; *p && *p != '/'; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    *name = (struct name){start, (uint32_t)(p - start), hash};
    *slash_after = *p == '/';
    while (*p == '/')
        p++;
    *text = p;
    return true;
}

// As far as the walk needs no references: plain names of cached entries in directories that everyone may search. Stops
// before the first component that is anything else, and (with parent_only) before the last one; `component` sees to
// that.
static const char *glide(struct walk *walk, const char *text) {
    struct path at = walk->at;
    unsigned hits = 0;
    while (*text == '/')
        text++;
    for (;;) {
        const char *p = text;
        struct vnode *dir = entry_vnode(at.entry);
        if (*p == '.' || !dir || (dir->mode & (S_IFMT | S_IXUGO)) != (S_IFDIR | S_IXUGO) || dir->ops->permission)
            break;
        uint32_t hash = 2166136261u;
        for (; *p && *p != '/'; p++)
            hash = (hash ^ (uint8_t)*p) * 16777619u;
        const char *rest = p;
        while (*rest == '/')
            rest++;
        // The last component is left to the careful way if a slash follows it or it is not to be looked up.
        if (p == text || (!*rest && (rest != p || walk->parent_only)))
            break;
        struct entry *child = entry_peek(at.entry, &(struct name){text, (uint32_t)(p - text), hash});
        struct vnode *vnode = child ? entry_vnode(child) : nullptr;
        if (!vnode || S_ISTYPE(vnode->mode, S_IFLNK))
            break;
        at.entry = child;
        hits++;
        text = rest;
        while (UNLIKELY(entry_flags(at.entry) & ENTRY_MOUNTED)) {
            struct mount *mount = mount_find(at.mount, at.entry);
            if (!mount)
                break;
            at = (struct path){mount, mount->root};
        }
    }
    walk->at = at;
    entry_count_hits(hits);
    return text;
}

static bool is_dot(const struct name *name) {
    return name->length == 1 && name->text[0] == '.';
}
static bool is_dot_dot(const struct name *name) {
    return name->length == 2 && name->text[0] == '.' && name->text[1] == '.';
}

// After a step to a name: negative entries, links. `*rest` is what follows the name. Null `parent`: it is not held any
// more.
static status_t arrive(struct walk *walk, struct path *parent, const char **rest, bool slash_after) {
    struct vnode *vnode = entry_vnode(walk->at.entry); // read once: it may come and go
    if (!vnode)
        return verdict(walk, -ENOENT);
    if (LIKELY(!S_ISTYPE(vnode->mode, S_IFLNK)))
        return 0;
    if (!**rest && !slash_after && !(walk->flags & LOOKUP_FOLLOW))
        return 0;
    return parent ? follow(walk, vnode, parent, rest) : RETRY;
}

// One component. `parent` is pinned for the step, since a relative link continues there.
static status_t component(struct walk *walk, const struct name *name, const char **rest, bool slash_after) {
    struct path parent = walk->at;
    bool hold = walk->pinned;
    if (hold)
        path_get(&parent);
    status_t status = step_down(walk, name);
    if (status == 0) // a walk that became pinned on this step has left the parent behind
        status = arrive(walk, hold || !walk->pinned ? &parent : nullptr, rest, slash_after);
    if (hold)
        path_put(&parent);
    return status;
}

static status_t run(struct walk *walk, const char *text) {
    if (*text == '/') {
        if (walk->flags & LOOKUP_BENEATH)
            return verdict(walk, -EXDEV);
        go_to_root(walk);
    }
    struct name name = {};
    bool slash_after = false;
    if (!walk->pinned && !(walk->flags & LOOKUP_NO_XDEV))
        text = glide(walk, text);
    while (next_component(&text, &name, &slash_after)) {
        struct vnode *dir = entry_vnode(walk->at.entry);
        status_t status = dir ? may_search(walk, dir) : verdict(walk, -ENOENT);
        if (status != 0)
            return status;
        if (name.length > NAME_MAX)
            return verdict(walk, -ENAMETOOLONG);
        bool dot = is_dot(&name), dot_dot = is_dot_dot(&name);
        if (!*text && walk->parent_only) {
            walk->last = name;
            walk->last_is_special = dot || dot_dot;
            walk->trailing_slash = slash_after;
            return 0;
        }
        if (slash_after && !*text) // a slash at the end wants a directory, be it through links
            walk->flags |= LOOKUP_FOLLOW | LOOKUP_DIRECTORY;
        if (dot)
            continue;
        status = dot_dot ? step_up(walk) : component(walk, &name, &text, slash_after);
        if (status != 0)
            return status;
    }
    walk->last = (struct name){}; // nothing but slashes
    walk->last_is_special = walk->parent_only;
    walk->trailing_slash = slash_after;
    struct vnode *vnode = entry_vnode(walk->at.entry);
    if (walk->flags & LOOKUP_DIRECTORY && !walk->parent_only && !(vnode && S_ISTYPE(vnode->mode, S_IFDIR)))
        return verdict(walk, -ENOTDIR);
    return 0;
}

static status_t attempt(struct walk *walk, const struct path *from, const char *text) {
    walk->sequence = tree_sequence();
    walk->links = 0;
    walk->withheld = from ? from->withheld : 0;
    if (UNLIKELY(walk->withheld != 0) && !(walk->flags & LOOKUP_IN_ROOT))
        walk->flags |= LOOKUP_BENEATH;
    if (walk->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT) && from) {
        walk->root = *from;
        if (walk->pinned)
            path_get(&walk->root);
    } else if (walk->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
        cwd_of(walk);
        walk->root = walk->base;
        if (walk->pinned)
            path_get(&walk->root);
    } else {
        root_of(walk);
    }
    if (from) {
        walk->base = *from;
        if (walk->pinned)
            path_get(&walk->base);
    } else if (*text == '/') {
        walk->base = walk->root;
        if (walk->pinned)
            path_get(&walk->base);
    } else if (!(walk->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))) {
        cwd_of(walk);
    }
    walk->at = walk->base;
    if (walk->pinned)
        path_get(&walk->at);
    status_t status = run(walk, text);
    return status == 0 ? arrive_at_end(walk) : status;
}

status_t walk_begin(struct walk *walk, const struct path *from, const char *text, unsigned flags, bool parent_only) {
    walk->cred = vfs_cred();
    return walk_begin_as(walk, from, text, flags, parent_only);
}

status_t walk_to_change(struct walk *walk, const struct path *from, const char *text) {
    status_t status = walk_begin(walk, from, text, 0, true);
    if (LIKELY(status != 0 || !(walk->withheld & RIGHT_WRITE)))
        return status;
    walk_finish(walk);
    return -EACCES;
}

status_t walk_begin_as(struct walk *walk, const struct path *from, const char *text, unsigned flags, bool parent_only) {
    if (!*text && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    walk->flags = flags;
    walk->pinned = false;
    walk->parent_only = parent_only;
    walk->expansion = nullptr;
    walk->last_is_special = walk->trailing_slash = false;
    walk->holds_at = false;
    status_t status = attempt(walk, from, text);
    if (UNLIKELY(status == RETRY)) {
        walk_finish(walk);
        walk->expansion = nullptr;
        walk->holds_at = false;
        walk->pinned = true;
        status = attempt(walk, from, text);
    }
    if (status != 0)
        walk_finish(walk);
    return status;
}

void walk_finish(struct walk *walk) {
    if (UNLIKELY(walk->expansion))
        kfree(walk->expansion);
    if (walk->holds_at || walk->pinned)
        path_put(&walk->at);
    if (!walk->pinned)
        return;
    path_put(&walk->base);
    path_put(&walk->root);
}
