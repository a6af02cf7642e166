// SPDX-License-Identifier: MPL-2.0
// Extended attributes of file systems in memory: a list at the vnode, under the vnode's lock, which the caller holds.
#include "vfs_priv.h"

struct xattr {
    struct xattr *next;
    size_t size;
    void *value;
    char name[];
};

static struct xattr **find(struct vnode *vnode, const char *name) {
    struct xattr **link = &vnode->xattrs;
    while (*link && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

ssize_t xattr_memory_get(struct vnode *vnode, const char *name, void *value, size_t size) {
    struct xattr *at = *find(vnode, name);
    if (!at)
        return -ENODATA;
    if (size == 0)
        return (ssize_t)at->size;
    if (size < at->size)
        return -ERANGE;
    memcpy(value, at->value, at->size);
    return (ssize_t)at->size;
}

static void free_one(struct xattr *at) {
    kfree(at->value);
    kfree(at);
}

status_t xattr_memory_set(struct vnode *vnode, const char *name, const void *value, size_t size, int flags) {
    struct xattr **link = find(vnode, name), *old = *link;
    if (!value) {
        if (!old)
            return -ENODATA;
        *link = old->next;
        free_one(old);
        return 0;
    }
    if (flags & XATTR_CREATE && old)
        return -EEXIST;
    if (flags & XATTR_REPLACE && !old)
        return -ENODATA;
    size_t name_size = strlen(name) + 1;
    struct xattr *at = kmalloc_charged(sizeof *at + name_size);
    void *copy = kmalloc_charged(size ? size : 1);
    if (!at || !copy) {
        kfree(at);
        kfree(copy);
        return -ENOMEM;
    }
    memcpy(copy, value, size);
    memcpy(at->name, name, name_size);
    at->value = copy;
    at->size = size;
    at->next = old ? old->next : nullptr;
    *link = at;
    if (old)
        free_one(old);
    return 0;
}

ssize_t xattr_memory_list(struct vnode *vnode, char *list, size_t size) {
    size_t total = 0;
    for (struct xattr *at = vnode->xattrs; at; at = at->next) {
        // trusted.* is shown to the administrator only
        if (strncmp(at->name, "trusted.", 8) == 0 && !cred_has_cap(vfs_cred(), CAP_SYS_ADMIN))
            continue;
        size_t length = strlen(at->name) + 1;
        if (size) {
            if (total + length > size)
                return -ERANGE;
            memcpy(list + total, at->name, length);
        }
        total += length;
    }
    return (ssize_t)total;
}

void xattr_free_all(struct vnode *vnode) {
    for (struct xattr *at = vnode->xattrs, *next; at; at = next) {
        next = at->next;
        free_one(at);
    }
    vnode->xattrs = nullptr;
}
