// SPDX-License-Identifier: MPL-2.0
// Device trees as firmware hands them over (flattened, version 17), read where they lie: nothing is copied, allocated
// or changed.
//
// The bytes come from outside. fdt_open walks the whole tree once and says what is wrong with it, if anything; every
// other function takes an opened tree, so it stays within the blob and ends, whatever the tree says. Depth is bounded
// (FDT_DEPTH_MAX), and so is every chain that a tree could close to a ring.
//
// A node is the offset of its first token; FDT_NONE is no node. A property that is too short for what is asked of it
// reads as zeros beyond its end.
#pragma once

#include <lib/types.h>

#define FDT_HEADER_SIZE 40u
#define FDT_SIZE_MAX (2u << 20) // as the arm64 boot protocol has it
#define FDT_DEPTH_MAX 32u

enum fdt_problem {
    FDT_GOOD,
    FDT_NO_MAGIC,     // not a device tree at all
    FDT_OLD_VERSION,  // a form that we cannot read
    FDT_OVERSIZED,    // its header says more than FDT_SIZE_MAX, or than there is
    FDT_BAD_BLOCKS,   // its parts overlap, or lie outside
    FDT_TRUNCATED,    // ends within a node
    FDT_BAD_TOKEN,    // what should be a token is none, or comes where it may not
    FDT_BAD_NAME,     // a node's or property's name does not end, or lies outside
    FDT_BAD_PROPERTY, // a value is longer than what is left
    FDT_TOO_DEEP,     // nodes within nodes without end
};

typedef uint32_t fdt_node;
#define FDT_NONE 0u // no node begins in the header

struct fdt {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t reservations; // offsets of the blocks' starts and ends
    uint32_t structure, structure_end;
    uint32_t strings, strings_end;
};

struct fdt_property {
    const char *name;
    const uint8_t *value;
    uint32_t size;
};

// An interrupt as its controller wants it described.
#define FDT_INTERRUPT_CELLS_MAX 4u
struct fdt_interrupt {
    fdt_node controller;
    unsigned count;
    uint32_t cells[FDT_INTERRUPT_CELLS_MAX];
};

// --- the blob ---
// The size that the header of FDT_HEADER_SIZE bytes claims.
MUST_USE enum fdt_problem fdt_total_size(const void *header, uint32_t *size);
// Checks the tree in [bytes, bytes + available). *out may be used if this returns FDT_GOOD; any alignment will do.
MUST_USE enum fdt_problem fdt_open(const void *bytes, size_t available, struct fdt *out);
// What to tell people.
const char *fdt_problem_text(enum fdt_problem problem);
// Memory to keep hands off, by index from 0. False: no more.
bool fdt_reservation(const struct fdt *tree, unsigned index, uint64_t *start, uint64_t *size);

// --- nodes ---
fdt_node fdt_root(const struct fdt *tree);
// The next one in the order of the text, at whatever depth.
fdt_node fdt_next(const struct fdt *tree, fdt_node node);
fdt_node fdt_child(const struct fdt *tree, fdt_node node);   // the first
fdt_node fdt_sibling(const struct fdt *tree, fdt_node node); // the next of the same parent
fdt_node fdt_parent(const struct fdt *tree, fdt_node node);
const char *fdt_name(const struct fdt *tree, fdt_node node); // with its unit address
// "/soc/uart@9000000"; the unit address may be missing. A path without '/' in front begins with an alias, and ends at
// a ':' (as in /chosen's stdout-path).
fdt_node fdt_find_path(const struct fdt *tree, const char *path);
// The next one after `after` (FDT_NONE: the first) that is compatible with `what` and not disabled.
fdt_node fdt_find_compatible(const struct fdt *tree, fdt_node after, const char *what);
fdt_node fdt_find_phandle(const struct fdt *tree, uint32_t phandle);
bool fdt_is_compatible(const struct fdt *tree, fdt_node node, const char *what);
bool fdt_is_enabled(const struct fdt *tree, fdt_node node);

// --- properties ---
bool fdt_property(const struct fdt *tree, fdt_node node, const char *name, struct fdt_property *out);
// The text of a property; nullptr: it has none, or its end is missing.
const char *fdt_string(const struct fdt *tree, fdt_node node, const char *name);
// `count` (0 to 2 count; of more, the last two) cells of 32 bits from cell `index` on, as one number.
uint64_t fdt_cells(const struct fdt_property *property, unsigned index, unsigned count);
// A property of one cell, `otherwise` if it is not there.
uint32_t fdt_cell(const struct fdt *tree, fdt_node node, const char *name, uint32_t otherwise);

// --- fdt_bus.c: what depends on the nodes above ---
// The node's own #address-cells and #size-cells, for its children.
unsigned fdt_address_cells(const struct fdt *tree, fdt_node node);
unsigned fdt_size_cells(const struct fdt *tree, fdt_node node);
// Pair `index` of `reg`, as the processor sees it (through the `ranges` of all buses above). False: there is no such
// pair, or no way to it.
bool fdt_reg(const struct fdt *tree, fdt_node node, unsigned index, uint64_t *address, uint64_t *size);
// Interrupt `index` of a node, from `interrupts-extended` or `interrupts`.
bool fdt_interrupt(const struct fdt *tree, fdt_node node, unsigned index, struct fdt_interrupt *out);
// What `interrupt-map` of a bus makes of a child's unit address and interrupt (`count` cells in all).
bool fdt_map_interrupt(const struct fdt *tree, fdt_node bus, const uint32_t *unit, unsigned count,
                       struct fdt_interrupt *out);
