// SPDX-License-Identifier: MPL-2.0
// Making and removing names. Renaming is in rename.c.
#include "notify_priv.h"

// Looks up the name that a walk ended before: on success walk->at is its directory, locked for writing, and *entry is
// referenced.
static status_t last_begin(struct walk *walk, struct entry **entry) NO_THREAD_SAFETY {
    struct vnode *dir = path_vnode(&walk->at);
    status_t status = vnode_permission(dir, walk->cred, X_OK);
    if (status != 0)
        return status;
    rwlock_write(&dir->lock);
    status = entry_lookup_locked(walk->at.entry, &walk->last, entry);
    if (status != 0)
        rwlock_write_unlock(&dir->lock);
    return status;
}

static void last_end(struct walk *walk, struct entry *entry) NO_THREAD_SAFETY {
    rwlock_write_unlock(&path_vnode(&walk->at)->lock);
    entry_put(entry);
}

// Begins to make the name that `text` ends with: on success walk->at is the directory, locked for writing, and *entry
// is negative and referenced. `directory`: a trailing slash is allowed.
static status_t create_begin(struct walk *walk, const struct path *at, const char *text, bool directory,
                             struct entry **entry) NO_THREAD_SAFETY {
    status_t status = walk_to_change(walk, at, text);
    if (status != 0)
        return status;
    status = walk->last_is_special ? -EEXIST : last_begin(walk, entry);
    if (status != 0)
        goto finish;
    struct vnode *dir = path_vnode(&walk->at);
    if (entry_vnode(*entry))
        status = -EEXIST;
    else if (walk->trailing_slash && !directory)
        status = -ENOENT;
    else if ((status = path_check_writable(&walk->at)) == 0 &&
             (status = vnode_permission(dir, walk->cred, W_OK | X_OK)) == 0 && dir->flags & VNODE_DEAD)
        status = -ENOENT;
    if (status == 0)
        return 0;
    last_end(walk, *entry);
finish:
    walk_finish(walk);
    return status;
}

// Ends it: the new vnode (if status is 0) takes the name.
static status_t create_end(struct walk *walk, struct entry *entry, struct vnode *vnode,
                           status_t status) NO_THREAD_SAFETY {
    struct vnode *dir = path_vnode(&walk->at);
    if (status == 0) {
        entry_fill(entry, vnode);
        vnode_touch(dir);
        notify_name(dir, &walk->last, vnode, NOTIFY_CREATE);
    }
    last_end(walk, entry);
    walk_finish(walk);
    return status;
}

static uint32_t masked(uint32_t mode) {
    return mode & ~vfs_context()->umask;
}

status_t vfs_mkdir(const struct path *at, const char *text, uint32_t mode) {
    struct walk walk;
    struct entry *entry;
    struct vnode *vnode = nullptr;
    status_t status = create_begin(&walk, at, text, true, &entry);
    if (status != 0)
        return status;
    struct vnode *dir = path_vnode(&walk.at);
    status = dir->ops->mkdir ? dir->ops->mkdir(dir, walk.last, S_IFDIR | masked(mode & (S_IRWXUGO | S_ISVTX)), &vnode)
                             : -EPERM;
    if (status == 0)
        vnode_set_owner(vnode, dir, walk.cred);
    return create_end(&walk, entry, vnode, status);
}

static status_t make_node(const struct path *at, const char *text, uint32_t mode, uint64_t device,
                          struct object *socket, struct path *out) {
    struct walk walk;
    struct entry *entry;
    struct vnode *vnode = nullptr;
    status_t status = create_begin(&walk, at, text, false, &entry);
    if (status != 0)
        return status;
    struct vnode *dir = path_vnode(&walk.at);
    status = dir->ops->create ? dir->ops->create(dir, walk.last, mode, device, &vnode) : -EPERM;
    if (status == 0) {
        vnode_set_owner(vnode, dir, walk.cred);
        vnode->device = device;
        vnode->bound = socket; // no reference: the socket clears it when it closes
        if (out) {
            *out = (struct path){walk.at.mount, entry};
            path_get(out);
        }
    }
    return create_end(&walk, entry, vnode, status);
}

status_t vfs_mknod(const struct path *at, const char *text, uint32_t mode, uint64_t device) {
    uint32_t type = mode & S_IFMT ? mode & S_IFMT : S_IFREG;
    if (type == S_IFDIR)
        return -EPERM;
    if (type == S_IFCHR || type == S_IFBLK) {
        if (!cred_has_cap(vfs_cred(), CAP_MKNOD))
            return -EPERM;
    } else if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK) {
        return -EINVAL;
    } else {
        device = 0;
    }
    return make_node(at, text, type | masked(mode & S_IALLUGO), device, nullptr, nullptr);
}

status_t vfs_make_socket(const char *text, uint32_t mode, struct object *socket, struct path *out) {
    status_t status = make_node(nullptr, text, S_IFSOCK | masked(mode & S_IRWXUGO), 0, socket, out);
    return status == -EEXIST ? -EADDRINUSE : status;
}

status_t vfs_symlink(const struct path *at, const char *text, const char *target) {
    struct walk walk;
    struct entry *entry;
    struct vnode *vnode = nullptr;
    if (!*target)
        return -ENOENT;
    status_t status = create_begin(&walk, at, text, false, &entry);
    if (status != 0)
        return status;
    struct vnode *dir = path_vnode(&walk.at);
    status = dir->ops->symlink ? dir->ops->symlink(dir, walk.last, target, &vnode) : -EPERM;
    if (status == 0)
        vnode_set_owner(vnode, dir, walk.cred);
    return create_end(&walk, entry, vnode, status);
}

// Linux's fs.protected_hardlinks: only to what one could write or owns.
static status_t may_link(struct vnode *vnode, const struct cred *cred) {
    if (cred->fsuid == vnode->uid || cred_has_cap(cred, CAP_FOWNER))
        return 0;
    if (!S_ISTYPE(vnode->mode, S_IFREG) || vnode->mode & S_ISUID ||
        (vnode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        return -EPERM;
    return vnode_permission(vnode, cred, R_OK | W_OK) == 0 ? 0 : -EPERM;
}

status_t vfs_link(const struct path *target, const struct path *at, const char *text) {
    struct walk walk;
    struct entry *entry;
    struct vnode *vnode = path_vnode(target);
    if (!vnode)
        return -ENOENT;
    status_t status = create_begin(&walk, at, text, false, &entry);
    if (status != 0)
        return status;
    struct vnode *dir = path_vnode(&walk.at);
    if (walk.at.mount != target->mount)
        status = -EXDEV;
    else if (S_ISTYPE(vnode->mode, S_IFDIR) || !dir->ops->link)
        status = -EPERM;
    else if ((status = may_link(vnode, walk.cred)) == 0) {
        rwlock_write(&vnode->lock);
        // A file without a name may get one only if O_TMPFILE made it so.
        bool nameless = vnode->links == 0 && !(vnode->flags & VNODE_NAMELESS);
        status = nameless ? -ENOENT : dir->ops->link(dir, walk.last, vnode);
        if (status == 0) {
            vnode->flags &= ~(uint32_t)VNODE_NAMELESS;
            vnode_changed(vnode);
            vnode_get(vnode);
        }
        rwlock_write_unlock(&vnode->lock);
    }
    return create_end(&walk, entry, vnode, status);
}

// ---------------------------------------------------------------- removing

// Finds the victim: on success walk->at is the directory, locked for writing, *entry positive and referenced.
static status_t remove_begin(struct walk *walk, const struct path *at, const char *text,
                             struct entry **entry) NO_THREAD_SAFETY {
    status_t status = walk_to_change(walk, at, text);
    if (status != 0)
        return status;
    if (walk->last_is_special)
        return 0; // nothing is locked; the caller knows the right error
    status = last_begin(walk, entry);
    if (status != 0)
        goto finish;
    struct vnode *victim = entry_vnode(*entry);
    status = victim ? path_check_writable(&walk->at) : -ENOENT;
    if (status == 0)
        status = vnode_may_delete(path_vnode(&walk->at), victim, walk->cred);
    if (status == 0)
        return 0;
    last_end(walk, *entry);
finish:
    walk_finish(walk);
    return status;
}

static void notify_removed(struct vnode *dir, const struct name *name, struct vnode *victim) {
    bool directory = S_ISTYPE(victim->mode, S_IFDIR);
    if (!directory)
        notify_vnode(victim, NOTIFY_ATTRIB);
    if (victim->links == 0)
        notify_vnode(victim, NOTIFY_DELETE_SELF);
    notify_name(dir, name, victim, NOTIFY_DELETE);
}

static status_t remove_end(struct walk *walk, struct entry *entry, status_t status) NO_THREAD_SAFETY {
    struct vnode *dir = path_vnode(&walk->at), *victim = entry_vnode(entry);
    if (status == 0) {
        vnode_changed(victim);
        notify_removed(dir, &walk->last, victim);
        entry_removed(entry);
        vnode_touch(dir);
    }
    last_end(walk, entry);
    walk_finish(walk);
    return status;
}

status_t vfs_unlink(const struct path *at, const char *text) {
    struct walk walk;
    struct entry *entry;
    status_t status = remove_begin(&walk, at, text, &entry);
    if (status != 0)
        return status;
    if (walk.last_is_special) {
        walk_finish(&walk);
        return -EISDIR;
    }
    struct vnode *dir = path_vnode(&walk.at), *victim = entry_vnode(entry);
    if (S_ISTYPE(victim->mode, S_IFDIR))
        status = -EISDIR;
    else if (walk.trailing_slash)
        status = -ENOTDIR;
    else if (entry_flags(entry) & ENTRY_MOUNTED)
        status = -EBUSY;
    else
        status = dir->ops->unlink ? dir->ops->unlink(dir, walk.last, victim) : -EPERM;
    return remove_end(&walk, entry, status);
}

static status_t special_rmdir_status(const struct walk *walk) {
    if (walk->last.length == 1 && walk->last.text[0] == '.')
        return -EINVAL;
    return walk->last.length == 2 ? -ENOTEMPTY : -EBUSY; // ".." is not empty; "/" is in use
}

status_t vfs_rmdir(const struct path *at, const char *text) {
    struct walk walk;
    struct entry *entry;
    status_t status = remove_begin(&walk, at, text, &entry);
    if (status != 0)
        return status;
    if (walk.last_is_special) {
        status = special_rmdir_status(&walk);
        walk_finish(&walk);
        return status;
    }
    struct vnode *dir = path_vnode(&walk.at), *victim = entry_vnode(entry);
    if (!S_ISTYPE(victim->mode, S_IFDIR)) {
        status = -ENOTDIR;
    } else if (entry_flags(entry) & ENTRY_MOUNTED) {
        status = -EBUSY;
    } else {
        rwlock_write(&victim->lock);
        status = dir->ops->rmdir ? dir->ops->rmdir(dir, walk.last, victim) : -EPERM;
        if (status == 0)
            victim->flags |= VNODE_DEAD;
        rwlock_write_unlock(&victim->lock);
    }
    return remove_end(&walk, entry, status);
}
