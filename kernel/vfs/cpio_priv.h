// SPDX-License-Identifier: MPL-2.0
// The cpio "newc" format: a pure parser, without side effects, that never reads outside [at, end).
#pragma once

#include <lib/types.h>

struct cpio_member {
    const char *name; // NUL-terminated within the archive
    size_t name_length;
    const uint8_t *data;
    uint32_t inode, mode, uid, gid, links, mtime, size;
    uint32_t device_major, device_minor, special_major, special_minor;
};

enum cpio_result {
    CPIO_MEMBER,  // *member is filled, *at moved behind it
    CPIO_TRAILER, // end of one archive; another may follow
    CPIO_END,     // nothing but padding is left
    CPIO_CORRUPT, // *at is where it went wrong
};
// Reads the next member. Skips zero padding between archives.
enum cpio_result cpio_next(const uint8_t *base, const uint8_t **at, const uint8_t *end, struct cpio_member *member);
