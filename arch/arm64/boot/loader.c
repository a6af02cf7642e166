// SPDX-License-Identifier: MPL-2.0
// What the loader handed over, turned into boot_info: memory, initrd and command line, from the device tree or, under
// UEFI, from what efi.c has kept. Runs before the direct map: paging_peek shows what is to be read.
//
// Usable memory is entered first, whatever else claims a place wins. RESERVED memory can be read through the direct
// map (firmware's tables are in it); what must not even be mapped is entered as DEVICE, which the direct map leaves
// out.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/efi.h"
#include "boot/machine_priv.h"
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/fdt.h>
#include <lib/log.h>
#include <lib/string.h>

#define MEMORY_ENTRIES_MAX 1024u

struct boot_info boot_info;

static void set_range(uint64_t start, uint64_t size, enum boot_memory_type type) {
    if (start < MACHINE_ADDRESS_END && size != 0)
        boot_memory_set(start, start + MIN(size, MACHINE_ADDRESS_END - start), type);
}

static void set_initrd(uint64_t start, uint64_t end) {
    if (start >= end || !boot_map_is_usable(&boot_info, ALIGN_DOWN(start, PAGE_SIZE), ALIGN_UP(end, PAGE_SIZE))) {
        klog(LOG_WARNING, "initrd 0x%llx-0x%llx is not in memory: ignored", (unsigned long long)start,
             (unsigned long long)end);
        return;
    }
    boot_info.initrd_start = start;
    boot_info.initrd_end = end;
}

// --- from the device tree ---

// Every pair of `reg` of a node is a range of that type.
static unsigned set_node_ranges(const struct fdt *tree, fdt_node node, enum boot_memory_type type) {
    uint64_t start, size;
    unsigned index = 0;
    while (index < MEMORY_ENTRIES_MAX && fdt_reg(tree, node, index, &start, &size)) {
        set_range(start, size, type);
        index++;
    }
    return index;
}

static void read_memory_nodes(const struct fdt *tree) {
    unsigned found = 0;
    for (fdt_node node = fdt_child(tree, fdt_root(tree)); node != FDT_NONE; node = fdt_sibling(tree, node)) {
        const char *type = fdt_string(tree, node, "device_type");
        if (type != nullptr && strcmp(type, "memory") == 0 && fdt_is_enabled(tree, node))
            found += set_node_ranges(tree, node, BOOT_MEMORY_USABLE);
    }
    if (found == 0 || boot_info.range_count == 0)
        panic("boot: the device tree names no memory");
}

static void read_reservations(const struct fdt *tree) {
    uint64_t start, size;
    for (unsigned i = 0; i < MEMORY_ENTRIES_MAX && fdt_reservation(tree, i, &start, &size); i++)
        set_range(start, size, BOOT_MEMORY_RESERVED);
    fdt_node parent = fdt_find_path(tree, "/reserved-memory");
    fdt_node node = parent != FDT_NONE ? fdt_child(tree, parent) : FDT_NONE;
    for (; node != FDT_NONE; node = fdt_sibling(tree, node)) {
        struct fdt_property property;
        bool hidden = fdt_property(tree, node, "no-map", &property);
        if (fdt_is_enabled(tree, node))
            set_node_ranges(tree, node, hidden ? BOOT_MEMORY_DEVICE : BOOT_MEMORY_RESERVED);
    }
}

// Firmware's random bytes. QEMU gives 32 of them with each start.
static void read_seed(const struct fdt *tree, fdt_node chosen) {
    struct fdt_property seed;
    if (boot_handoff.seeded || !fdt_property(tree, chosen, "rng-seed", &seed) || seed.size < sizeof boot_handoff.seed)
        return;
    memcpy(boot_handoff.seed, seed.value, sizeof boot_handoff.seed);
    boot_handoff.seeded = true;
}

// An address of one or two cells, whatever #address-cells is: so does every loader.
static uint64_t chosen_address(const struct fdt *tree, fdt_node chosen, const char *name) {
    struct fdt_property property;
    return fdt_property(tree, chosen, name, &property) && property.size <= 8
               ? fdt_cells(&property, 0, property.size / 4)
               : 0;
}

static void read_chosen(const struct fdt *tree) {
    fdt_node chosen = fdt_find_path(tree, "/chosen");
    if (chosen == FDT_NONE)
        return;
    struct fdt_property line;
    if (fdt_property(tree, chosen, "bootargs", &line))
        boot_command_line((const char *)line.value, line.size);
    uint64_t start = chosen_address(tree, chosen, "linux,initrd-start");
    uint64_t end = chosen_address(tree, chosen, "linux,initrd-end");
    if (start != 0 || end != 0)
        set_initrd(start, end);
    read_seed(tree, chosen);
}

static void parse_tree(void) {
    struct fdt tree;
    machine_open_tree(&tree, paging_peek);
    machine_find_console(&tree);
    read_memory_nodes(&tree);
    read_chosen(&tree); // before reservations: some loaders reserve the initrd's memory, too
    read_reservations(&tree);
    set_range(boot_handoff.device_tree, tree.size, BOOT_MEMORY_RESERVED);
}

// --- from UEFI ---

static enum boot_memory_type type_of(const struct efi_memory *memory) {
    switch (memory->type) {
    case EFI_MEMORY_LOADER_CODE:
    case EFI_MEMORY_LOADER_DATA:
    case EFI_MEMORY_BOOT_CODE:
    case EFI_MEMORY_BOOT_DATA:
    case EFI_MEMORY_CONVENTIONAL:
        return memory->attributes & EFI_ATTRIBUTE_WRITE_BACK ? BOOT_MEMORY_USABLE : BOOT_MEMORY_DEVICE;
    case EFI_MEMORY_ACPI_RECLAIM:
    case EFI_MEMORY_ACPI_NVS:
    case EFI_MEMORY_RUNTIME_CODE:
    case EFI_MEMORY_RUNTIME_DATA:
        return memory->attributes & EFI_ATTRIBUTE_WRITE_BACK ? BOOT_MEMORY_RESERVED : BOOT_MEMORY_DEVICE;
    default:
        return BOOT_MEMORY_DEVICE;
    }
}

static void read_efi_map(void) {
    uint64_t stride = boot_handoff.memory_map_stride, size = boot_handoff.memory_map_size;
    if (stride < sizeof(struct efi_memory) || size / stride == 0)
        panic("boot: UEFI's memory map is empty");
    uint64_t count = MIN(size / stride, MEMORY_ENTRIES_MAX);
    if (count < size / stride)
        klog(LOG_WARNING, "memory map of %llu entries: only %llu are read", (unsigned long long)(size / stride),
             (unsigned long long)count);
    const uint8_t *map = paging_peek(boot_handoff.memory_map, count * stride);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < count; i++) {
            struct efi_memory entry;
            memcpy(&entry, map + i * stride, sizeof entry);
            enum boot_memory_type type = type_of(&entry);
            if ((type == BOOT_MEMORY_USABLE) == (pass == 0) && entry.pages < MACHINE_ADDRESS_END / PAGE_SIZE)
                set_range(entry.start, entry.pages * PAGE_SIZE, type);
        }
    }
}

static void parse_efi(void) {
    read_efi_map();
    if (boot_handoff.command_line != 0) {
        size_t room = sizeof boot_info.command_line + 1;
        boot_command_line(paging_peek(boot_handoff.command_line, room), room);
    }
    if (boot_handoff.initrd_size != 0)
        set_initrd(boot_handoff.initrd, boot_handoff.initrd + boot_handoff.initrd_size);
    if (boot_handoff.device_tree == 0)
        return;
    struct fdt tree;
    machine_open_tree(&tree, paging_peek);
    machine_find_console(&tree);
    read_reservations(&tree);
    set_range(boot_handoff.device_tree, tree.size, BOOT_MEMORY_RESERVED);
}

// --- both ---

void loader_parse(void) {
    if (boot_handoff.memory_map != 0)
        parse_efi();
    else if (boot_handoff.device_tree != 0)
        parse_tree();
    else
        panic("boot: started with neither a device tree (in x0) nor UEFI: nothing is known of this machine");
    uint64_t image = image_phys(kernel_start);
    uint64_t image_size = ALIGN_UP((uint64_t)(kernel_end - kernel_start), PAGE_SIZE);
    if (!boot_map_is_usable(&boot_info, image, image + image_size))
        panic("boot: too little memory, or a memory map that leaves no room for the kernel");
    set_range(image, image_size, BOOT_MEMORY_KERNEL);
    if (boot_info.initrd_end != 0)
        set_range(boot_info.initrd_start, boot_info.initrd_end - boot_info.initrd_start, BOOT_MEMORY_INITRD);
}
