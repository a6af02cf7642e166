// SPDX-License-Identifier: MPL-2.0
// Nodes of overlays: the vnodes of the overlay's own, over real ones (overlay_priv.h).
#include "overlay_priv.h"

const struct vnode_ops overlay_dir_ops = {
    .lookup = overlay_lookup,
    .create = overlay_create,
    .create_nameless = overlay_create_nameless,
    .mkdir = overlay_mkdir,
    .symlink = overlay_symlink,
    .link = overlay_link,
    .unlink = overlay_unlink,
    .rmdir = overlay_rmdir,
    .rename = overlay_rename,
    .readdir = overlay_readdir,
    .get_attributes = overlay_get_attributes,
    .set_attributes = overlay_set_attributes,
    .release = overlay_release,
    .get_xattr = overlay_get_xattr,
    .set_xattr = overlay_set_xattr,
    .list_xattr = overlay_list_xattr,
};

const struct vnode_ops overlay_file_ops = {
    .readlink = overlay_readlink,
    .get_attributes = overlay_get_attributes,
    .set_attributes = overlay_set_attributes,
    .prepare_write = overlay_prepare_write,
    .release = overlay_release,
    .get_xattr = overlay_get_xattr,
    .set_xattr = overlay_set_xattr,
    .list_xattr = overlay_list_xattr,
};

// ---------------------------------------------------------------- nodes by their upper

// The node over that vnode of the upper, if there is one: referenced.
static struct vnode *find_node(struct overlay *overlay, const struct vnode *upper) {
    spin_lock(&overlay->lock);
    struct vnode *vnode = radix_get(&overlay->by_upper, upper->inode);
    if (vnode && !refcount_try_up(&vnode->ref))
        vnode = nullptr; // on its way out
    spin_unlock(&overlay->lock);
    return vnode;
}

status_t overlay_register(struct vnode *vnode, struct vnode *upper) {
    struct overlay *overlay = overlay_of(vnode);
    spin_lock(&overlay->lock);
    status_t status = radix_set(&overlay->by_upper, upper->inode, vnode);
    spin_unlock(&overlay->lock);
    return status;
}

void overlay_unregister(struct vnode *vnode, const struct vnode *upper) {
    struct overlay *overlay = overlay_of(vnode);
    spin_lock(&overlay->lock);
    if (radix_get(&overlay->by_upper, upper->inode) == vnode)
        radix_remove(&overlay->by_upper, upper->inode);
    spin_unlock(&overlay->lock);
}

// ---------------------------------------------------------------- making one

static void put_parts(struct overlay_parts *parts) {
    if (parts->upper)
        vnode_put(parts->upper);
    for (unsigned i = 0; i < parts->lower_count; i++)
        vnode_put(parts->lower[i].vnode);
}

static struct overlay_node *make_private(const struct overlay_parts *parts, const struct name *name) {
    struct overlay_node *node = kzalloc(sizeof *node + parts->lower_count * sizeof node->lower[0]);
    char *copy = kmalloc(name->length + 1);
    if (!node || !copy) {
        kfree(node);
        kfree(copy);
        return nullptr;
    }
    memcpy(copy, name->text, name->length);
    copy[name->length] = 0;
    node->name = copy;
    atomic_init(&node->upper, parts->upper);
    node->parent = parts->parent;
    if (node->parent)
        vnode_get(node->parent);
    node->lower_count = parts->lower_count;
    memcpy(node->lower, parts->lower, parts->lower_count * sizeof node->lower[0]);
    return node;
}

// The number of a file is what it was where the file came from, with the layer above it.
static uint64_t number_of(const struct overlay_lower *lower) {
    return lower->vnode->inode ^ (uint64_t)lower->layer << 48;
}

static void copy_fields(struct vnode *vnode, const struct vnode *real) {
    vnode->uid = real->uid;
    vnode->gid = real->gid;
    vnode->device = real->device;
    vnode->accessed = real->accessed;
    vnode->modified = real->modified;
    vnode->changed = real->changed;
    vnode->born = real->born;
    vnode->links = real->links;
}

static void take_contents(struct vnode *vnode, struct vnode *real) {
    struct vmo *data = real->data;
    if (data)
        vmo_get(data);
    vnode->data = data;
    if (real->link_target) {
        vnode->link_target = real->link_target; // stays while `real` does
        vnode->flags |= VNODE_STATIC_LINK;
    }
}

static struct vnode *make_vnode(struct super *super, struct overlay_node *node) {
    struct vnode *upper = atomic_load(&node->upper), *real = upper ? upper : node->lower[0].vnode;
    bool directory = S_ISTYPE(real->mode, S_IFDIR);
    node->origin = node->lower_count ? number_of(&node->lower[0]) : overlay_origin(upper);
    struct vnode *vnode = vnode_create(super, directory ? &overlay_dir_ops : &overlay_file_ops, real->mode,
                                       node->origin ? node->origin : real->inode);
    if (!vnode)
        return nullptr;
    copy_fields(vnode, real);
    take_contents(vnode, real);
    vnode->fs_private = node;
    return vnode;
}

status_t overlay_make_node(struct super *super, struct overlay_parts *parts, const struct name *name,
                           struct vnode **out) {
    struct overlay *overlay = super->fs_private;
    struct vnode *known = parts->upper ? find_node(overlay, parts->upper) : nullptr;
    if (known) {
        put_parts(parts);
        *out = known;
        return 0;
    }
    struct overlay_node *node = make_private(parts, name);
    struct vnode *vnode = node ? make_vnode(super, node) : nullptr;
    if (!vnode) {
        if (node) {
            if (node->parent)
                vnode_put(node->parent);
            kfree(node->name);
        }
        kfree(node);
        put_parts(parts);
        return -ENOMEM;
    }
    if (S_ISTYPE(vnode->mode, S_IFDIR)) {
        if (parts->upper)
            parts->upper->flags |= VNODE_DYNAMIC;
        overlay_count_links(vnode);
    }
    status_t status = parts->upper ? overlay_register(vnode, parts->upper) : 0;
    if (status == 0)
        *out = vnode;
    else
        vnode_put(vnode);
    return status;
}

// ---------------------------------------------------------------- the end of one

void overlay_flush(struct vnode *vnode) {
    struct vnode *upper = overlay_upper(vnode);
    if (!upper)
        return;
    upper->mode = vnode->mode;
    upper->uid = vnode->uid;
    upper->gid = vnode->gid;
    upper->accessed = vnode->accessed;
    upper->modified = vnode->modified;
    upper->changed = vnode->changed;
}

void overlay_release(struct vnode *vnode) {
    struct overlay_node *node = overlay_node_of(vnode);
    struct vnode *upper = overlay_upper(vnode);
    if (upper) {
        overlay_flush(vnode);
        overlay_unregister(vnode, upper);
        vnode_put(upper);
    }
    for (unsigned i = 0; i < node->lower_count; i++)
        vnode_put(node->lower[i].vnode);
    if (node->parent)
        vnode_put(node->parent);
    kfree(node->name);
    kfree(node);
}
