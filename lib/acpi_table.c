// SPDX-License-Identifier: MPL-2.0
// One ACPI table: believed if its length and its checksum hold.
#include "acpi_priv.h"
#include <lib/acpi.h>

#define TABLE_SIZE_MAX (1u << 20) // firmware's largest, the DSDT, has some 100 KiB

bool acpi_checksum_ok(const uint8_t *bytes, size_t size) {
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

bool acpi_open_table(const struct acpi_memory *memory, uint64_t address, struct acpi_info *info, struct table *out) {
    if (address == 0)
        return false;
    const uint8_t *header = memory->map(memory, address, ACPI_TABLE_HEADER_SIZE);
    if (header == nullptr) {
        info->problems |= ACPI_BAD_LENGTH;
        return false;
    }
    struct table table = {header, ACPI_TABLE_HEADER_SIZE};
    uint32_t size = read32(&table, 4);
    if (size < ACPI_TABLE_HEADER_SIZE || size > TABLE_SIZE_MAX || memory->map(memory, address, size) == nullptr) {
        info->problems |= ACPI_BAD_LENGTH;
        return false;
    }
    table.bytes = memory->map(memory, address, size);
    table.size = size;
    if (!acpi_checksum_ok(table.bytes, size)) {
        info->problems |= ACPI_BAD_CHECKSUM;
        return false;
    }
    *out = table;
    return true;
}

struct acpi_register acpi_read_register(const struct table *table, uint32_t offset) {
    struct acpi_register none = {.space = ACPI_SPACE_NONE};
    uint8_t space = read8(table, offset);
    uint8_t access = read8(table, offset + 3);
    uint64_t address = read64(table, offset + 4);
    if (address == 0 || space > ACPI_SPACE_IO || access > 4)
        return none;
    return (struct acpi_register){
        .space = (enum acpi_space)space,
        .access_bytes = access == 0 ? 0 : (uint8_t)(1u << (access - 1)),
        .address = address,
    };
}
