// SPDX-License-Identifier: MPL-2.0
// Between the files of the ACPI parser: a table whose length and checksum hold, and how its contents are read.
#pragma once

#include <lib/acpi.h>
#include <lib/types.h>

#define ACPI_TABLE_HEADER_SIZE 36u

struct table {
    const uint8_t *bytes;
    uint32_t size;
};

// Little-endian numbers; 0 beyond the table's end.
static inline uint64_t read_bytes(const struct table *table, uint32_t offset, unsigned count) {
    if (offset > table->size || table->size - offset < count)
        return 0;
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++)
        value |= (uint64_t)table->bytes[offset + i] << (8 * i);
    return value;
}

static inline uint8_t read8(const struct table *table, uint32_t offset) {
    return (uint8_t)read_bytes(table, offset, 1);
}
static inline uint16_t read16(const struct table *table, uint32_t offset) {
    return (uint16_t)read_bytes(table, offset, 2);
}
static inline uint32_t read32(const struct table *table, uint32_t offset) {
    return (uint32_t)read_bytes(table, offset, 4);
}
static inline uint64_t read64(const struct table *table, uint32_t offset) {
    return read_bytes(table, offset, 8);
}

// --- acpi_table.c ---
// True if the bytes add up to 0.
bool acpi_checksum_ok(const uint8_t *bytes, size_t size);
// Maps and checks the table at `address`. False, with a problem noted unless the address is 0: it cannot be used.
bool acpi_open_table(const struct acpi_memory *memory, uint64_t address, struct acpi_info *info, struct table *out);
// A generic address structure at `offset`.
struct acpi_register acpi_read_register(const struct table *table, uint32_t offset);

// --- acpi_arm.c ---
// An entry of the MADT, if it is about the GIC.
void acpi_parse_gic(const struct table *entry, struct acpi_info *info);
void acpi_parse_gtdt(const struct table *gtdt, struct acpi_info *info);
void acpi_parse_spcr(const struct table *spcr, struct acpi_info *info);
