// SPDX-License-Identifier: MPL-2.0
// Listing a directory of an overlay, without remembering anything between calls.
//
// The lowers come first, from the highest, then the upper with the names that no lower has. So a file that is copied
// up while somebody lists keeps its place, and is shown once. A position is the layer's own, with the layer's number
// above it.
#include "overlay_priv.h"

#define LAYER_SHIFT 56
#define FIRST_LAYER 2 // positions 0 and 1 are "." and ".."

struct layer_sink {
    struct dir_sink sink;
    struct dir_sink *outer;
    struct vnode *dir, *upper;
    unsigned layer; // a lower's index, or their number for the upper
    bool full;
    status_t status;
};

static bool is_dots(struct name name) {
    return name.text[0] == '.' && (name.length == 1 || (name.length == 2 && name.text[1] == '.'));
}

// What is to be shown of a name; false: nothing.
struct shown {
    uint64_t inode;
    unsigned type;
};

// A name in a layer whose directory is locked.
static status_t find(struct vnode *dir, const struct name *name, struct vnode **out) {
    *out = nullptr;
    status_t status = dir ? dir->ops->lookup(dir, *name, out) : -ENOENT;
    return status == -ENOENT ? 0 : status;
}

// What the first of so many lowers that has the name has there; referenced, or null.
static status_t find_first(const struct overlay_node *dir, const struct name *name, unsigned count,
                           struct vnode **out) {
    status_t status = 0;
    *out = nullptr;
    for (unsigned i = 0; status == 0 && !*out && i < count; i++)
        status = find(dir->lower[i].vnode, name, out);
    return status;
}

// What there is to be said of a name by what the upper has.
static void show_as_upper(struct vnode *upper, struct shown *shown) {
    bool directory = S_ISTYPE(upper->mode, S_IFDIR);
    uint64_t origin = directory ? 0 : overlay_origin(upper);
    bool merged = directory && shown->type == DT_DIR && !overlay_is_opaque(upper);
    if (!merged)
        shown->inode = origin ? origin : upper->inode;
    shown->type = (upper->mode & S_IFMT) >> 12;
}

// A name of a lower: not if a layer above has it covered.
static bool show_lower(struct layer_sink *sink, const struct name *name, struct shown *shown) {
    const struct overlay_node *node = overlay_node_of(sink->dir);
    const struct overlay_lower *lower = &node->lower[sink->layer];
    struct vnode *found;
    sink->status = find_first(node, name, sink->layer, &found);
    if (sink->status == 0 && !found && shown->type == DT_CHR) {
        sink->status = find(lower->vnode, name, &found);
        if (found && !is_whiteout(found)) {
            vnode_put(found);
            found = nullptr;
        }
    }
    if (found)
        vnode_put(found);
    if (sink->status != 0 || found)
        return false;
    shown->inode ^= (uint64_t)lower->layer << 48;
    sink->status = find(sink->upper, name, &found);
    if (!found)
        return sink->status == 0;
    bool visible = !is_whiteout(found);
    show_as_upper(found, shown);
    vnode_put(found);
    return visible;
}

// A name of the upper: those that lowers have were shown there.
static bool show_upper(struct layer_sink *sink, const struct name *name, struct shown *shown) {
    const struct overlay_node *node = overlay_node_of(sink->dir);
    struct vnode *found;
    sink->status = find_first(node, name, node->lower_count, &found);
    bool was_shown = found && !is_whiteout(found);
    if (found)
        vnode_put(found);
    if (sink->status != 0 || was_shown)
        return false;
    sink->status = find(sink->upper, name, &found);
    if (!found)
        return false;
    bool visible = !is_whiteout(found);
    shown->type = DT_UNKNOWN; // not merged: nothing below shows
    show_as_upper(found, shown);
    vnode_put(found);
    return visible;
}

static bool emit(struct dir_sink *inner, struct name name, uint64_t inode, unsigned type, loff_t next) {
    struct layer_sink *sink = CONTAINER_OF(inner, struct layer_sink, sink);
    struct shown shown = {inode, type};
    if (is_dots(name))
        return true;
    struct name hashed = name_make(name.text, name.length);
    bool upper = sink->layer == overlay_node_of(sink->dir)->lower_count;
    if (!(upper ? show_upper : show_lower)(sink, &hashed, &shown))
        return sink->status == 0;
    next |= (loff_t)(sink->layer + 1) << LAYER_SHIFT;
    sink->full = !sink->outer->emit(sink->outer, hashed, shown.inode, shown.type, next);
    return !sink->full;
}

static status_t list_layer(struct layer_sink *sink, struct vnode *real, loff_t position) {
    if (!real || !real->ops->readdir)
        return 0;
    status_t status = real->ops->readdir(real, position, &sink->sink);
    return status != 0 ? status : sink->status;
}

// The directories of all layers are locked together, since names of one are looked up in the others.
static void lock_layers(const struct overlay_node *node, struct vnode *upper) NO_THREAD_SAFETY {
    if (upper)
        rwlock_read(&upper->lock);
    for (unsigned i = 0; i < node->lower_count; i++)
        rwlock_read(&node->lower[i].vnode->lock);
}

static void unlock_layers(const struct overlay_node *node, struct vnode *upper) NO_THREAD_SAFETY {
    for (unsigned i = 0; i < node->lower_count; i++)
        rwlock_read_unlock(&node->lower[i].vnode->lock);
    if (upper)
        rwlock_read_unlock(&upper->lock);
}

static status_t list_layers(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct overlay_node *node = overlay_node_of(dir);
    struct vnode *upper = overlay_upper(dir);
    unsigned layer = position == FIRST_LAYER ? 0 : (unsigned)(position >> LAYER_SHIFT) - 1;
    loff_t inner = position == FIRST_LAYER ? 0 : position & (((loff_t)1 << LAYER_SHIFT) - 1);
    status_t status = 0;
    bool full = false;
    lock_layers(node, upper);
    for (; status == 0 && !full && layer <= node->lower_count; layer++, inner = 0) {
        struct layer_sink layer_sink = {.sink = {emit}, .outer = sink, .dir = dir, .upper = upper, .layer = layer};
        status = list_layer(&layer_sink, layer < node->lower_count ? node->lower[layer].vnode : upper, inner);
        full = layer_sink.full;
    }
    unlock_layers(node, upper);
    return status;
}

status_t overlay_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct overlay_node *node = overlay_node_of(dir);
    if (position == 0) {
        if (!sink->emit(sink, (struct name){".", 1, 0}, dir->inode, DT_DIR, 1))
            return 0;
        position = 1;
    }
    if (position == 1) {
        uint64_t parent = node->parent ? node->parent->inode : dir->inode;
        if (!sink->emit(sink, (struct name){"..", 2, 0}, parent, DT_DIR, FIRST_LAYER))
            return 0;
        position = FIRST_LAYER;
    }
    bool sought = position > FIRST_LAYER && position < (loff_t)1 << LAYER_SHIFT; // to nowhere, by a program
    return sought ? 0 : list_layers(dir, position, sink);
}

// ---------------------------------------------------------------- emptiness

struct any_sink {
    struct dir_sink sink;
    bool any;
};

static bool note(struct dir_sink *inner, struct name name, uint64_t inode, unsigned type, loff_t next) {
    struct any_sink *sink = CONTAINER_OF(inner, struct any_sink, sink);
    (void)inode, (void)type, (void)next;
    sink->any = !is_dots(name);
    return !sink->any;
}

status_t overlay_check_empty(struct vnode *dir) {
    struct any_sink sink = {.sink = {note}};
    status_t status = overlay_readdir(dir, 0, &sink.sink);
    return status != 0 ? status : sink.any ? -ENOTEMPTY : 0;
}
