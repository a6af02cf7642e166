// SPDX-License-Identifier: MPL-2.0
// Names in overlays: what the layers have under a name, from the upper downwards.
//
// The first one that has the name decides. A whiteout: there is nothing. A directory is merged with those of the
// lowers below it, down to one that is opaque, or to a layer that has something else there.
#include "overlay_priv.h"

status_t overlay_peek(struct vnode *dir, const struct name *name, struct vnode **out) {
    rwlock_read(&dir->lock);
    status_t status = dir->ops->lookup ? dir->ops->lookup(dir, *name, out) : -ENOENT;
    rwlock_read_unlock(&dir->lock);
    return status;
}

static ssize_t read_mark(struct vnode *vnode, const char *name, void *value, size_t size) {
    if (!vnode->ops->get_xattr)
        return -EOPNOTSUPP;
    rwlock_read(&vnode->lock);
    ssize_t length = vnode->ops->get_xattr(vnode, name, value, size);
    rwlock_read_unlock(&vnode->lock);
    return length;
}

bool overlay_is_opaque(struct vnode *dir) {
    char value;
    return read_mark(dir, XATTR_OPAQUE, &value, sizeof value) == sizeof value && value == 'y';
}

uint64_t overlay_origin(struct vnode *upper) {
    uint64_t number;
    return read_mark(upper, XATTR_ORIGIN, &number, sizeof number) == sizeof number ? number : 0;
}

// What the first lower from *at on that has the name has there: referenced, or null. *at: which one it is.
static status_t first_below(const struct overlay_node *dir, const struct name *name, unsigned *at, struct vnode **out) {
    *out = nullptr;
    for (; *at < dir->lower_count; ++*at) {
        status_t status = overlay_peek(dir->lower[*at].vnode, name, out);
        if (status != -ENOENT)
            return status;
    }
    return 0;
}

int overlay_below(const struct overlay_node *dir, const struct name *name) {
    struct vnode *found;
    unsigned at = 0;
    status_t status = first_below(dir, name, &at, &found);
    if (status != 0 || !found)
        return status;
    int shows = !is_whiteout(found);
    vnode_put(found);
    return shows;
}

// Adds what the lowers of `dir` have under the name to the parts. A file ends it, and counts only if it comes first.
static status_t gather(const struct overlay_node *dir, const struct name *name, struct overlay_parts *parts) {
    struct vnode *found;
    for (unsigned at = 0; at < dir->lower_count; at++) {
        status_t status = first_below(dir, name, &at, &found);
        if (status != 0 || !found)
            return status;
        bool directory = S_ISTYPE(found->mode, S_IFDIR), first = !parts->upper && parts->lower_count == 0;
        if (is_whiteout(found) || (!directory && !first)) {
            vnode_put(found);
            return 0;
        }
        parts->lower[parts->lower_count++] = (struct overlay_lower){found, dir->lower[at].layer};
        if (!directory || overlay_is_opaque(found))
            return 0;
    }
    return 0;
}

// Decides about what the upper has: true: that is all, *out and *status are set.
static bool upper_decides(struct vnode *upper, struct vnode **out, status_t *status) {
    if (is_whiteout(upper)) {
        vnode_put(upper);
        *status = -ENOENT;
        return true;
    }
    if (S_ISTYPE(upper->mode, S_IFDIR) || overlay_origin(upper) != 0)
        return false;
    *out = upper; // made here: there is nothing to add to it
    *status = 0;
    return true;
}

status_t overlay_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct overlay_node *node = overlay_node_of(dir);
    struct overlay_parts parts = {.parent = dir};
    struct vnode *upper = overlay_upper(dir);
    status_t status = upper ? overlay_peek(upper, &name, &parts.upper) : -ENOENT;
    if (status != 0 && status != -ENOENT)
        return status;
    if (parts.upper && upper_decides(parts.upper, out, &status))
        return status;
    bool merges = !parts.upper || (S_ISTYPE(parts.upper->mode, S_IFDIR) && !overlay_is_opaque(parts.upper));
    status = merges ? gather(node, &name, &parts) : 0;
    if (status == 0 && (parts.upper || parts.lower_count > 0))
        return overlay_make_node(dir->super, &parts, &name, out);
    if (parts.upper)
        vnode_put(parts.upper);
    for (unsigned i = 0; i < parts.lower_count; i++)
        vnode_put(parts.lower[i].vnode);
    return status == 0 ? -ENOENT : status;
}
