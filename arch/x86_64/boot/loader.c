// SPDX-License-Identifier: MPL-2.0
// What the loader handed over, turned into boot_info. Runs in the identity map of the first 4 GiB; every
// address and length is checked to lie within it. What does not make sense is said on the console and left
// out; only a machine without usable memory is refused.

#include "boot/boot_priv.h"
#include "boot/loader_info.h"
#include "x86_64_priv.h"
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>

#define MEMORY_ENTRIES_MAX 512u
#define LEGACY_LOW 0xa0000ull // VGA and ROMs from here to 1 MiB
#define LEGACY_HIGH 0x100000ull

enum { E820_USABLE = 1 };

struct boot_info boot_info;

struct memory_entries {
    const uint8_t *first;
    size_t stride;
    size_t count;
};

static bool in_identity(uint64_t address, uint64_t size) {
    return address != 0 && address < IDENTITY_LIMIT && size <= IDENTITY_LIMIT - address;
}

static void copy_memory_map(const struct memory_entries *entries) {
    size_t count = entries->count;
    if (count > MEMORY_ENTRIES_MAX) {
        klog(LOG_WARNING, "memory map of %zu entries: only %u are read", count, MEMORY_ENTRIES_MAX);
        count = MEMORY_ENTRIES_MAX;
    }
    // Usable memory first: whatever else claims a place wins.
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            struct multiboot_memory entry; // PVH's has the same layout
            memcpy(&entry, entries->first + i * entries->stride, sizeof entry);
            bool usable = entry.type == E820_USABLE;
            if (usable != (pass == 0) || entry.size == 0 || entry.address > UINT64_MAX - entry.size)
                continue;
            boot_memory_set(entry.address, entry.address + entry.size,
                            usable ? BOOT_MEMORY_USABLE : BOOT_MEMORY_RESERVED);
        }
    }
}

static void set_initrd(uint64_t start, uint64_t end) {
    if (start >= end || !boot_map_is_usable(&boot_info, ALIGN_DOWN(start, PAGE_SIZE), end)) {
        klog(LOG_WARNING, "initrd 0x%llx-0x%llx is not in memory: ignored", (unsigned long long)start,
             (unsigned long long)end);
        return;
    }
    boot_info.initrd_start = start;
    boot_info.initrd_end = end;
}

static uint64_t parse_pvh(uint32_t info) {
    if (!in_identity(info, sizeof(struct hvm_start_info)))
        panic("boot: PVH start info is out of reach");
    const struct hvm_start_info *start = (const void *)(uintptr_t)info;
    // QEMU writes a command line of more than 4 KiB over what follows it, which is this.
    if (start->magic != HVM_START_MAGIC || start->version < 1)
        panic("boot: the loader's information is damaged (is the command line longer than 4 KiB?)");
    if (in_identity(start->command_line, 1))
        boot_command_line((const char *)start->command_line, IDENTITY_LIMIT - start->command_line);
    struct memory_entries entries = {(const uint8_t *)start->memory_map, sizeof(struct hvm_memory),
                                     start->memory_map_entries};
    if (!in_identity(start->memory_map, entries.count * entries.stride))
        panic("boot: the loader's memory map is out of reach");
    copy_memory_map(&entries);
    if (start->module_count > 0 && in_identity(start->modules, sizeof(struct hvm_module))) {
        const struct hvm_module *module = (const void *)start->modules;
        if (module->size != 0 && module->address <= UINT64_MAX - module->size)
            set_initrd(module->address, module->address + module->size);
    }
    return start->rsdp;
}

static void parse_memory_tag(const struct multiboot_tag *tag) {
    const struct multiboot_memory_map *map = (const void *)tag;
    if (tag->size < sizeof *map || map->entry_size < sizeof(struct multiboot_memory))
        return;
    struct memory_entries entries = {(const uint8_t *)(map + 1), map->entry_size,
                                     (tag->size - sizeof *map) / map->entry_size};
    copy_memory_map(&entries);
}

// Calls nothing but what the tag's size allows. `rsdp` gets the address of a copy of the RSDP within the tag.
static void parse_tag(const struct multiboot_tag *tag, uint64_t *rsdp) {
    switch (tag->type) {
    case MULTIBOOT_TAG_COMMAND_LINE:
        boot_command_line((const char *)(tag + 1), tag->size - sizeof *tag);
        break;
    case MULTIBOOT_TAG_MEMORY_MAP:
        parse_memory_tag(tag);
        break;
    case MULTIBOOT_TAG_ACPI_OLD:
        if (*rsdp == 0)
            *rsdp = (uintptr_t)(tag + 1);
        break;
    case MULTIBOOT_TAG_ACPI_NEW:
        *rsdp = (uintptr_t)(tag + 1);
        break;
    default:
        break;
    }
}

static uint64_t parse_multiboot(uint32_t info) {
    const struct multiboot_info *head = (const void *)(uintptr_t)info;
    if (!in_identity(info, sizeof *head) || !in_identity(info, head->size))
        panic("boot: Multiboot2 information is out of reach");
    uint64_t rsdp = 0;
    const struct multiboot_module *module = nullptr;
    for (uint32_t at = sizeof *head; at + sizeof(struct multiboot_tag) <= head->size;) {
        const struct multiboot_tag *tag = (const void *)((uintptr_t)info + at);
        if (tag->type == MULTIBOOT_TAG_END || tag->size < sizeof *tag || tag->size > head->size - at)
            break;
        if (tag->type == MULTIBOOT_TAG_MODULE && tag->size >= sizeof *module && module == nullptr)
            module = (const void *)tag; // looked at when the memory map is known
        parse_tag(tag, &rsdp);
        at += ALIGN_UP(tag->size, 8u);
    }
    if (module != nullptr)
        set_initrd(module->start, module->end);
    return rsdp;
}

uint64_t loader_parse(uint32_t magic, uint32_t info) {
    uint64_t rsdp = magic == LOADER_MULTIBOOT2 ? parse_multiboot(info) : parse_pvh(info);
    uint64_t image = image_phys(kernel_start);
    if (!boot_map_is_usable(&boot_info, image, ALIGN_UP((uint64_t)(image_phys(kernel_end)), PAGE_SIZE)))
        panic("boot: too little memory, or a memory map that leaves no room for the kernel");
    boot_memory_set(0, PAGE_SIZE, BOOT_MEMORY_RESERVED); // so that address 0 is nobody's
    boot_memory_set(LEGACY_LOW, LEGACY_HIGH, BOOT_MEMORY_RESERVED);
    boot_memory_set(image, image_phys(kernel_end), BOOT_MEMORY_KERNEL);
    if (boot_info.initrd_end != 0)
        boot_memory_set(boot_info.initrd_start, boot_info.initrd_end, BOOT_MEMORY_INITRD);
    return rsdp;
}
