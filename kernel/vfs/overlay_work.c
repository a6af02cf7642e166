// SPDX-License-Identifier: MPL-2.0
// What overlays do to their upper: making, placing and removing names there.
//
// Whatever takes the place of something else, or is not complete at once, is made in the work directory and then
// changes places with what was there. The exchange needs no memory, so what can fail has succeeded before anybody sees
// a change.
#include "overlay_priv.h"

#include <lib/fmt.h>

static status_t make_in(struct vnode *dir, const struct name *name, const struct overlay_new *what,
                        struct vnode **out) {
    const struct vnode_ops *ops = dir->ops;
    if (what->link) {
        status_t status = ops->link ? ops->link(dir, *name, what->link) : -EPERM;
        if (status == 0) {
            vnode_get(what->link);
            *out = what->link;
        }
        return status;
    }
    if (S_ISTYPE(what->mode, S_IFDIR))
        return ops->mkdir ? ops->mkdir(dir, *name, what->mode, out) : -EPERM;
    if (S_ISTYPE(what->mode, S_IFLNK))
        return ops->symlink ? ops->symlink(dir, *name, what->target, out) : -EPERM;
    return ops->create ? ops->create(dir, *name, what->mode, what->device, out) : -EPERM;
}

status_t upper_make(struct vnode *dir, const struct name *name, const struct overlay_new *what, struct vnode **out) {
    rwlock_write(&dir->lock);
    status_t status = dir->flags & VNODE_DEAD ? -ENOENT : make_in(dir, name, what, out);
    rwlock_write_unlock(&dir->lock);
    return status;
}

status_t work_make(struct overlay *overlay, const struct overlay_new *what, struct work_name *name,
                   struct vnode **out) {
    int length = fmt_snprintf(name->text, sizeof name->text, "#%llx", (unsigned long long)++overlay->next_work);
    name->name = name_make(name->text, (size_t)length);
    return upper_make(path_vnode(&overlay->work), &name->name, what, out);
}

void work_discard(struct overlay *overlay, const struct work_name *name, struct vnode *vnode) {
    status_t status = upper_remove(path_vnode(&overlay->work), &name->name, vnode);
    (void)status; // an empty directory or a file: nothing can be in the way
}

// ---------------------------------------------------------------- removing

struct first_sink {
    struct dir_sink sink;
    char text[NAME_MAX];
    uint32_t length;
};

static bool take_first(struct dir_sink *inner, struct name name, uint64_t inode, unsigned type, loff_t next) {
    struct first_sink *sink = CONTAINER_OF(inner, struct first_sink, sink);
    (void)inode, (void)type, (void)next;
    if (name.text[0] == '.' && (name.length == 1 || (name.length == 2 && name.text[1] == '.')))
        return true;
    memcpy(sink->text, name.text, name.length);
    sink->length = name.length;
    return false;
}

// Takes one whiteout out of a directory of the upper, whose lock is held. -ENOENT: there is none; -ENOTEMPTY: something
// else is there.
static status_t remove_whiteout(struct vnode *dir, struct first_sink *sink) {
    struct vnode *found;
    sink->length = 0;
    status_t status = dir->ops->readdir(dir, 0, &sink->sink);
    if (status != 0 || sink->length == 0)
        return status != 0 ? status : -ENOENT;
    struct name name = name_make(sink->text, sink->length);
    status = dir->ops->lookup(dir, name, &found);
    if (status != 0)
        return status;
    status = is_whiteout(found) ? dir->ops->unlink(dir, name, found) : -ENOTEMPTY;
    vnode_put(found);
    return status;
}

static status_t remove_whiteouts(struct vnode *dir) {
    struct first_sink *sink = kmalloc(sizeof *sink);
    if (!sink)
        return -ENOMEM;
    sink->sink = (struct dir_sink){take_first};
    status_t status;
    do
        status = remove_whiteout(dir, sink);
    while (status == 0);
    kfree(sink);
    return status == -ENOENT ? 0 : status;
}

status_t upper_remove(struct vnode *dir, const struct name *name, struct vnode *victim) {
    if (!S_ISTYPE(victim->mode, S_IFDIR)) {
        rwlock_write(&dir->lock);
        status_t status = dir->ops->unlink(dir, *name, victim);
        rwlock_write_unlock(&dir->lock);
        return status;
    }
    rwlock_write(&dir->lock);
    rwlock_write(&victim->lock);
    status_t status = remove_whiteouts(victim);
    if (status == 0)
        status = dir->ops->rmdir(dir, *name, victim);
    if (status == 0)
        victim->flags |= VNODE_DEAD;
    rwlock_write_unlock(&victim->lock);
    rwlock_write_unlock(&dir->lock);
    return status;
}

// ---------------------------------------------------------------- placing

// Neither the work directory nor one of the upper is above the other.
static void lock_both(struct vnode *a, struct vnode *b) NO_THREAD_SAFETY {
    rwlock_write(a < b ? &a->lock : &b->lock);
    rwlock_write(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct vnode *a, struct vnode *b) NO_THREAD_SAFETY {
    rwlock_write_unlock(&a->lock);
    rwlock_write_unlock(&b->lock);
}

status_t work_place(struct overlay *overlay, const struct work_name *name, struct vnode *vnode, struct vnode *dir,
                    const struct name *to, struct vnode *over) {
    struct vnode *work = path_vnode(&overlay->work);
    lock_both(work, dir);
    status_t status = dir->flags & VNODE_DEAD ? -ENOENT : 0;
    if (status == 0)
        status = work->ops->rename(work, name->name, vnode, dir, *to, over, over ? RENAME_EXCHANGE : 0);
    unlock_both(work, dir);
    if (status == 0 && over)
        work_discard(overlay, name, over);
    return status;
}
