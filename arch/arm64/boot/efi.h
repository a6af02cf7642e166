// SPDX-License-Identifier: MPL-2.0
// The part of UEFI's interface that we use (UEFI specification 2.10; names shortened). The calling convention is ours,
// AAPCS64. All text is UTF-16.
#pragma once

#include <lib/types.h>

typedef uint64_t efi_status; // the top bit set: an error
typedef struct efi_object *efi_handle;
#define EFI_ERROR (1ull << 63)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR | 5)

struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

enum efi_memory_type : uint32_t {
    EFI_MEMORY_RESERVED = 0,
    EFI_MEMORY_LOADER_CODE = 1,
    EFI_MEMORY_LOADER_DATA = 2,
    EFI_MEMORY_BOOT_CODE = 3,
    EFI_MEMORY_BOOT_DATA = 4,
    EFI_MEMORY_RUNTIME_CODE = 5,
    EFI_MEMORY_RUNTIME_DATA = 6,
    EFI_MEMORY_CONVENTIONAL = 7,
    EFI_MEMORY_UNUSABLE = 8,
    EFI_MEMORY_ACPI_RECLAIM = 9,
    EFI_MEMORY_ACPI_NVS = 10,
    EFI_MEMORY_MMIO = 11,
    EFI_MEMORY_MMIO_PORT = 12,
};

#define EFI_ATTRIBUTE_WRITE_BACK 8u // memory that can be mapped as ordinary memory

struct efi_memory { // what follows in the map is as far away as the map's stride says
    enum efi_memory_type type;
    uint32_t padding;
    uint64_t start, virtual_start;
    uint64_t pages; // of 4 KiB
    uint64_t attributes;
};
static_assert(sizeof(struct efi_memory) == 40);
