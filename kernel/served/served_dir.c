// SPDX-License-Identifier: MPL-2.0
// Directories of served volumes: all names are asked for when the first one is wanted, and kept in the order in which
// they came, with a hash table.
#include "served_priv.h"

#include <abi/stat.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <vfs/path.h>

enum {
    LIST_ROOM = 2 + 4000 + 8, // an answer of `list`
    ENTRY_HEAD = 10,          // of an entry: number, kind, length
    NAMES_MOST = 1 << 20,
    TEXTS_MOST = 1 << 26,
    FIRST_NAME = 2, // positions 0 and 1 are "." and ".."
};

// Names while they come.
struct growing {
    struct served_names *names;
    uint32_t names_room, texts_size, texts_room;
};

static status_t grow(void **array, uint32_t *room, uint32_t wanted, uint32_t most, size_t size) {
    if (wanted <= *room)
        return 0;
    if (wanted > most)
        return -EIO;
    uint32_t doubled = MAX(*room * 2, 64u), more = MAX(doubled, wanted);
    void *larger = kmalloc(more * size);
    if (!larger)
        return -ENOMEM;
    if (*array)
        memcpy(larger, *array, *room * size);
    kfree(*array);
    *array = larger;
    *room = more;
    return 0;
}

static bool is_good_name(const char *text, uint32_t length) {
    bool dots = text[0] == '.' && (length == 1 || (length == 2 && text[1] == '.'));
    for (uint32_t i = 0; i < length; i++)
        if (text[i] == '/' || text[i] == 0)
            return false;
    return length > 0 && !dots;
}

static status_t add_name(struct growing *growing, uint64_t node, uint8_t type, const char *text, uint8_t length) {
    struct served_names *names = growing->names;
    if (!is_good_name(text, length))
        return -EIO;
    status_t status =
        grow((void **)&names->names, &growing->names_room, names->count + 1, NAMES_MOST, sizeof *names->names);
    if (status == 0)
        status = grow((void **)&names->texts, &growing->texts_room, growing->texts_size + length, TEXTS_MOST, 1);
    if (status != 0)
        return status;
    memcpy(names->texts + growing->texts_size, text, length);
    names->names[names->count++] = (struct served_name){.node = node,
                                                        .hash = name_make(text, length).hash,
                                                        .text = growing->texts_size,
                                                        .type = type,
                                                        .length = length};
    growing->texts_size += length;
    return 0;
}

// An answer's entries. *any: there was one.
static status_t add_entries(struct growing *growing, struct served_answer *answer, uint64_t *next, bool *any) {
    uint32_t size;
    const uint8_t *at = served_bytes(answer, &size), *end = at + size;
    *any = size > 0;
    status_t status = 0;
    while (status == 0 && at < end) {
        uint8_t length = end - at >= ENTRY_HEAD ? at[9] : 0;
        if (end - at < ENTRY_HEAD + length)
            return -EIO;
        uint64_t node;
        memcpy(&node, at, sizeof node);
        status = add_name(growing, node, at[8], (const char *)at + ENTRY_HEAD, length);
        at += ENTRY_HEAD + length;
    }
    *next = served_number(answer, 8);
    return answer->bad ? -EIO : status;
}

static status_t make_buckets(struct served_names *names) {
    names->bucket_count = 16;
    while (names->bucket_count < names->count)
        names->bucket_count *= 2;
    names->buckets = kcalloc(names->bucket_count, sizeof *names->buckets);
    if (!names->buckets)
        return -ENOMEM;
    for (uint32_t i = names->count; i > 0; i--) {
        uint32_t *bucket = &names->buckets[names->names[i - 1].hash & (names->bucket_count - 1)];
        names->names[i - 1].next = *bucket;
        *bucket = i;
    }
    return 0;
}

void served_free_names(struct served_names *names) {
    if (!names)
        return;
    kfree(names->names);
    kfree(names->texts);
    kfree(names->buckets);
    kfree(names);
}

static status_t ask_names(struct vnode *dir, struct served_names *names) {
    struct growing growing = {.names = names};
    uint64_t arguments[2] = {dir->inode, 0}, next = 0;
    status_t status = 0;
    for (bool any = true; status == 0 && any; arguments[1] = next) {
        struct served_answer answer;
        status = served_ask(served_of(dir->super), SERVED_LIST, arguments, 2, LIST_ROOM, &answer);
        if (status == 0)
            status = add_entries(&growing, &answer, &next, &any);
        if (status == 0 && any && next <= arguments[1])
            status = -EIO; // it would never end
    }
    return status == 0 ? make_buckets(names) : status;
}

// Two may ask at the same time: the first one's answer stays.
static status_t get_names(struct vnode *dir, struct served_names **out) {
    struct served_node *node = served_node_of(dir);
    *out = atomic_load_explicit(&node->names, memory_order_acquire);
    if (*out)
        return 0;
    struct served_names *names = kzalloc(sizeof *names), *first = nullptr;
    status_t status = names ? ask_names(dir, names) : -ENOMEM;
    if (status != 0) {
        served_free_names(names);
        return status;
    }
    if (atomic_compare_exchange_strong(&node->names, &first, names)) {
        *out = names;
    } else {
        served_free_names(names);
        *out = first;
    }
    return 0;
}

status_t served_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct served_names *names;
    status_t status = get_names(dir, &names);
    if (status != 0)
        return status;
    for (uint32_t i = names->buckets[name.hash & (names->bucket_count - 1)]; i > 0; i = names->names[i - 1].next) {
        const struct served_name *at = &names->names[i - 1];
        if (at->hash == name.hash && at->length == name.length &&
            memcmp(names->texts + at->text, name.text, name.length) == 0)
            return served_get_node(dir->super, at->node, dir->inode, out);
    }
    return -ENOENT;
}

status_t served_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct served_names *names;
    status_t status = get_names(dir, &names);
    if (status != 0 || position < 0)
        return status;
    if (position == 0 && !sink->emit(sink, (struct name){".", 1, 0}, dir->inode, DT_DIR, 1))
        return 0;
    if (position <= 1 && !sink->emit(sink, (struct name){"..", 2, 0}, served_node_of(dir)->parent, DT_DIR, FIRST_NAME))
        return 0;
    for (uint64_t i = (uint64_t)MAX(position, (loff_t)FIRST_NAME) - FIRST_NAME; i < names->count; i++) {
        const struct served_name *at = &names->names[i];
        struct name name = {names->texts + at->text, at->length, at->hash};
        if (!sink->emit(sink, name, at->node, at->type, (loff_t)i + 1 + FIRST_NAME))
            return 0;
    }
    return 0;
}
