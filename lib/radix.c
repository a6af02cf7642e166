// SPDX-License-Identifier: MPL-2.0
// Radix trees (lib/radix.h).
//
// Invariants: a tree of height h > 0 has a node as root, and its slots reach indexes below 64^h. No node but a root
// in the middle of radix_set is empty. A root with only slot 0 used is replaced by what that slot holds, so the height
// is the least that reaches the highest index.
#include <lib/radix.h>

#define RADIX_MASK (RADIX_SLOTS - 1)
#define RADIX_HEIGHT_MAX 11 // 11 * 6 >= 64

// True if a tree of this height reaches the index.
static bool reaches(uint32_t height, uint64_t index) {
    return height >= RADIX_HEIGHT_MAX || index >> (height * RADIX_SHIFT) == 0;
}

// Number of the slot for `index` in a node of this height (1: lowest).
static unsigned slot_of(uint64_t index, uint32_t height) {
    return index >> ((height - 1) * RADIX_SHIFT) & RADIX_MASK;
}

void *radix_get(const struct radix *tree, uint64_t index) {
    uint32_t height = tree->height;
    if (UNLIKELY(!reaches(height, index)))
        return nullptr;
    void *at = tree->root;
    for (; height != 0 && at; height--)
        at = ((struct radix_node *)at)->slot[slot_of(index, height)];
    return at;
}

void *const *radix_slots(const struct radix *tree, uint64_t index, unsigned *count) {
    *count = RADIX_SLOTS - (index & RADIX_MASK);
    if (tree->height == 0) {
        *count = index == 0 ? 1 : *count;
        return index == 0 ? &tree->root : nullptr;
    }
    if (!reaches(tree->height, index))
        return nullptr;
    struct radix_node *node = tree->root;
    for (uint32_t height = tree->height; height > 1 && node; height--)
        node = node->slot[slot_of(index, height)];
    return node ? &node->slot[index & RADIX_MASK] : nullptr;
}

// Adds levels above the root until the tree reaches the index.
static status_t grow(struct radix *tree, uint64_t index) {
    while (!reaches(tree->height, index)) {
        if (tree->root) {
            struct radix_node *node = radix_node_alloc();
            if (!node)
                return -ENOMEM;
            node->slot[0] = tree->root;
            node->used = 1;
            tree->root = node;
        }
        tree->height++;
    }
    return 0;
}

// Removes levels that hold nothing but slot 0.
static void shrink(struct radix *tree) {
    while (tree->height > 0) {
        struct radix_node *node = tree->root;
        if (node) {
            if (node->used != 1 || !node->slot[0])
                return;
            tree->root = node->slot[0];
            radix_node_free(node);
        }
        tree->height--;
    }
}

// Frees the empty nodes on the way to `index` that a failed radix_set, or a removal, left; fixes the counts above.
static void prune(struct radix *tree, uint64_t index) {
    struct radix_node *path[RADIX_HEIGHT_MAX];
    uint32_t height = tree->height, depth = 0;
    void *at = tree->root;
    while (height > 0 && at) {
        path[depth++] = at;
        at = path[depth - 1]->slot[slot_of(index, height--)];
    }
    while (depth > 0 && path[depth - 1]->used == 0) {
        radix_node_free(path[--depth]);
        if (depth == 0) {
            tree->root = nullptr;
        } else {
            path[depth - 1]->slot[slot_of(index, tree->height - (depth - 1))] = nullptr;
            path[depth - 1]->used--;
        }
    }
    shrink(tree);
}

status_t radix_set(struct radix *tree, uint64_t index, void *value) {
    if (grow(tree, index) < 0) {
        shrink(tree);
        return -ENOMEM;
    }
    void **at = &tree->root;
    struct radix_node *parent = nullptr;
    for (uint32_t height = tree->height; height > 0; height--) {
        if (!*at) {
            struct radix_node *node = radix_node_alloc();
            if (!node) {
                prune(tree, index);
                return -ENOMEM;
            }
            *at = node;
            if (parent)
                parent->used++;
        }
        parent = *at;
        at = &parent->slot[slot_of(index, height)];
    }
    if (!*at && parent)
        parent->used++;
    *at = value;
    return 0;
}

void *radix_remove(struct radix *tree, uint64_t index) {
    if (!reaches(tree->height, index))
        return nullptr;
    void **at = &tree->root;
    struct radix_node *parent = nullptr;
    for (uint32_t height = tree->height; height > 0; height--) {
        parent = *at;
        if (!parent)
            return nullptr;
        at = &parent->slot[slot_of(index, height)];
    }
    void *value = *at;
    if (!value)
        return nullptr;
    *at = nullptr;
    if (parent) {
        parent->used--;
        prune(tree, index);
    }
    return value;
}

// Skips to the first index of the next slot at this height; false if there is no such index.
static bool advance(uint64_t *index, uint32_t height) {
    unsigned shift = (height - 1) * RADIX_SHIFT;
    uint64_t next = ((*index >> shift) + 1) << shift;
    if (next <= *index)
        return false;
    *index = next;
    return true;
}

void *radix_next(const struct radix *tree, uint64_t *index) {
    uint64_t at = *index;
    while (reaches(tree->height, at)) {
        void *entry = tree->root;
        uint32_t height = tree->height;
        for (; height > 0 && entry; height--)
            entry = ((struct radix_node *)entry)->slot[slot_of(at, height)];
        if (entry) {
            *index = at;
            return entry;
        }
        // The empty slot was found in a node of height + 1; a tree of height 0 holds index 0 only.
        if (tree->height == 0 || height == tree->height || !advance(&at, height + 1))
            return nullptr;
    }
    return nullptr;
}

uint64_t radix_next_empty(const struct radix *tree, uint64_t index) {
    while (index != UINT64_MAX && radix_get(tree, index))
        index++;
    return index;
}
