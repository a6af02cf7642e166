// SPDX-License-Identifier: MPL-2.0
// Copying up: what a lower has gets a place in the upper, with all that it is, before it is changed.
//
// The directories on the way come first, without what is in them. A file is made in the work directory, filled, and
// placed when it is complete. Who has mapped the lower's contents keeps these; who has it open reads the new ones.
// The number of the file is kept, in an attribute.
#include "overlay_priv.h"

#include <sched/sched.h>

enum { LIST_MAX = 4096 };

// ---------------------------------------------------------------- contents

static status_t copy_page(struct vmo *to, struct vmo *from, uint64_t index) {
    struct page *source, *target;
    status_t status = vmo_get_page(from, index, false, &source);
    if (status != 0 || !source)
        return status; // a hole stays one
    status = vmo_get_page(to, index, true, &target);
    if (status == 0) {
        memcpy(page_to_virt(target), page_to_virt(source), PAGE_SIZE);
        page_put(target);
    }
    page_put(source);
    return status;
}

static status_t copy_contents(struct vnode *to, struct vnode *from, uint64_t keep) {
    uint64_t size = MIN(atomic_load(&from->data->size), keep);
    status_t status = vmo_resize(to->data, ALIGN_UP(size, PAGE_SIZE));
    for (uint64_t index = 0; status == 0 && index << PAGE_SHIFT < size; index++) {
        status = copy_page(to->data, from->data, index);
        sched_preempt_point();
    }
    return status == 0 ? vmo_resize(to->data, size) : status; // zeroes what the last page has behind the end
}

// ---------------------------------------------------------------- attributes

static status_t copy_attribute(struct vnode *to, struct vnode *from, const char *name) {
    rwlock_read(&from->lock);
    ssize_t size = from->ops->get_xattr(from, name, nullptr, 0);
    void *value = size > 0 ? kmalloc((size_t)size) : nullptr;
    if (size > 0)
        size = value ? from->ops->get_xattr(from, name, value, (size_t)size) : -ENOMEM;
    rwlock_read_unlock(&from->lock);
    status_t status = size == -ENODATA ? 0 : size < 0 ? (status_t)size : 0;
    if (size >= 0)
        status = to->ops->set_xattr(to, name, value ? value : "", (size_t)size, 0);
    kfree(value);
    return status;
}

static status_t copy_attributes(struct vnode *to, struct vnode *from) {
    if (!from->ops->list_xattr || !from->ops->get_xattr)
        return 0;
    char *list = kmalloc(LIST_MAX);
    if (!list)
        return -ENOMEM;
    rwlock_read(&from->lock);
    ssize_t size = from->ops->list_xattr(from, list, LIST_MAX);
    rwlock_read_unlock(&from->lock);
    status_t status = size == -EOPNOTSUPP ? 0 : (status_t)MIN(size, 0);
    for (ssize_t at = 0; status == 0 && at < size; at += (ssize_t)strlen(list + at) + 1)
        if (strncmp(list + at, OVERLAY_XATTR, strlen(OVERLAY_XATTR)) != 0)
            status = copy_attribute(to, from, list + at);
    kfree(list);
    return status;
}

// All but the contents, of the node as it is now. The new vnode is nobody else's yet.
static status_t copy_rest(struct vnode *to, const struct vnode *vnode, struct vnode *lower) {
    const struct overlay_node *node = overlay_node_of(vnode);
    status_t status = copy_attributes(to, lower);
    if (status == 0 && !S_ISTYPE(vnode->mode, S_IFDIR))
        status = to->ops->set_xattr(to, XATTR_ORIGIN, &node->origin, sizeof node->origin, 0);
    to->mode = vnode->mode;
    to->uid = vnode->uid;
    to->gid = vnode->gid;
    to->accessed = vnode->accessed;
    to->modified = vnode->modified;
    to->changed = vnode->changed;
    return status;
}

// ---------------------------------------------------------------- one of them

// From now on the node stands for this vnode, whose reference it takes.
static void take_upper(struct vnode *vnode, struct vnode *upper) {
    if (upper->data) {
        struct vmo *below = vnode->data;
        vmo_get(upper->data);
        vnode->data = upper->data;
        vmo_put(below); // its lower has it still, for those who are about to look at it
    }
    if (S_ISTYPE(vnode->mode, S_IFDIR))
        upper->flags |= VNODE_DYNAMIC;
    atomic_store_explicit(&overlay_node_of(vnode)->upper, upper, memory_order_release);
    overlay_count_links(vnode);
}

static status_t fill(struct vnode *vnode, struct vnode *upper, uint64_t keep) {
    struct vnode *lower = overlay_node_of(vnode)->lower[0].vnode;
    status_t status = upper->data && lower->data ? copy_contents(upper, lower, keep) : 0;
    if (status == 0)
        status = copy_rest(upper, vnode, lower);
    return status != 0 ? status : overlay_register(vnode, upper);
}

// A file whose name is gone gets a place without a name.
static status_t copy_nameless(struct overlay *overlay, struct vnode *vnode, uint64_t keep) {
    struct vnode *work = path_vnode(&overlay->work), *upper;
    if (!S_ISTYPE(vnode->mode, S_IFREG))
        return -ENOENT;
    status_t status = work->ops->create_nameless(work, vnode->mode, &upper);
    if (status != 0)
        return status;
    upper->links = 0;
    status = fill(vnode, upper, keep);
    if (status == 0)
        take_upper(vnode, upper);
    else
        vnode_put(upper);
    return status;
}

static status_t copy_one(struct overlay *overlay, struct vnode *vnode, uint64_t keep) {
    struct overlay_node *node = overlay_node_of(vnode);
    if (node->removed)
        return copy_nameless(overlay, vnode, keep);
    struct overlay_new what = {.mode = vnode->mode, .device = vnode->device, .target = vnode->link_target};
    if (S_ISTYPE(vnode->mode, S_IFLNK) && !what.target)
        return -EIO;
    struct work_name work_name;
    struct vnode *upper;
    status_t status = work_make(overlay, &what, &work_name, &upper);
    if (status != 0)
        return status;
    struct name name = name_make(node->name, strlen(node->name));
    status = fill(vnode, upper, keep);
    if (status == 0)
        status = work_place(overlay, &work_name, upper, overlay_upper(node->parent), &name, nullptr);
    if (status == 0) {
        take_upper(vnode, upper);
        return 0;
    }
    overlay_unregister(vnode, upper);
    work_discard(overlay, &work_name, upper);
    vnode_put(upper);
    return status;
}

status_t overlay_copy_up_locked(struct vnode *vnode, uint64_t keep) {
    struct overlay *overlay = overlay_of(vnode);
    status_t status = overlay->upper.mount ? 0 : -EROFS;
    while (status == 0 && !overlay_upper(vnode)) {
        struct vnode *next = vnode; // the highest one that is not there yet
        while (!overlay_node_of(next)->removed && !overlay_upper(overlay_node_of(next)->parent))
            next = overlay_node_of(next)->parent;
        status = copy_one(overlay, next, next == vnode ? keep : 0);
    }
    return status;
}

status_t overlay_copy_up(struct vnode *vnode, uint64_t keep) {
    struct overlay *overlay = overlay_of(vnode);
    if (overlay_upper(vnode))
        return 0;
    mutex_lock(&overlay->mutex);
    status_t status = overlay_copy_up_locked(vnode, keep);
    mutex_unlock(&overlay->mutex);
    return status;
}
