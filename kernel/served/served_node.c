// SPDX-License-Identifier: MPL-2.0
// Vnodes of served volumes: one for each number that is in use. The memory object with a file's contents is the pager's
// by that number, and goes with the vnode; mappings keep the vnode.
#include "served_priv.h"

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <vfs/namespace.h>

enum { ATTRIBUTES_ROOM = 4 * 4 + 7 * 8, TARGET_ROOM = 2 + 4095 };

static const struct vnode_ops served_dir_ops, served_ops;

// What the server says of a node.
struct described {
    uint64_t number, parent, size, blocks, device;
    uint32_t mode, links, uid, gid;
    struct time_spec accessed, modified, changed, born;
    char *target; // of a symbolic link
};

static struct time_spec time_of(uint64_t nanoseconds) {
    int64_t all = (int64_t)nanoseconds, seconds = all / 1'000'000'000, rest = all % 1'000'000'000;
    return rest < 0 ? (struct time_spec){seconds - 1, rest + 1'000'000'000} : (struct time_spec){seconds, rest};
}

static status_t ask_target(struct served *served, struct described *what) {
    struct served_answer answer;
    uint32_t size;
    status_t status = served_ask(served, SERVED_TARGET, &what->number, 1, TARGET_ROOM, &answer);
    if (status != 0)
        return status;
    const uint8_t *text = served_bytes(&answer, &size);
    if (size == 0 || memchr(text, 0, size))
        return -EIO;
    what->target = kmalloc(size + 1);
    if (!what->target)
        return -ENOMEM;
    memcpy(what->target, text, size);
    what->target[size] = 0;
    return 0;
}

static bool is_known_type(uint32_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        return !(mode & ~(uint32_t)(S_IFMT | S_IALLUGO));
    default:
        return false;
    }
}

static status_t describe(struct served *served, struct described *what) {
    struct served_answer answer;
    status_t status = served_ask(served, SERVED_ATTRIBUTES, &what->number, 1, ATTRIBUTES_ROOM, &answer);
    if (status != 0)
        return status == -ESTALE ? -EIO : status;
    what->mode = (uint32_t)served_number(&answer, 4);
    what->links = (uint32_t)served_number(&answer, 4);
    what->uid = (uint32_t)served_number(&answer, 4);
    what->gid = (uint32_t)served_number(&answer, 4);
    what->device = served_number(&answer, 8);
    what->size = served_number(&answer, 8);
    what->blocks = served_number(&answer, 8);
    what->accessed = time_of(served_number(&answer, 8));
    what->modified = time_of(served_number(&answer, 8));
    what->changed = time_of(served_number(&answer, 8));
    what->born = time_of(served_number(&answer, 8));
    if (answer.bad || !is_known_type(what->mode) || what->size > INT64_MAX)
        return -EIO;
    return S_ISTYPE(what->mode, S_IFLNK) ? ask_target(served, what) : 0;
}

static struct vnode *make_vnode(struct super *super, struct described *what) {
    struct served_node *node = kzalloc(sizeof *node);
    if (!node)
        return nullptr;
    bool directory = S_ISTYPE(what->mode, S_IFDIR);
    struct vnode *vnode = vnode_create(super, directory ? &served_dir_ops : &served_ops, what->mode, what->number);
    if (!vnode) {
        kfree(node);
        return nullptr;
    }
    node->parent = what->parent;
    node->blocks = what->blocks;
    vnode->fs_private = node;
    vnode->device = what->device;
    vnode->uid = what->uid;
    vnode->gid = what->gid;
    vnode->links = what->links;
    vnode->accessed = what->accessed;
    vnode->modified = what->modified;
    vnode->changed = what->changed;
    vnode->born = what->born;
    vnode->flags |= VNODE_NO_TIMES;
    vnode->link_target = what->target;
    what->target = nullptr;
    return vnode;
}

static struct vnode *find_locked(struct served *served, uint64_t number) REQUIRES(&served->lock) {
    struct vnode *vnode = radix_get(&served->nodes, number);
    return vnode && refcount_try_up(&vnode->ref) ? vnode : nullptr;
}

static struct vnode *find(struct served *served, uint64_t number) {
    spin_lock(&served->lock);
    struct vnode *vnode = find_locked(served, number);
    spin_unlock(&served->lock);
    return vnode;
}

// The vnode is found by its number from now on, and has its contents; if others were faster, *vnode is theirs.
static status_t publish(struct served *served, struct vnode **vnode, uint64_t size) {
    struct vnode *own = *vnode, *other;
    struct vmo *data = nullptr;
    status_t status = 0;
    spin_lock(&served->lock);
    other = find_locked(served, own->inode);
    if (!other && S_ISTYPE(own->mode, S_IFREG))
        status = pager_object(served->pager, own->inode, size, &data);
    if (!other && status == 0) {
        own->data = data;
        status = radix_set(&served->nodes, own->inode, own);
        if (status != 0 && data)
            pager_forget(served->pager, own->inode);
    }
    spin_unlock(&served->lock);
    if (other || status != 0) {
        vnode_put(own);
        *vnode = other;
    }
    return status;
}

status_t served_get_node(struct super *super, uint64_t number, uint64_t parent, struct vnode **out) {
    struct served *served = served_of(super);
    *out = find(served, number);
    if (*out)
        return 0;
    struct described what = {.number = number, .parent = parent};
    status_t status = number != UINT64_MAX ? describe(served, &what) : -EIO;
    struct vnode *vnode = status == 0 ? make_vnode(super, &what) : nullptr;
    if (status == 0)
        status = vnode ? publish(served, &vnode, what.size) : -ENOMEM;
    kfree(what.target);
    if (status == 0)
        *out = vnode;
    return status;
}

// ---------------------------------------------------------------- operations

static status_t served_attributes(struct vnode *vnode, struct stat_info *out) {
    vnode_stat(vnode, out);
    out->blocks = served_node_of(vnode)->blocks;
    return 0;
}

// A vnode that was not published, or has a successor already, leaves the contents alone.
static void served_release(struct vnode *vnode) {
    struct served *served = served_of(vnode->super);
    struct served_node *node = served_node_of(vnode);
    spin_lock(&served->lock);
    if (radix_get(&served->nodes, vnode->inode) == vnode) {
        radix_remove(&served->nodes, vnode->inode);
        if (vnode->data)
            pager_forget(served->pager, vnode->inode);
    }
    spin_unlock(&served->lock);
    served_free_names(node->names);
    kfree(node->xattrs);
    kfree(node);
}

static const struct vnode_ops served_dir_ops = {
    .lookup = served_lookup,
    .readdir = served_readdir,
    .get_attributes = served_attributes,
    .release = served_release,
    .get_xattr = served_get_xattr,
    .list_xattr = served_list_xattr,
};

static const struct vnode_ops served_ops = {
    .get_attributes = served_attributes,
    .release = served_release,
    .get_xattr = served_get_xattr,
    .list_xattr = served_list_xattr,
};
