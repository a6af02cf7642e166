// SPDX-License-Identifier: MPL-2.0
// Radix trees: sparse arrays of pointers, indexed by 64-bit numbers, 64 slots a node.
//
// A tree that holds index 0 only has no node at all: the root is the value itself. The tree grows in height as larger
// indexes come, and shrinks when they go. Not synchronised: the owner locks.
//
// Nodes come from radix_node_alloc, which whoever links this library supplies (kernel/mm: a slab cache).
#pragma once

#include <lib/status.h>
#include <lib/types.h>

#define RADIX_SHIFT 6
#define RADIX_SLOTS (1u << RADIX_SHIFT)

struct radix_node {
    void *slot[RADIX_SLOTS]; // lower nodes, or values at height 1; null: empty
    uint32_t used;           // slots that are not null
};

struct radix {
    void *root;      // height 0: the value at index 0; else a struct radix_node
    uint32_t height; // levels of nodes
};

#define RADIX_INIT {nullptr, 0}

ALWAYS_INLINE void radix_init(struct radix *tree) {
    *tree = (struct radix)RADIX_INIT;
}
ALWAYS_INLINE bool radix_is_empty(const struct radix *tree) {
    return tree->root == nullptr;
}

// The value at `index`, or nullptr.
void *radix_get(const struct radix *tree, uint64_t index);
// The slots from `index` to the end of its lowest node, to look at neighbours without a walk for each; *count: how
// many. nullptr: there is no such node, so *count indexes from this one on are empty.
void *const *radix_slots(const struct radix *tree, uint64_t index, unsigned *count);
// Stores a value (not null), replacing what is there. -ENOMEM: nothing changed; never if the index is occupied.
MUST_USE status_t radix_set(struct radix *tree, uint64_t index, void *value);
// Empties the slot and returns what it held, or nullptr. Frees nodes that become empty.
void *radix_remove(struct radix *tree, uint64_t index);
// The first value at or after *index, which is set to where it was found; nullptr: none.
void *radix_next(const struct radix *tree, uint64_t *index);
// The first index at or after `index` whose slot is empty. UINT64_MAX is returned if there is none below it.
uint64_t radix_next_empty(const struct radix *tree, uint64_t index);

// Supplied by the environment. Zeroed; nullptr: no memory. Must not block.
struct radix_node *radix_node_alloc(void);
void radix_node_free(struct radix_node *node);
