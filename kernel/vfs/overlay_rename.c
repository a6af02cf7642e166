// SPDX-License-Identifier: MPL-2.0
// Renaming in overlays. As with Linux's default (redirect_dir=off) a directory that lowers have a part in is not
// renamed: EXDEV, and programs copy it.
//
// What leaves a name that lowers have leaves a whiteout. It changes places with the source, so nothing can fail half
// way.
#include "overlay_priv.h"

struct move {
    struct overlay *overlay;
    struct vnode *from_dir, *to_dir; // the overlay's
    struct vnode *from, *to;         // their uppers
    struct name from_name, to_name;
    struct vnode *source; // of the upper
    struct vnode *target; // of the upper, one reference: what has the new name there, maybe a whiteout; null: nothing
    bool covers;          // a whiteout is to be left behind
};

static bool is_above(const struct vnode *dir, struct vnode *below) {
    while (below && below != dir)
        below = overlay_node_of(below)->parent;
    return below != nullptr;
}

// An ancestor before its descendant, else by address, as the vfs does.
static void lock_directories(const struct move *move) NO_THREAD_SAFETY {
    bool from_first =
        is_above(move->from_dir, move->to_dir) || (!is_above(move->to_dir, move->from_dir) && move->from < move->to);
    rwlock_write(from_first ? &move->from->lock : &move->to->lock);
    if (move->from != move->to)
        rwlock_write(from_first ? &move->to->lock : &move->from->lock);
}

static void unlock_directories(const struct move *move) NO_THREAD_SAFETY {
    rwlock_write_unlock(&move->from->lock);
    if (move->from != move->to)
        rwlock_write_unlock(&move->to->lock);
}

static status_t upper_rename(const struct move *move, struct vnode *target, unsigned flags) {
    lock_directories(move);
    status_t status =
        move->from->ops->rename(move->from, move->from_name, move->source, move->to, move->to_name, target, flags);
    unlock_directories(move);
    return status;
}

// Source and target have changed places: the target goes, or a whiteout comes in its place.
static status_t clear_old_name(const struct move *move) {
    if (!move->covers)
        return upper_remove(move->from, &move->from_name, move->target);
    if (is_whiteout(move->target))
        return 0;
    struct work_name work_name;
    struct vnode *whiteout;
    status_t status = work_make(move->overlay, &(struct overlay_new){.mode = S_IFCHR}, &work_name, &whiteout);
    if (status != 0)
        return status;
    status = work_place(move->overlay, &work_name, whiteout, move->from, &move->from_name, move->target);
    if (status != 0)
        work_discard(move->overlay, &work_name, whiteout);
    vnode_put(whiteout);
    return status;
}

static status_t replace(const struct move *move) {
    status_t status = upper_rename(move, move->target, RENAME_EXCHANGE);
    if (status != 0)
        return status;
    status = clear_old_name(move);
    if (status != 0)
        (void)!upper_rename(move, move->target, RENAME_EXCHANGE); // back: it needs nothing
    return status;
}

static status_t move_to_free_name(const struct move *move) {
    struct vnode *whiteout;
    if (!move->covers)
        return upper_rename(move, nullptr, 0);
    status_t status = upper_make(move->to, &move->to_name, &(struct overlay_new){.mode = S_IFCHR}, &whiteout);
    if (status != 0)
        return status;
    status = upper_rename(move, whiteout, RENAME_EXCHANGE);
    if (status != 0)
        (void)!upper_remove(move->to, &move->to_name, whiteout);
    vnode_put(whiteout);
    return status;
}

// ---------------------------------------------------------------- what must be so before

static bool stays_put(struct vnode *vnode) {
    return S_ISTYPE(vnode->mode, S_IFDIR) && overlay_node_of(vnode)->lower_count > 0;
}

// A directory of the upper that comes where lowers have something shall not be merged with it.
static status_t protect(struct vnode *vnode, struct vnode *dir, const struct name *name) {
    if (!S_ISTYPE(vnode->mode, S_IFDIR))
        return 0;
    int below = overlay_below(overlay_node_of(dir), name);
    return below > 0 ? overlay_set_opaque(overlay_upper(vnode)) : below;
}

static status_t bring_up(struct vnode *vnode) {
    return overlay_owns(vnode) ? overlay_copy_up_locked(vnode, UINT64_MAX) : 0;
}

static status_t prepare(struct move *move, struct vnode *source, struct vnode *target, bool exchange) {
    status_t status = bring_up(move->from_dir);
    if (status == 0)
        status = bring_up(move->to_dir);
    if (status == 0)
        status = bring_up(source);
    if (status == 0 && exchange)
        status = bring_up(target);
    if (status == 0)
        status = protect(source, move->to_dir, &move->to_name);
    if (status == 0 && exchange)
        status = protect(target, move->from_dir, &move->from_name);
    if (status != 0)
        return status;
    move->from = overlay_upper(move->from_dir);
    move->to = overlay_upper(move->to_dir);
    move->source = overlay_upper_of(source);
    int below = overlay_below(overlay_node_of(move->from_dir), &move->from_name);
    if (below < 0)
        return below;
    move->covers = below;
    status = overlay_peek(move->to, &move->to_name, &move->target);
    return status == -ENOENT ? 0 : status;
}

// ---------------------------------------------------------------- and after

static void set_place(struct vnode *vnode, struct vnode *dir, char **name) {
    if (!overlay_owns(vnode))
        return;
    struct overlay_node *node = overlay_node_of(vnode);
    struct vnode *old = node->parent;
    char *old_name = node->name;
    vnode_get(dir);
    node->parent = dir;
    node->name = *name;
    *name = old_name;
    vnode_put(old);
}

static void count_all(struct vnode *from_dir, struct vnode *to_dir, struct vnode *target, bool exchange) {
    overlay_count_links(from_dir);
    overlay_count_links(to_dir);
    if (!target || exchange || !overlay_owns(target))
        return;
    overlay_node_of(target)->removed = true;
    if (overlay_upper(target) && !S_ISTYPE(target->mode, S_IFDIR))
        overlay_count_links(target);
    else
        target->links = 0;
}

static char *copy_name(const struct name *name) {
    char *copy = kmalloc(name->length + 1);
    if (copy) {
        memcpy(copy, name->text, name->length);
        copy[name->length] = 0;
    }
    return copy;
}

static status_t rename_locked(struct move *move, struct vnode *source, struct vnode *target, unsigned flags) {
    bool exchange = flags & RENAME_EXCHANGE;
    char *to_name = copy_name(&move->to_name), *from_name = copy_name(&move->from_name);
    status_t status = !to_name || !from_name ? -ENOMEM : prepare(move, source, target, exchange);
    if (status == 0) {
        if (exchange)
            status = upper_rename(move, move->target, RENAME_EXCHANGE);
        else
            status = move->target ? replace(move) : move_to_free_name(move);
    }
    if (status == 0) {
        set_place(source, move->to_dir, &to_name);
        if (exchange)
            set_place(target, move->from_dir, &from_name);
        count_all(move->from_dir, move->to_dir, target, exchange);
    }
    if (move->target)
        vnode_put(move->target);
    kfree(to_name);
    kfree(from_name);
    return status;
}

// A target that is a directory, and goes, is locked by the vfs.
status_t overlay_rename(struct vnode *from_dir, struct name from, struct vnode *source, struct vnode *to_dir,
                        struct name to, struct vnode *target, unsigned flags) {
    struct move move = {
        .overlay = overlay_of(from_dir), .from_dir = from_dir, .to_dir = to_dir, .from_name = from, .to_name = to};
    if (stays_put(source) || (flags & RENAME_EXCHANGE && stays_put(target)))
        return -EXDEV;
    mutex_lock(&move.overlay->mutex);
    bool replaces_dir = target && !(flags & RENAME_EXCHANGE) && S_ISTYPE(target->mode, S_IFDIR);
    status_t status = replaces_dir ? overlay_check_empty(target) : 0;
    if (status == 0)
        status = rename_locked(&move, source, target, flags);
    mutex_unlock(&move.overlay->mutex);
    return status;
}
