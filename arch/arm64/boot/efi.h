// SPDX-License-Identifier: MPL-2.0
// The part of UEFI's interface that we use (UEFI specification 2.10; names shortened, what we do not call is `unused`).
// The calling convention is ours, AAPCS64. All text is UTF-16.
#pragma once

#include <lib/types.h>

typedef uint64_t efi_status; // the top bit set: an error
typedef struct efi_object *efi_handle;
typedef void efi_unused(void);
#define EFI_ERROR (1ull << 63)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR | 5)
#define EFI_NOT_FOUND (EFI_ERROR | 14)
#define EFI_PAGE_SIZE 4096ull

struct efi_guid {
    uint32_t a;
    uint16_t b, c;
    uint8_t d[8];
};

// --- memory ---

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

// --- tables ---

struct efi_table_header {
    uint64_t signature;
    uint32_t revision, size, checksum, reserved;
};

struct efi_text_output {
    efi_unused *reset;
    efi_status (*output_string)(struct efi_text_output *self, const uint16_t *text);
};

struct efi_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, padding;
    uint32_t nanosecond;
    int16_t zone; // minutes that local time is behind UTC
    uint8_t daylight, padding2;
};
#define EFI_ZONE_UNKNOWN 0x7ff

struct efi_runtime_services {
    struct efi_table_header header;
    efi_status (*get_time)(struct efi_time *time, void *capabilities);
};

enum { EFI_ALLOCATE_ANY = 0 };

struct efi_boot_services {
    struct efi_table_header header;
    efi_unused *task_priority[2];
    efi_status (*allocate_pages)(unsigned how, enum efi_memory_type type, uint64_t pages, uint64_t *address);
    efi_status (*free_pages)(uint64_t address, uint64_t pages);
    efi_status (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *stride, uint32_t *version);
    efi_unused *pools[2], *events[6], *installing[3];
    efi_status (*handle_protocol)(efi_handle handle, const struct efi_guid *protocol, void *interface);
    efi_unused *reserved, *notify, *locate_handle;
    efi_status (*locate_device_path)(const struct efi_guid *protocol, const void **path, efi_handle *device);
    efi_unused *tables, *images[4];
    efi_status (*exit_boot_services)(efi_handle image, uint64_t key);
    efi_unused *counter, *stall, *watchdog, *controllers[2], *opening[3], *listing[2];
    efi_status (*locate_protocol)(const struct efi_guid *protocol, void *registration, void *interface);
};
static_assert(offsetof(struct efi_boot_services, get_memory_map) == 56);
static_assert(offsetof(struct efi_boot_services, handle_protocol) == 152);
static_assert(offsetof(struct efi_boot_services, exit_boot_services) == 232);
static_assert(offsetof(struct efi_boot_services, locate_protocol) == 320);

struct efi_configuration {
    struct efi_guid what;
    const void *table;
};

struct efi_system_table {
    struct efi_table_header header;
    const uint16_t *vendor;
    uint32_t revision;
    efi_handle input_handle;
    void *input;
    efi_handle output_handle;
    struct efi_text_output *output;
    efi_handle error_handle;
    struct efi_text_output *error;
    struct efi_runtime_services *runtime;
    struct efi_boot_services *boot;
    uint64_t configuration_count;
    struct efi_configuration *configuration;
};
static_assert(offsetof(struct efi_system_table, boot) == 96);

// --- protocols ---

struct efi_loaded_image {
    uint32_t revision;
    efi_handle parent;
    struct efi_system_table *system;
    efi_handle device;
    void *file_path, *reserved;
    uint32_t options_size; // bytes
    const uint16_t *options;
    void *base;
    uint64_t size;
};

struct efi_file {
    uint64_t revision;
    efi_status (*open)(struct efi_file *self, struct efi_file **out, const uint16_t *name, uint64_t mode,
                       uint64_t attributes);
    efi_status (*close)(struct efi_file *self);
    efi_unused *delete;
    efi_status (*read)(struct efi_file *self, uint64_t *size, void *to);
    efi_unused *write;
    efi_status (*get_position)(struct efi_file *self, uint64_t *position);
    efi_status (*set_position)(struct efi_file *self, uint64_t position); // UINT64_MAX: its end
};
#define EFI_FILE_READ 1

struct efi_file_system {
    uint64_t revision;
    efi_status (*open_volume)(struct efi_file_system *self, struct efi_file **root);
};

struct efi_load_file {
    efi_status (*load)(struct efi_load_file *self, const void *path, bool boot_policy, uint64_t *size, void *to);
};

struct efi_random {
    efi_unused *information;
    efi_status (*get)(struct efi_random *self, const struct efi_guid *algorithm, uint64_t size, uint8_t *to);
};

// --- between efi.c and efi_load.c ---

struct efi_start {
    efi_handle image;
    struct efi_system_table *system;
    struct efi_boot_services *boot;
    struct efi_loaded_image *loaded;
};

efi_status efi_main(efi_handle image, struct efi_system_table *system);
// One line on firmware's console.
void efi_say(const struct efi_start *start, const char *text);
// Memory that stays; 0, with a message: there is none.
paddr_t efi_allocate(const struct efi_start *start, uint64_t size);
// Command line and initrd into boot_handoff. What is not there is no error, what cannot be read is.
efi_status efi_load_command_line(const struct efi_start *start);
efi_status efi_load_initrd(const struct efi_start *start);
