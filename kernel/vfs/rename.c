// SPDX-License-Identifier: MPL-2.0
// Renaming.
//
// Locks: when the directories differ, the rename mutex comes first, so that the shape of the tree stands still while
// ancestors are compared; then the directories, an ancestor before its descendant, else by address; then a
// directory that is to be replaced. The mutex also keeps two renames from making a loop together.
#include "notify_priv.h"

static struct {
    struct mutex mutex;
} renaming = {.mutex = MUTEX_INIT(renaming.mutex)};

struct rename {
    struct walk from, to;
    struct entry *source, *target; // referenced
    unsigned flags;
};

static void lock_two(struct vnode *a, struct vnode *b) NO_THREAD_SAFETY {
    rwlock_write(&a->lock);
    if (b != a)
        rwlock_write(&b->lock);
}

static void lock_directories(struct rename *r) NO_THREAD_SAFETY {
    struct vnode *from = path_vnode(&r->from.at), *to = path_vnode(&r->to.at);
    if (from == to) {
        rwlock_write(&from->lock);
        return;
    }
    mutex_lock(&renaming.mutex);
    bool from_first = entry_is_below(r->to.at.entry, r->from.at.entry) ||
                      (!entry_is_below(r->from.at.entry, r->to.at.entry) && from < to);
    if (from_first)
        lock_two(from, to);
    else
        lock_two(to, from);
}

static void unlock_directories(struct rename *r) NO_THREAD_SAFETY {
    struct vnode *from = path_vnode(&r->from.at), *to = path_vnode(&r->to.at);
    rwlock_write_unlock(&from->lock);
    if (from == to)
        return;
    rwlock_write_unlock(&to->lock);
    mutex_unlock(&renaming.mutex);
}

static bool is_directory(const struct entry *entry) {
    struct vnode *vnode = entry_vnode(entry);
    return vnode && S_ISTYPE(vnode->mode, S_IFDIR);
}

// Permissions on both sides, in Linux's order of errors.
static status_t check_permissions(struct rename *r) {
    struct vnode *from = path_vnode(&r->from.at), *to = path_vnode(&r->to.at), *target = entry_vnode(r->target);
    status_t status = vnode_may_delete(from, entry_vnode(r->source), r->from.cred);
    if (status != 0)
        return status;
    status = target ? vnode_may_delete(to, target, r->to.cred) : vnode_permission(to, r->to.cred, W_OK | X_OK);
    if (status != 0)
        return status;
    // A directory that changes parents has its ".." written.
    if (from != to && is_directory(r->source))
        status = vnode_permission(entry_vnode(r->source), r->from.cred, W_OK);
    return status;
}

static status_t check_kinds(struct rename *r) {
    bool source_dir = is_directory(r->source), target_dir = is_directory(r->target);
    struct vnode *target = entry_vnode(r->target);
    if (r->flags & RENAME_EXCHANGE)
        return target ? 0 : -ENOENT;
    if (r->flags & RENAME_NOREPLACE && target)
        return -EEXIST;
    if (target && source_dir && !target_dir)
        return -ENOTDIR;
    if (target && !source_dir && target_dir)
        return -EISDIR;
    return 0;
}

static status_t check(struct rename *r) {
    struct vnode *to = path_vnode(&r->to.at);
    if (!entry_vnode(r->source))
        return -ENOENT;
    status_t status = path_check_writable(&r->from.at);
    if (status != 0)
        return status;
    // Neither may contain the other.
    if (entry_is_below(r->to.at.entry, r->source))
        return -EINVAL;
    if (entry_is_below(r->from.at.entry, r->target))
        return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    status = check_kinds(r);
    if (status == 0)
        status = check_permissions(r);
    if (status != 0)
        return status;
    if ((entry_flags(r->source) | entry_flags(r->target)) & ENTRY_MOUNTED)
        return -EBUSY;
    if (to->flags & VNODE_DEAD)
        return -ENOENT;
    return to->ops->rename ? 0 : -EPERM;
}

static void notify_both(struct rename *r) {
    struct vnode *from = path_vnode(&r->from.at), *to = path_vnode(&r->to.at), *target = entry_vnode(r->target);
    notify_rename_slow(&(struct notify_rename){from, to, entry_vnode(r->source), r->from.last, r->to.last});
    if (r->flags & RENAME_EXCHANGE)
        notify_rename_slow(&(struct notify_rename){to, from, target, r->to.last, r->from.last});
    else if (target)
        notify_vnode(target, target->links ? NOTIFY_ATTRIB : NOTIFY_DELETE_SELF);
}

static void finish_names(struct rename *r, struct entry_name *source_name, struct entry_name *target_name) {
    struct vnode *source = entry_vnode(r->source), *target = entry_vnode(r->target);
    vnode_touch(path_vnode(&r->from.at));
    vnode_touch(path_vnode(&r->to.at));
    vnode_changed(source);
    if (target)
        vnode_changed(target);
    if (notify_wanted())
        notify_both(r);
    if (r->flags & RENAME_EXCHANGE)
        entry_exchange(r->source, r->target, source_name, target_name);
    else
        entry_move(r->source, r->target, source_name);
}

static status_t commit(struct rename *r) NO_THREAD_SAFETY {
    struct vnode *source = entry_vnode(r->source), *target = entry_vnode(r->target);
    bool slash = r->from.trailing_slash || (r->to.trailing_slash && !is_directory(r->target));
    if (slash && !is_directory(r->source))
        return -ENOTDIR;
    if (source == target)
        return 0; // two names of one file: nothing happens
    status_t status = check(r);
    if (status != 0)
        return status;
    bool exchange = r->flags & RENAME_EXCHANGE;
    struct entry_name *source_name = entry_name_copy(r->target);
    struct entry_name *target_name = exchange ? entry_name_copy(r->source) : nullptr;
    status = -ENOMEM;
    if (!source_name || (exchange && !target_name))
        goto free_names;
    bool lock_target = target && S_ISTYPE(target->mode, S_IFDIR) && !exchange;
    if (lock_target)
        rwlock_write(&target->lock);
    struct vnode *from = path_vnode(&r->from.at), *to = path_vnode(&r->to.at);
    status = from->ops->rename(from, r->from.last, source, to, r->to.last, target, r->flags);
    if (status == 0 && lock_target)
        target->flags |= VNODE_DEAD;
    if (lock_target)
        rwlock_write_unlock(&target->lock);
    if (status == 0) {
        finish_names(r, source_name, target_name);
        return 0;
    }
free_names:
    kfree(source_name);
    kfree(target_name);
    return status;
}

static status_t rename_locked(struct rename *r) {
    status_t status = entry_lookup_locked(r->from.at.entry, &r->from.last, &r->source);
    if (status != 0)
        return status;
    status = -ENOENT;
    if (!entry_vnode(r->source))
        goto put_source;
    status = entry_lookup_locked(r->to.at.entry, &r->to.last, &r->target);
    if (status != 0)
        goto put_source;
    status = r->flags & RENAME_NOREPLACE && entry_vnode(r->target) ? -EEXIST : commit(r);
    entry_put(r->target);
put_source:
    entry_put(r->source);
    return status;
}

status_t vfs_rename(const struct rename_request *request) {
    struct rename r = {.flags = request->flags};
    if (r.flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
        (r.flags & (RENAME_NOREPLACE | RENAME_EXCHANGE)) == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    status_t status = walk_to_change(&r.from, request->from_at, request->from);
    if (status != 0)
        return status;
    status = walk_to_change(&r.to, request->to_at, request->to);
    if (status != 0)
        goto finish_from;
    status = -EXDEV;
    if (r.from.at.mount != r.to.at.mount)
        goto finish_both;
    status = -EBUSY;
    if (r.from.last_is_special)
        goto finish_both;
    status = r.flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (r.to.last_is_special)
        goto finish_both;
    lock_directories(&r);
    status = rename_locked(&r);
    unlock_directories(&r);
finish_both:
    walk_finish(&r.to);
finish_from:
    walk_finish(&r.from);
    return status;
}
