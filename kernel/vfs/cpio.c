// SPDX-License-Identifier: MPL-2.0
// Parser of cpio archives in the "newc" format (070701, and 070702 with checksums).
//
// A member is a header of 110 characters, hexadecimal numbers of eight digits each, its name with a NUL, padding to
// four bytes, its data, padding again. Padding counts from the start of the archive, which Linux takes as the start of
// the whole initramfs; archives in it begin at multiples of four.
#include "cpio_priv.h"

#include <lib/string.h>

enum { HEADER_SIZE = 110, FIELD_COUNT = 13, NAME_SIZE_MAX = 4096 };
enum { INODE, MODE, UID, GID, LINKS, MTIME, SIZE, MAJOR, MINOR, SPECIAL_MAJOR, SPECIAL_MINOR, NAME_SIZE, CHECK };

static bool hex_field(const uint8_t *at, uint32_t *value) {
    *value = 0;
    for (int i = 0; i < 8; i++) {
        uint8_t c = at[i], lower = c | 0x20, digit;
        if (c >= '0' && c <= '9')
            digit = (uint8_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            digit = (uint8_t)(lower - 'a' + 10);
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static bool header_fields(const uint8_t *header, uint32_t field[FIELD_COUNT]) {
    if (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0)
        return false;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (!hex_field(header + 6 + 8 * i, &field[i]))
            return false;
    return true;
}

static size_t padding(const uint8_t *base, const uint8_t *at) {
    return -(size_t)(at - base) & 3;
}

enum cpio_result cpio_next(const uint8_t *base, const uint8_t **at, const uint8_t *end, struct cpio_member *member) {
    const uint8_t *p = *at;
    while (p < end && *p == 0)
        p++;
    *at = p;
    if (p == end)
        return CPIO_END;
    uint32_t field[FIELD_COUNT];
    if (end - p < HEADER_SIZE || !header_fields(p, field))
        return CPIO_CORRUPT;
    p += HEADER_SIZE;
    size_t name_size = field[NAME_SIZE], left = (size_t)(end - p);
    if (name_size == 0 || name_size > NAME_SIZE_MAX || name_size > left || p[name_size - 1] != 0)
        return CPIO_CORRUPT;
    const char *name = (const char *)p;
    p += name_size;
    p += MIN(padding(base, p), (size_t)(end - p));
    if (field[SIZE] > (size_t)(end - p))
        return CPIO_CORRUPT;
    *member = (struct cpio_member){
        .name = name,
        .name_length = strlen(name),
        .data = p,
        .inode = field[INODE],
        .mode = field[MODE],
        .uid = field[UID],
        .gid = field[GID],
        .links = field[LINKS],
        .mtime = field[MTIME],
        .size = field[SIZE],
        .device_major = field[MAJOR],
        .device_minor = field[MINOR],
        .special_major = field[SPECIAL_MAJOR],
        .special_minor = field[SPECIAL_MINOR],
    };
    p += field[SIZE];
    p += MIN(padding(base, p), (size_t)(end - p));
    *at = p;
    return strcmp(name, "TRAILER!!!") == 0 ? CPIO_TRAILER : CPIO_MEMBER;
}
