// SPDX-License-Identifier: MPL-2.0
// SMBIOS, read once at boot. See lib/smbios.h.
#include <lib/smbios.h>
#include <lib/string.h>

enum { HEADER_SIZE = 4, TYPE_END = 127 };
enum { OLD_MIN = 30, OLD_MAX = 32, OLD_SECOND = 16, OLD_SECOND_SIZE = 15, NEW_MIN = 24, NEW_MAX = 32 };
enum { STEP = 16 };

static uint64_t number_at(const uint8_t *bytes, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static bool sums_to_zero(const uint8_t *bytes, size_t size) {
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static bool parse_new(const uint8_t *bytes, size_t left, struct smbios_entry *out) {
    if (left < NEW_MIN || memcmp(bytes, "_SM3_", 5) != 0)
        return false;
    unsigned size = bytes[6];
    if (size < NEW_MIN || size > NEW_MAX || size > left || !sums_to_zero(bytes, size))
        return false;
    *out = (struct smbios_entry){.size = size,
                                 .version = (unsigned)bytes[7] << 8 | bytes[8],
                                 .table_size = (uint32_t)number_at(bytes + 12, 4),
                                 .table = number_at(bytes + 16, 8)};
    memcpy(out->bytes, bytes, size);
    return true;
}

static bool parse_old(const uint8_t *bytes, size_t left, struct smbios_entry *out) {
    if (left < OLD_MAX || memcmp(bytes, "_SM_", 4) != 0)
        return false;
    unsigned size = bytes[5];
    if (size < OLD_MIN || size > OLD_MAX || !sums_to_zero(bytes, size))
        return false;
    if (memcmp(bytes + OLD_SECOND, "_DMI_", 5) != 0 || !sums_to_zero(bytes + OLD_SECOND, OLD_SECOND_SIZE))
        return false;
    *out = (struct smbios_entry){.size = size,
                                 .version = (unsigned)bytes[6] << 8 | bytes[7],
                                 .table_size = (uint32_t)number_at(bytes + 22, 2),
                                 .table = number_at(bytes + 24, 4)};
    memcpy(out->bytes, bytes, size);
    return true;
}

bool smbios_find(const uint8_t *bytes, size_t size, struct smbios_entry *out) {
    for (size_t at = 0; at < size; at += STEP)
        if (parse_new(bytes + at, size - at, out))
            return true;
    for (size_t at = 0; at < size; at += STEP)
        if (parse_old(bytes + at, size - at, out))
            return true;
    return false;
}

// The structure at `at`, if all of it lies in the table.
static bool structure_at(const uint8_t *table, size_t size, size_t at, struct smbios_structure *out) {
    if (at > size || size - at < HEADER_SIZE + 2)
        return false;
    size_t length = table[at + 1], end = at + length;
    if (length < HEADER_SIZE)
        return false;
    while (end + 2 <= size && (table[end] != 0 || table[end + 1] != 0)) // two zeros end the strings
        end++;
    *out = (struct smbios_structure){table + at, length, end + 2 - at};
    return end + 2 <= size;
}

size_t smbios_table_length(const uint8_t *table, size_t size) {
    struct smbios_structure structure;
    size_t at = 0;
    while (structure_at(table, size, at, &structure)) {
        at += structure.total;
        if (structure.bytes[0] == TYPE_END)
            break;
    }
    return at;
}

bool smbios_lookup(const uint8_t *table, size_t size, uint8_t type, struct smbios_structure *out) {
    for (size_t at = 0; structure_at(table, size, at, out); at += out->total)
        if (out->bytes[0] == type)
            return true;
    return false;
}

static bool is_blank(const char *text) {
    while (*text == ' ')
        text++;
    return *text == '\0';
}

const char *smbios_string(const struct smbios_structure *structure, size_t offset) {
    if (offset >= structure->length)
        return nullptr;
    unsigned number = structure->bytes[offset];
    const char *text = (const char *)structure->bytes + structure->length;
    if (number == 0)
        return "";
    while (--number > 0 && *text != '\0') // the empty string comes after the last
        text += strlen(text) + 1;
    return is_blank(text) ? "" : text;
}
