// SPDX-License-Identifier: MPL-2.0
// Lets the parser (lib/acpi.c) read physical memory: the first 4 GiB, which are mapped one to one meanwhile.

#include "boot/boot_priv.h"
#include "boot/loader_info.h"
#include "x86_64_priv.h"
#include <lib/log.h>
#include <lib/string.h>

struct acpi_info acpi;
struct acpi_devices acpi_devices;

static const void *map_identity(const struct acpi_memory *memory, uint64_t start, size_t size) {
    if (start == 0 || start >= IDENTITY_LIMIT || size > IDENTITY_LIMIT - start)
        return nullptr;
    return (const void *)start;
}

// Where firmware leaves the root pointer: the first KiB of the extended BIOS data area, or the BIOS ROM.
static uint64_t find_rsdp(const struct acpi_memory *memory) {
    uint16_t segment;
    memcpy(&segment, (const void *)0x40eul, sizeof segment);
    uint64_t ebda = (uint64_t)segment << 4;
    uint64_t rsdp = 0;
    if (ebda >= 0x400 && ebda < 0xa0000)
        rsdp = acpi_find_rsdp(memory, ebda, ebda + 1024);
    return rsdp != 0 ? rsdp : acpi_find_rsdp(memory, 0xe0000, 0x100000);
}

void acpi_read(uint64_t rsdp) {
    const struct acpi_memory memory = {map_identity};
    if (rsdp == 0)
        rsdp = find_rsdp(&memory);
    acpi_parse(&memory, rsdp, &acpi);
    acpi_find_devices(&memory, &acpi, &acpi_devices);
    if (acpi.problems & ACPI_BAD_ROOT)
        klog(LOG_NOTICE, "acpi: no tables");
    if (acpi.problems & ACPI_BAD_CHECKSUM)
        klog(LOG_WARNING, "acpi: a table with a wrong checksum was left out");
    if (acpi.problems & ACPI_BAD_LENGTH)
        klog(LOG_WARNING, "acpi: a table contradicts itself and was left out in part");
    if (acpi.problems & ACPI_TOO_MANY)
        klog(LOG_WARNING, "acpi: more processors or interrupt controllers than we have room for");
}
