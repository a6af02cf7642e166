// SPDX-License-Identifier: MPL-2.0
// Trees of files that the kernel makes: the fixed part of /proc, all of /sys.
#pragma once

#include "vfs_priv.h"

struct node {
    struct list_node sibling; // parent->children
    struct list_node children;
    struct node *parent;
    const char *name;
    uint32_t mode;
    uint64_t inode;
    text_fn *show;
    text_store_fn *store;
    void *context;
};

struct node_tree {
    struct mutex mutex; // protects the lists; nodes are never removed
    struct node root;
    _Atomic uint64_t next_inode;
};
#define NODE_TREE_INIT(tree)                                                                    \
    {.mutex = MUTEX_INIT((tree).mutex),                                                         \
     .root = {.children = LIST_INIT((tree).root.children), .mode = S_IFDIR | 0555, .inode = 1}, \
     .next_inode = 2}

MUST_USE status_t node_tree_add(struct node_tree *tree, const char *path, const struct node *like);
// A vnode for a node of the tree. super->fs_private is the tree.
MUST_USE status_t node_vnode(struct super *super, struct node *node, struct vnode **out);
MUST_USE status_t node_lookup(struct vnode *dir, struct name name, struct vnode **out);
// Emits the children with positions from `first` on. Returns the position after the last one emitted, 0: sink is full.
loff_t node_readdir_children(struct vnode *dir, loff_t position, loff_t first, struct dir_sink *sink);
