// SPDX-License-Identifier: MPL-2.0
// Red-black trees.
//
// Rules: the root is black; a red node has no red child; every path from a node down to an empty place
// passes the same number of black nodes. Both directions are the same code: a side is 0 (left) or 1.

#include <lib/rbtree.h>

enum { BLACK = 0, RED = 1 };

static bool is_red(const struct rb_node *node) {
    return node && (node->parent_and_color & RED);
}

static void set_color(struct rb_node *node, unsigned color) {
    node->parent_and_color = (node->parent_and_color & ~(uintptr_t)RED) | color;
}

static void set_parent(struct rb_node *node, struct rb_node *parent) {
    node->parent_and_color = (uintptr_t)parent | (node->parent_and_color & RED);
}

// Makes whoever points down at `old` (its parent or the root) point at `by`.
static void replace_below(struct rb_tree *tree, struct rb_node *parent, const struct rb_node *old, struct rb_node *by) {
    if (!parent)
        tree->root = by;
    else
        parent->child[parent->child[1] == old] = by;
}

// Moves `node` one level down to `side`; its child on the other side takes its place.
static void rotate(struct rb_tree *tree, struct rb_node *node, unsigned side) {
    struct rb_node *pivot = node->child[!side], *parent = rb_parent(node);
    node->child[!side] = pivot->child[side];
    if (pivot->child[side])
        set_parent(pivot->child[side], node);
    pivot->child[side] = node;
    set_parent(node, pivot);
    set_parent(pivot, parent);
    replace_below(tree, parent, node, pivot);
}

void rb_link(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, struct rb_node **link) {
    node->parent_and_color = (uintptr_t)parent | RED;
    node->child[0] = node->child[1] = nullptr;
    *link = node;
    while (is_red(parent)) {
        struct rb_node *grand = rb_parent(parent); // exists: a red node is not the root
        unsigned side = grand->child[1] == parent;
        struct rb_node *uncle = grand->child[!side];
        if (is_red(uncle)) {
            set_color(parent, BLACK);
            set_color(uncle, BLACK);
            set_color(grand, RED);
            node = grand;
            parent = rb_parent(node);
            continue;
        }
        if (node == parent->child[!side]) {
            rotate(tree, parent, side);
            parent = node;
        }
        set_color(parent, BLACK);
        set_color(grand, RED);
        rotate(tree, grand, !side);
        break;
    }
    set_color(tree->root, BLACK);
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, rb_less_fn *less) {
    struct rb_node *parent = nullptr, **link = &tree->root;
    while (*link) {
        parent = *link;
        link = &parent->child[!less(node, parent)];
    }
    rb_link(tree, node, parent, link);
}

// The paths through `node` (a place below `parent`, perhaps empty) lack one black node.
static void mend_removal(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent) {
    while (parent && !is_red(node)) {
        unsigned side = parent->child[1] == node;
        struct rb_node *sibling = parent->child[!side];
        if (is_red(sibling)) {
            set_color(sibling, BLACK);
            set_color(parent, RED);
            rotate(tree, parent, side);
            sibling = parent->child[!side];
        }
        if (!is_red(sibling->child[0]) && !is_red(sibling->child[1])) {
            set_color(sibling, RED);
            node = parent;
            parent = rb_parent(node);
            continue;
        }
        if (!is_red(sibling->child[!side])) {
            set_color(sibling->child[side], BLACK);
            set_color(sibling, RED);
            rotate(tree, sibling, !side);
            sibling = parent->child[!side];
        }
        set_color(sibling, is_red(parent) ? RED : BLACK);
        set_color(parent, BLACK);
        set_color(sibling->child[!side], BLACK);
        rotate(tree, parent, side);
        return;
    }
    if (node)
        set_color(node, BLACK);
}

void rb_remove(struct rb_tree *tree, struct rb_node *node) {
    struct rb_node *child, *parent;
    bool lost_black;
    if (node->child[0] && node->child[1]) {
        // The successor leaves its place and takes that of the node.
        struct rb_node *next = node->child[1];
        while (next->child[0])
            next = next->child[0];
        lost_black = !is_red(next);
        child = next->child[1];
        parent = rb_parent(next);
        if (parent == node) {
            parent = next;
        } else {
            parent->child[0] = child;
            if (child)
                set_parent(child, parent);
        }
        if (next != node->child[1]) {
            next->child[1] = node->child[1];
            set_parent(next->child[1], next);
        }
        next->child[0] = node->child[0];
        set_parent(next->child[0], next);
        next->parent_and_color = node->parent_and_color;
        replace_below(tree, rb_parent(node), node, next);
    } else {
        lost_black = !is_red(node);
        child = node->child[node->child[0] == nullptr];
        parent = rb_parent(node);
        if (child)
            set_parent(child, parent);
        replace_below(tree, parent, node, child);
    }
    if (lost_black)
        mend_removal(tree, child, parent);
    rb_node_init(node);
}

void rb_replace(struct rb_tree *tree, struct rb_node *node, struct rb_node *by) {
    *by = *node;
    for (unsigned side = 0; side < 2; side++)
        if (by->child[side])
            set_parent(by->child[side], by);
    replace_below(tree, rb_parent(node), node, by);
    rb_node_init(node);
}

static struct rb_node *outermost(struct rb_node *node, unsigned side) {
    while (node && node->child[side])
        node = node->child[side];
    return node;
}

static struct rb_node *neighbour(const struct rb_node *node, unsigned side) {
    if (node->child[side])
        return outermost(node->child[side], !side);
    struct rb_node *parent = rb_parent(node);
    while (parent && parent->child[side] == node) {
        node = parent;
        parent = rb_parent(node);
    }
    return parent;
}

struct rb_node *rb_first(const struct rb_tree *tree) {
    return outermost(tree->root, 0);
}
struct rb_node *rb_last(const struct rb_tree *tree) {
    return outermost(tree->root, 1);
}
struct rb_node *rb_next(const struct rb_node *node) {
    return neighbour(node, 1);
}
struct rb_node *rb_prev(const struct rb_node *node) {
    return neighbour(node, 0);
}
