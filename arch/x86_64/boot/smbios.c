// SPDX-License-Identifier: MPL-2.0
// Copies firmware's description of the machine to where it stays. Like acpi.c, while the first 4 GiB are mapped one to
// one: a BIOS leaves the entry point in the last 64 KiB of the first MiB.
#include "boot/boot_priv.h"
#include "boot/loader_info.h"
#include <lib/log.h>
#include <lib/smbios.h>
#include <lib/string.h>

#define ENTRY_START 0xf0000ul
#define ENTRY_END 0x100000ul
#define TABLE_MAX 0x10000u // more is cut off

static void copy(const void *from, size_t size, struct boot_bytes *to) {
    uint8_t *bytes = boot_alloc(size);
    memcpy(bytes, from, size);
    *to = (struct boot_bytes){bytes, size};
}

void smbios_read(void) {
    struct smbios_entry entry;
    if (!smbios_find((const uint8_t *)ENTRY_START, ENTRY_END - ENTRY_START, &entry))
        return;
    size_t size = MIN(entry.table_size, TABLE_MAX);
    if (entry.table == 0 || entry.table >= IDENTITY_LIMIT || size > IDENTITY_LIMIT - entry.table) {
        klog(LOG_NOTICE, "smbios: the table is out of reach");
        return;
    }
    size = smbios_table_length((const uint8_t *)entry.table, size);
    if (size == 0) {
        klog(LOG_WARNING, "smbios: a damaged table was left out");
        return;
    }
    copy(entry.bytes, entry.size, &boot_info.smbios_entry);
    copy((const void *)entry.table, size, &boot_info.smbios_table);
    boot_info.smbios_version = entry.version;
}
