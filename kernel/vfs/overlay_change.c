// SPDX-License-Identifier: MPL-2.0
// Making and removing names in overlays. The vfs holds the directory's lock for writing, and has checked permissions
// and that a new name is free.
#include "overlay_priv.h"

// Begins a change in a directory: it is in the upper, and the mutex is held.
static status_t change_begin(struct vnode *dir) NO_THREAD_SAFETY {
    struct overlay *overlay = overlay_of(dir);
    mutex_lock(&overlay->mutex);
    status_t status = overlay_node_of(dir)->removed ? -ENOENT : overlay_copy_up_locked(dir, 0);
    if (status != 0)
        mutex_unlock(&overlay->mutex);
    return status;
}

static status_t change_end(struct vnode *dir, status_t status) NO_THREAD_SAFETY {
    mutex_unlock(&overlay_of(dir)->mutex);
    return status;
}

void overlay_count_links(struct vnode *vnode) {
    const struct overlay_node *node = overlay_node_of(vnode);
    bool merged = S_ISTYPE(vnode->mode, S_IFDIR) && node->lower_count > 0;
    vnode->links = merged ? 1 : overlay_real(vnode)->links;
}

status_t overlay_set_opaque(struct vnode *upper_dir) {
    rwlock_write(&upper_dir->lock);
    status_t status = upper_dir->ops->set_xattr(upper_dir, XATTR_OPAQUE, "y", 1, 0);
    rwlock_write_unlock(&upper_dir->lock);
    return status;
}

// ---------------------------------------------------------------- making

// Makes something in the place of a whiteout.
static status_t make_over(struct vnode *dir, const struct name *name, const struct overlay_new *what,
                          struct vnode *whiteout, struct vnode **out) {
    struct overlay *overlay = overlay_of(dir);
    struct work_name work_name;
    status_t status = work_make(overlay, what, &work_name, out);
    if (status != 0)
        return status;
    if (S_ISTYPE(what->mode, S_IFDIR))
        status = overlay_set_opaque(*out);
    if (status == 0)
        status = work_place(overlay, &work_name, *out, overlay_upper(dir), name, whiteout);
    if (status != 0) {
        work_discard(overlay, &work_name, *out);
        vnode_put(*out);
    }
    return status;
}

// *out: the upper's vnode.
static status_t make(struct vnode *dir, const struct name *name, const struct overlay_new *what, struct vnode **out) {
    struct vnode *upper = overlay_upper(dir), *whiteout;
    status_t status = overlay_peek(upper, name, &whiteout);
    if (status == -ENOENT)
        return upper_make(upper, name, what, out);
    if (status != 0)
        return status;
    status = is_whiteout(whiteout) ? make_over(dir, name, what, whiteout, out) : -EEXIST;
    vnode_put(whiteout);
    return status;
}

status_t overlay_create(struct vnode *dir, struct name name, uint32_t mode, uint64_t device, struct vnode **out) {
    if (S_ISTYPE(mode, S_IFCHR) && device == 0)
        return -EPERM; // it would be a whiteout
    status_t status = change_begin(dir);
    if (status != 0)
        return status;
    return change_end(dir, make(dir, &name, &(struct overlay_new){.mode = mode, .device = device}, out));
}

status_t overlay_create_nameless(struct vnode *dir, uint32_t mode, struct vnode **out) {
    status_t status = overlay_copy_up(dir, 0);
    struct vnode *upper = status == 0 ? overlay_upper(dir) : nullptr;
    return upper ? upper->ops->create_nameless(upper, mode, out) : status;
}

status_t overlay_mkdir(struct vnode *dir, struct name name, uint32_t mode, struct vnode **out) {
    struct overlay_parts parts = {.parent = dir};
    status_t status = change_begin(dir);
    if (status != 0)
        return status;
    status = make(dir, &name, &(struct overlay_new){.mode = mode}, &parts.upper);
    if (status == 0) {
        struct vnode *upper = parts.upper;
        vnode_get(upper);
        status = overlay_make_node(dir->super, &parts, &name, out);
        if (status != 0)
            (void)!upper_remove(overlay_upper(dir), &name, upper); // it is empty
        vnode_put(upper);
    }
    overlay_count_links(dir);
    return change_end(dir, status);
}

status_t overlay_symlink(struct vnode *dir, struct name name, const char *target, struct vnode **out) {
    status_t status = change_begin(dir);
    if (status != 0)
        return status;
    return change_end(dir, make(dir, &name, &(struct overlay_new){.mode = S_IFLNK, .target = target}, out));
}

// The target's lock is held for writing.
status_t overlay_link(struct vnode *dir, struct name name, struct vnode *target) {
    struct vnode *made;
    status_t status = change_begin(dir);
    if (status != 0)
        return status;
    if (overlay_owns(target))
        status = overlay_copy_up_locked(target, UINT64_MAX);
    if (status == 0) {
        struct overlay_new what = {.mode = target->mode, .link = overlay_upper_of(target)};
        status = make(dir, &name, &what, &made);
    }
    if (status == 0) {
        vnode_put(made); // the directory has its own
        if (overlay_owns(target))
            overlay_count_links(target);
    }
    return change_end(dir, status);
}

// ---------------------------------------------------------------- removing

// Puts a whiteout where the upper has nothing, or in the place of what it has.
static status_t cover(struct vnode *dir, const struct name *name, struct vnode *over) {
    struct overlay *overlay = overlay_of(dir);
    struct overlay_new what = {.mode = S_IFCHR};
    struct work_name work_name;
    struct vnode *whiteout;
    if (!over) {
        status_t status = upper_make(overlay_upper(dir), name, &what, &whiteout);
        if (status == 0)
            vnode_put(whiteout);
        return status;
    }
    status_t status = work_make(overlay, &what, &work_name, &whiteout);
    if (status != 0)
        return status;
    status = work_place(overlay, &work_name, whiteout, overlay_upper(dir), name, over);
    if (status != 0)
        work_discard(overlay, &work_name, whiteout);
    vnode_put(whiteout);
    return status;
}

static status_t remove_name(struct vnode *dir, const struct name *name, struct vnode *victim) {
    struct vnode *over = overlay_upper_of(victim);
    int below = overlay_below(overlay_node_of(dir), name);
    if (below < 0)
        return below;
    status_t status = below ? cover(dir, name, over) : upper_remove(overlay_upper(dir), name, over);
    if (status != 0 || !overlay_owns(victim))
        return status;
    overlay_node_of(victim)->removed = true;
    if (over && !S_ISTYPE(victim->mode, S_IFDIR))
        overlay_count_links(victim);
    else
        victim->links = 0;
    return 0;
}

status_t overlay_unlink(struct vnode *dir, struct name name, struct vnode *victim) {
    status_t status = change_begin(dir);
    return status == 0 ? change_end(dir, remove_name(dir, &name, victim)) : status;
}

// The victim's lock is held for writing.
status_t overlay_rmdir(struct vnode *dir, struct name name, struct vnode *victim) {
    status_t status = change_begin(dir);
    if (status != 0)
        return status;
    status = overlay_check_empty(victim);
    if (status == 0)
        status = remove_name(dir, &name, victim);
    overlay_count_links(dir);
    return change_end(dir, status);
}
