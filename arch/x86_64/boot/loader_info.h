// SPDX-License-Identifier: MPL-2.0
// What the two kinds of loader hand over: PVH's start info and Multiboot2's tags. All of it is bytes
// from outside: sizes and addresses are checked before use (loader.c).
#pragma once

#include <lib/types.h>

#define LOADER_PVH 0u
#define LOADER_MULTIBOOT2 0x36d76289u

#define HVM_START_MAGIC 0x336ec578u

struct hvm_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t module_count;
    uint64_t modules; // struct hvm_module[]
    uint64_t command_line;
    uint64_t rsdp;
    // version 1 and later
    uint64_t memory_map; // struct hvm_memory[]
    uint32_t memory_map_entries;
    uint32_t reserved;
};

struct hvm_module {
    uint64_t address;
    uint64_t size;
    uint64_t command_line;
    uint64_t reserved;
};

struct hvm_memory {
    uint64_t address;
    uint64_t size;
    uint32_t type; // as in E820
    uint32_t reserved;
};

enum {
    MULTIBOOT_TAG_END = 0,
    MULTIBOOT_TAG_COMMAND_LINE = 1,
    MULTIBOOT_TAG_MODULE = 3,
    MULTIBOOT_TAG_MEMORY_MAP = 6,
    MULTIBOOT_TAG_ACPI_OLD = 14,
    MULTIBOOT_TAG_ACPI_NEW = 15,
};

struct multiboot_info {
    uint32_t size;
    uint32_t reserved;
};

struct multiboot_tag {
    uint32_t type;
    uint32_t size; // with this header; the next tag is at the next multiple of 8
};

struct multiboot_module {
    struct multiboot_tag tag;
    uint32_t start, end;
    char command_line[];
};

struct multiboot_memory_map {
    struct multiboot_tag tag;
    uint32_t entry_size;
    uint32_t entry_version;
};

struct multiboot_memory {
    uint64_t address;
    uint64_t size;
    uint32_t type; // as in E820
    uint32_t reserved;
};

// The first 4 GiB are mapped one to one while boot information is read; beyond that nothing is looked at.
#define IDENTITY_LIMIT (4ull << 30)

static_assert(sizeof(struct hvm_start_info) == 56);
static_assert(sizeof(struct hvm_module) == 32);
static_assert(sizeof(struct hvm_memory) == 24);
static_assert(sizeof(struct multiboot_memory) == 24);
