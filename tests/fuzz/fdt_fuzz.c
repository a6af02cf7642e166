// SPDX-License-Identifier: MPL-2.0
// Fuzzes the device tree parser: whatever the bytes, it ends and stays within the blob, and a tree that it calls good
// hangs together: each node's parent has it as a child, and all of them are met by either way of walking.
#include <lib/fdt.h>
#include <stdlib.h>
#include <string.h>

static void check(bool good) {
    if (!good)
        abort();
}

static bool within(const struct fdt *tree, const void *at, size_t size) {
    const uint8_t *start = at;
    return start >= tree->bytes && start <= tree->bytes + tree->size &&
           size <= (size_t)(tree->bytes + tree->size - start);
}

static void check_properties(const struct fdt *tree, fdt_node node) {
    static const char *const names[] = {"reg", "compatible", "interrupts", "interrupt-map", "ranges", "bootargs"};
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        struct fdt_property property;
        if (!fdt_property(tree, node, names[i], &property))
            continue;
        check(within(tree, property.value, property.size) && strcmp(property.name, names[i]) == 0);
        const char *text = fdt_string(tree, node, names[i]);
        check(text == NULL || within(tree, text, strlen(text) + 1));
        (void)fdt_cells(&property, 0, 2), (void)fdt_cells(&property, property.size, 2);
    }
}

static void check_meaning(const struct fdt *tree, fdt_node node) {
    static const uint32_t unit[] = {0x800, 0, 0, 1};
    uint64_t address, size;
    struct fdt_interrupt interrupt;
    for (unsigned i = 0; i < 3; i++) {
        if (fdt_reg(tree, node, i, &address, &size))
            check(size == 0 || address <= UINT64_MAX - (size - 1));
        if (fdt_interrupt(tree, node, i, &interrupt))
            check(interrupt.count <= FDT_INTERRUPT_CELLS_MAX && interrupt.controller != FDT_NONE);
    }
    (void)fdt_map_interrupt(tree, node, unit, ARRAY_SIZE(unit), &interrupt);
    (void)fdt_is_compatible(tree, node, "virtio,mmio"), (void)fdt_is_enabled(tree, node);
}

// Counts the nodes from `node` down, and checks the ways between them.
static unsigned check_below(const struct fdt *tree, fdt_node node, unsigned depth) {
    unsigned count = 1;
    check(depth < FDT_DEPTH_MAX);
    check(within(tree, fdt_name(tree, node), strlen(fdt_name(tree, node)) + 1));
    for (fdt_node child = fdt_child(tree, node); child != FDT_NONE; child = fdt_sibling(tree, child)) {
        check(child > node && fdt_parent(tree, child) == node);
        count += check_below(tree, child, depth + 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size); // ends where the memory ends: reading beyond is found
    memcpy(copy, data, size);
    struct fdt tree;
    if (fdt_open(copy, size, &tree) == FDT_GOOD) {
        unsigned count = 0;
        uint64_t start, length;
        for (fdt_node node = fdt_root(&tree); node != FDT_NONE; node = fdt_next(&tree, node), count++) {
            check_properties(&tree, node);
            check_meaning(&tree, node);
        }
        check(check_below(&tree, fdt_root(&tree), 0) == count);
        for (unsigned i = 0; fdt_reservation(&tree, i, &start, &length); i++)
            check(i < size);
        (void)fdt_find_path(&tree, "serial0:115200"), (void)fdt_find_path(&tree, "/cpus/cpu@0");
        (void)fdt_find_compatible(&tree, FDT_NONE, "arm,gic-v3");
    }
    free(copy);
    return 0;
}
