// SPDX-License-Identifier: MPL-2.0
// What firmware says of the machine: SMBIOS, also called DMI. An entry point says where the table is; the table is a
// row of structures, each with its strings behind it.
//
// These are bytes from outside: nothing is read beyond the sizes that are passed, whatever the bytes say.
#pragma once

#include <lib/types.h>

#define SMBIOS_ENTRY_MAX 32

struct smbios_entry {
    uint8_t bytes[SMBIOS_ENTRY_MAX];
    unsigned size;       // of the bytes that are the entry point's
    uint64_t table;      // physical address
    uint32_t table_size; // at most
    unsigned version;    // 0x0208: 2.8
};
// Looks for an entry point with good checksums in `size` bytes that begin at a multiple of 16, one of version 3 first.
bool smbios_find(const uint8_t *bytes, size_t size, struct smbios_entry *out);
// Bytes of the whole structures at the table's beginning, to the one that ends it (if there is one).
size_t smbios_table_length(const uint8_t *table, size_t size);

struct smbios_structure {
    const uint8_t *bytes;
    size_t length; // without the strings
    size_t total;  // with them and the zero that ends them
};
// The first structure of a type, in a table whose size is what smbios_table_length said. False: there is none.
bool smbios_lookup(const uint8_t *table, size_t size, uint8_t type, struct smbios_structure *out);
// The string whose number the byte at `offset` is; "" if it is blank or there is none of that number. nullptr: the
// structure is too short to say. It lies in the table.
const char *smbios_string(const struct smbios_structure *structure, size_t offset);
