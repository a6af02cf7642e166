// SPDX-License-Identifier: MPL-2.0
// What a node of a device tree cannot tell alone: addresses, which buses above it translate, and interrupts, whose
// form their controller defines. See lib/fdt.h.
//
// Addresses have one or two cells (PCI's three: flags come first, and fdt_cells drops them). Buses lead to the root, as
// each step goes to the parent; interrupt parents may lead anywhere, so that chain is cut after FDT_DEPTH_MAX steps.

#include <lib/fdt.h>

enum { CELLS_MAX = 3, MAP_ROWS_MAX = 1024 };

static unsigned cells(const struct fdt *tree, fdt_node node, const char *name, uint32_t otherwise) {
    uint32_t count = fdt_cell(tree, node, name, otherwise);
    return count <= CELLS_MAX ? count : CELLS_MAX + 1; // which no reader accepts
}

unsigned fdt_address_cells(const struct fdt *tree, fdt_node node) {
    return cells(tree, node, "#address-cells", 2);
}

unsigned fdt_size_cells(const struct fdt *tree, fdt_node node) {
    return cells(tree, node, "#size-cells", 1);
}

// --- addresses ---

// One step up: from an address of `bus`'s children to one of its own siblings, by its `ranges`.
static bool translate(const struct fdt *tree, fdt_node bus, fdt_node above, uint64_t *address, uint64_t size) {
    struct fdt_property ranges;
    if (!fdt_property(tree, bus, "ranges", &ranges))
        return false; // the processor cannot reach it
    if (ranges.size == 0)
        return true; // one to one
    unsigned child = fdt_address_cells(tree, bus), parent = fdt_address_cells(tree, above);
    unsigned sizes = fdt_size_cells(tree, bus), row = child + parent + sizes;
    if (child > CELLS_MAX || parent > CELLS_MAX || sizes > CELLS_MAX || row == 0)
        return false;
    for (unsigned at = 0; at + row <= ranges.size / 4; at += row) {
        uint64_t from = fdt_cells(&ranges, at, child), to = fdt_cells(&ranges, at + child, parent);
        uint64_t length = fdt_cells(&ranges, at + child + parent, sizes);
        if (*address < from || *address - from > length || size > length - (*address - from))
            continue;
        *address = to + (*address - from);
        return true;
    }
    return false;
}

bool fdt_reg(const struct fdt *tree, fdt_node node, unsigned index, uint64_t *address, uint64_t *size) {
    struct fdt_property reg;
    fdt_node bus = fdt_parent(tree, node);
    if (bus == FDT_NONE || !fdt_property(tree, node, "reg", &reg))
        return false;
    unsigned addresses = fdt_address_cells(tree, bus), sizes = fdt_size_cells(tree, bus);
    unsigned row = addresses + sizes;
    if (addresses > 2 || sizes > 2 || row == 0 || index >= reg.size / 4 / row)
        return false;
    uint64_t start = fdt_cells(&reg, index * row, addresses);
    uint64_t length = fdt_cells(&reg, index * row + addresses, sizes);
    for (fdt_node above; (above = fdt_parent(tree, bus)) != FDT_NONE; bus = above) {
        if (!translate(tree, bus, above, &start, length))
            return false;
    }
    if (length != 0 && start > UINT64_MAX - (length - 1))
        return false;
    *address = start;
    *size = length;
    return true;
}

// --- interrupts ---

// The node that takes the interrupts of `node`: named by it, or by the nearest node above.
static fdt_node interrupt_parent(const struct fdt *tree, fdt_node node) {
    for (unsigned step = 0; node != FDT_NONE && step < FDT_DEPTH_MAX; step++) {
        struct fdt_property named;
        fdt_node next = fdt_property(tree, node, "interrupt-parent", &named)
                            ? fdt_find_phandle(tree, (uint32_t)fdt_cells(&named, 0, 1))
                            : fdt_parent(tree, node);
        struct fdt_property controller;
        if (next != FDT_NONE && fdt_property(tree, next, "#interrupt-cells", &controller))
            return next;
        node = next;
    }
    return FDT_NONE;
}

// `controller`'s own number of cells, from cell `at` of `list` on.
static bool take_specifier(const struct fdt *tree, fdt_node controller, const struct fdt_property *list, unsigned at,
                           struct fdt_interrupt *out) {
    unsigned count = fdt_cell(tree, controller, "#interrupt-cells", 0);
    if (count == 0 || count > FDT_INTERRUPT_CELLS_MAX || at > list->size / 4 || count > list->size / 4 - at)
        return false;
    *out = (struct fdt_interrupt){.controller = controller, .count = count};
    for (unsigned i = 0; i < count; i++)
        out->cells[i] = (uint32_t)fdt_cells(list, at + i, 1);
    return true;
}

bool fdt_interrupt(const struct fdt *tree, fdt_node node, unsigned index, struct fdt_interrupt *out) {
    struct fdt_property list;
    struct fdt_interrupt found;
    if (fdt_property(tree, node, "interrupts-extended", &list)) {
        for (unsigned at = 0;; at += 1 + found.count) { // each entry names its controller
            fdt_node controller = fdt_find_phandle(tree, (uint32_t)fdt_cells(&list, at, 1));
            if (controller == FDT_NONE || !take_specifier(tree, controller, &list, at + 1, &found))
                return false;
            if (index-- == 0)
                break;
        }
    } else {
        fdt_node controller = interrupt_parent(tree, node);
        if (controller == FDT_NONE || !fdt_property(tree, node, "interrupts", &list) ||
            !take_specifier(tree, controller, &list, 0, &found))
            return false;
        if (index >= list.size / 4 / found.count ||
            !take_specifier(tree, controller, &list, index * found.count, &found))
            return false;
    }
    *out = found;
    return true;
}

bool fdt_map_interrupt(const struct fdt *tree, fdt_node bus, const uint32_t *unit, unsigned count,
                       struct fdt_interrupt *out) {
    struct fdt_property map, mask;
    if (!fdt_property(tree, bus, "interrupt-map", &map) || count == 0)
        return false;
    bool masked = fdt_property(tree, bus, "interrupt-map-mask", &mask);
    // A row: the child's unit, the controller, the controller's unit, the interrupt for it.
    for (unsigned at = 0, row = 0; at + count < map.size / 4 && row < MAP_ROWS_MAX; row++) {
        bool same = true;
        for (unsigned i = 0; i < count; i++) {
            uint32_t bits = masked ? (uint32_t)fdt_cells(&mask, i, 1) : UINT32_MAX;
            same = same && ((unit[i] ^ (uint32_t)fdt_cells(&map, at + i, 1)) & bits) == 0;
        }
        fdt_node controller = fdt_find_phandle(tree, (uint32_t)fdt_cells(&map, at + count, 1));
        if (controller == FDT_NONE)
            return false;
        unsigned units = cells(tree, controller, "#address-cells", 0);
        struct fdt_interrupt found;
        if (units > CELLS_MAX || !take_specifier(tree, controller, &map, at + count + 1 + units, &found))
            return false;
        if (same) {
            *out = found;
            return true;
        }
        at += count + 1 + units + found.count;
    }
    return false;
}
