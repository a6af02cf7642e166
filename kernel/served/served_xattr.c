// SPDX-License-Identifier: MPL-2.0
// Extended attributes of served volumes: all of a node's are asked for when the first one is wanted, and kept. Nobody
// is asked if the volume says that it has none.
#include "served_priv.h"

#include <abi/fcntl.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/task.h>

enum {
    PIECE = 8000, // of an answer
    EXTENDED_ROOM = 2 + PIECE + 8,
    ALL_MOST = 1 << 20,
    HEAD = 2 + 4, // of an attribute: the sizes of name and value
};

// As the protocol has them.
struct served_xattrs {
    uint32_t size;
    uint8_t data[];
};

struct attribute {
    const char *name; // without an end
    const void *value;
    uint32_t name_size, size;
};

// The attribute at *at, which moves behind it. False: there is none, or what is there makes no sense.
static bool next_attribute(const struct served_xattrs *all, uint32_t *at, struct attribute *out) {
    const uint8_t *from = all->data + *at;
    uint32_t left = all->size - *at;
    if (left < HEAD)
        return false;
    out->name_size = (uint32_t)(from[0] | from[1] << 8);
    memcpy(&out->size, from + 2, sizeof out->size);
    if (out->name_size > left - HEAD || out->size > left - HEAD - out->name_size)
        return false;
    out->name = (const char *)from + HEAD;
    out->value = from + HEAD + out->name_size;
    *at += HEAD + out->name_size + out->size;
    return true;
}

static bool make_sense(const struct served_xattrs *all) {
    struct attribute attribute;
    uint32_t at = 0;
    while (next_attribute(all, &at, &attribute))
        if (attribute.name_size == 0 || attribute.name_size > XATTR_NAME_MAX || attribute.size > XATTR_SIZE_MAX ||
            memchr(attribute.name, 0, attribute.name_size))
            return false;
    return at == all->size;
}

// A piece of them, and the memory for all with the first.
static status_t ask_piece(struct vnode *vnode, uint32_t offset, struct served_xattrs **all, uint32_t *got) {
    struct served_answer answer;
    uint64_t arguments[2] = {vnode->inode, offset};
    status_t status = served_ask(served_of(vnode->super), SERVED_EXTENDED, arguments, 2, EXTENDED_ROOM, &answer);
    if (status != 0)
        return status == -ESTALE ? -EIO : status;
    const uint8_t *piece = served_bytes(&answer, got);
    uint64_t size = served_number(&answer, 8);
    if (answer.bad || size > ALL_MOST)
        return -EIO;
    if (!*all) {
        *all = kzalloc(sizeof **all + size);
        if (!*all)
            return -ENOMEM;
        (*all)->size = (uint32_t)size;
    }
    if (size != (*all)->size || *got > size - offset || (*got == 0 && offset < size))
        return -EIO;
    memcpy((*all)->data + offset, piece, *got);
    return 0;
}

// Two may ask at the same time: the first one's answer stays.
static status_t get_all(struct vnode *vnode, struct served_xattrs **out) {
    struct served_node *node = served_node_of(vnode);
    *out = atomic_load_explicit(&node->xattrs, memory_order_acquire);
    if (*out)
        return 0;
    struct served_xattrs *all = nullptr, *first = nullptr;
    uint32_t offset = 0, got = 0;
    status_t status = 0;
    do {
        status = ask_piece(vnode, offset, &all, &got);
        offset += got;
    } while (status == 0 && offset < all->size);
    if (status == 0 && !make_sense(all))
        status = -EIO;
    if (status == 0 && atomic_compare_exchange_strong(&node->xattrs, &first, all)) {
        *out = all;
        return 0;
    }
    kfree(all);
    *out = first;
    return status;
}

ssize_t served_get_xattr(struct vnode *vnode, const char *name, void *value, size_t size) {
    struct served_xattrs *all;
    struct attribute attribute;
    if (!served_of(vnode->super)->has_xattrs)
        return -ENODATA;
    status_t status = get_all(vnode, &all);
    if (status != 0)
        return status;
    for (uint32_t at = 0, length = (uint32_t)strlen(name); next_attribute(all, &at, &attribute);) {
        if (attribute.name_size != length || memcmp(attribute.name, name, length) != 0)
            continue;
        if (size > 0 && size < attribute.size)
            return -ERANGE;
        if (size > 0)
            memcpy(value, attribute.value, attribute.size);
        return (ssize_t)attribute.size;
    }
    return -ENODATA;
}

// trusted.* is shown to the administrator only.
static bool is_shown(const struct attribute *attribute) {
    static const char trusted[] = "trusted.";
    return attribute->name_size < sizeof trusted || memcmp(attribute->name, trusted, sizeof trusted - 1) != 0 ||
           cred_has_cap(cred_current(), CAP_SYS_ADMIN);
}

ssize_t served_list_xattr(struct vnode *vnode, char *list, size_t size) {
    struct served_xattrs *all;
    struct attribute attribute;
    if (!served_of(vnode->super)->has_xattrs)
        return 0;
    status_t status = get_all(vnode, &all);
    if (status != 0)
        return status;
    size_t total = 0;
    for (uint32_t at = 0; next_attribute(all, &at, &attribute);) {
        if (!is_shown(&attribute))
            continue;
        if (size > 0 && total + attribute.name_size + 1 > size)
            return -ERANGE;
        if (size > 0) {
            memcpy(list + total, attribute.name, attribute.name_size);
            list[total + attribute.name_size] = 0;
        }
        total += attribute.name_size + 1;
    }
    return (ssize_t)total;
}
