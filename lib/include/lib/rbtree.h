// SPDX-License-Identifier: MPL-2.0
// Intrusive red-black trees. The caller embeds a struct rb_node, orders the tree and locks it.
//
// Insertion in two ways: with a comparison callback (rb_insert), or by descending oneself and linking the
// node at the empty place found (rb_link), which inlines the comparison:
//
//   struct rb_node *parent = nullptr, **link = &tree->root;
//   while (*link) {
//       parent = *link;
//       link = &parent->child[key >= RB_ENTRY(parent, struct thing, node)->key];
//   }
//   rb_link(tree, &thing->node, parent, link);
#pragma once

#include <lib/types.h>

struct rb_node {
    uintptr_t parent_and_color; // bit 0: red
    struct rb_node *child[2];   // left, right
};

struct rb_tree {
    struct rb_node *root;
};

#define RB_TREE_INIT {nullptr}
#define RB_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

// True if `a` sorts before `b`. Equal nodes are kept in order of insertion.
typedef bool rb_less_fn(const struct rb_node *a, const struct rb_node *b);

ALWAYS_INLINE void rb_init(struct rb_tree *tree) {
    tree->root = nullptr;
}
ALWAYS_INLINE bool rb_is_empty(const struct rb_tree *tree) {
    return tree->root == nullptr;
}
ALWAYS_INLINE struct rb_node *rb_parent(const struct rb_node *node) {
    return (struct rb_node *)(node->parent_and_color & ~(uintptr_t)1);
}
// A node can be asked whether it is in a tree if it was initialised so; rb_remove leaves it so too.
ALWAYS_INLINE void rb_node_init(struct rb_node *node) {
    node->parent_and_color = (uintptr_t)node;
}
ALWAYS_INLINE bool rb_is_linked(const struct rb_node *node) {
    return rb_parent(node) != node;
}

// Puts the node at *link, an empty place below `parent` (null: the root), and rebalances.
void rb_link(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void rb_insert(struct rb_tree *tree, struct rb_node *node, rb_less_fn *less);
void rb_remove(struct rb_tree *tree, struct rb_node *node);
// `by` takes the place of `node`; it must sort the same.
void rb_replace(struct rb_tree *tree, struct rb_node *node, struct rb_node *by);

// Null at the ends.
struct rb_node *rb_first(const struct rb_tree *tree);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
