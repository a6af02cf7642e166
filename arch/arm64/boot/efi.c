// SPDX-License-Identifier: MPL-2.0
// UEFI starts the image as an application. Here we ask it for all that it knows (tables, command line, initrd, random
// bytes, the time, at last its map of memory), write that to boot_handoff, and end its services. efi_entry.S goes on.
//
// The image is not relocated yet, and lies wherever firmware has put it. So this file and efi_load.c hold no constant
// that is an address: the code itself reaches everything relative to where it runs.

#include "boot/efi.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <lib/string.h>

static const struct efi_guid loaded_image_guid = {
    0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid random_guid = {
    0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
static const struct efi_guid acpi_guid = {0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
static const struct efi_guid device_tree_guid = {
    0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};

enum { MAP_SPARE = 32, EXIT_TRIES = 4 }; // entries that the map may grow by meanwhile

void efi_say(const struct efi_start *start, const char *text) {
    uint16_t wide[128];
    size_t length = 0;
    while (text[length] != '\0' && length < ARRAY_SIZE(wide) - 3) {
        wide[length] = (uint16_t)text[length];
        length++;
    }
    wide[length++] = '\r';
    wide[length++] = '\n';
    wide[length] = 0;
    start->system->output->output_string(start->system->output, wide);
}

paddr_t efi_allocate(const struct efi_start *start, uint64_t size) {
    uint64_t address = 0, pages = ALIGN_UP(size, EFI_PAGE_SIZE) / EFI_PAGE_SIZE;
    if (start->boot->allocate_pages(EFI_ALLOCATE_ANY, EFI_MEMORY_LOADER_DATA, pages, &address) == 0)
        return address;
    efi_say(start, "Tessera: too little memory");
    return 0;
}

static void find_tables(const struct efi_start *start) {
    const struct efi_configuration *entry = start->system->configuration;
    for (uint64_t i = 0; i < start->system->configuration_count; i++, entry++) {
        if (memcmp(&entry->what, &acpi_guid, sizeof acpi_guid) == 0)
            boot_handoff.rsdp = (paddr_t)entry->table;
        else if (memcmp(&entry->what, &device_tree_guid, sizeof device_tree_guid) == 0)
            boot_handoff.device_tree = (paddr_t)entry->table;
    }
}

static void ask_random(const struct efi_start *start) {
    struct efi_random *random;
    if (start->boot->locate_protocol(&random_guid, nullptr, &random) != 0)
        return;
    boot_handoff.seeded = random->get(random, nullptr, sizeof boot_handoff.seed, boot_handoff.seed) == 0;
}

// Days from 1970 to a date: years begin in March here, so that the leap day is the last.
static int64_t days_from_date(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    int64_t shifted = (month + 9) % 12;
    return year * 365 + year / 4 - year / 100 + year / 400 + (shifted * 153 + 2) / 5 + day - 1 - 719468;
}

static void ask_time(const struct efi_start *start) {
    struct efi_time time;
    if (start->system->runtime->get_time(&time, nullptr) != 0)
        return;
    if (time.year < 1970 || time.month < 1 || time.month > 12)
        return;
    int64_t zone = time.zone == EFI_ZONE_UNKNOWN ? 0 : time.zone;
    boot_handoff.rtc_seconds = days_from_date(time.year, time.month, time.day) * 86400 + time.hour * 3600ll +
                               (time.minute + zone) * 60 + time.second;
    isb();
    boot_handoff.rtc_counter = sysreg_read(CNTVCT_EL0);
}

// The map changes with every call of firmware's, so it is asked for last, and again if firmware says that it has
// changed. Between the two no other service is allowed.
static efi_status leave(const struct efi_start *start) {
    uint64_t size = 0, key, stride = 0;
    uint32_t version;
    efi_status status = start->boot->get_memory_map(&size, nullptr, &key, &stride, &version);
    if (status != EFI_BUFFER_TOO_SMALL || stride < sizeof(struct efi_memory)) {
        efi_say(start, "Tessera: firmware gives no map of memory");
        return status != 0 ? status : EFI_NOT_FOUND;
    }
    uint64_t room = size + MAP_SPARE * stride;
    paddr_t map = efi_allocate(start, room);
    if (map == 0)
        return EFI_NOT_FOUND;
    for (unsigned i = 0; i < EXIT_TRIES; i++) {
        size = room;
        status = start->boot->get_memory_map(&size, (void *)map, &key, &stride, &version);
        if (status == 0)
            status = start->boot->exit_boot_services(start->image, key);
        if (status == 0)
            break;
    }
    boot_handoff.memory_map = map;
    boot_handoff.memory_map_size = size;
    boot_handoff.memory_map_stride = stride;
    return status; // an error: there is no console any more that could tell it
}

efi_status efi_main(efi_handle image, struct efi_system_table *system) {
    struct efi_start start = {.image = image, .system = system, .boot = system->boot};
    efi_status status = start.boot->handle_protocol(image, &loaded_image_guid, &start.loaded);
    if (status != 0) {
        efi_say(&start, "Tessera: firmware does not say how it has loaded us");
        return status;
    }
    find_tables(&start);
    if (boot_handoff.rsdp == 0 && boot_handoff.device_tree == 0) {
        efi_say(&start, "Tessera: firmware has neither a device tree nor ACPI tables");
        return EFI_NOT_FOUND;
    }
    status = efi_load_command_line(&start);
    if (status == 0)
        status = efi_load_initrd(&start);
    if (status != 0)
        return status;
    ask_random(&start);
    ask_time(&start);
    return leave(&start);
}
